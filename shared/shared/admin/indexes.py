"""Indexes built before a roll-out, and those that nobody wants any more dropped after it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence

from shared.store.indexes import IndexPlan
from shared.store.mongo import Collection
from shared.store.operations import Index

log = logging.getLogger(__name__)

WantedIndexes = Sequence[tuple[Collection, Sequence[Index]]]
"""Each collection with the indexes that this version finds by."""
Progress = Callable[[str], None]


async def build(wanted: WantedIndexes, *, drop: bool, progress: Progress) -> dict[str, list[str]]:
    """Collection -> the names of its indexes that are left over from another version; with `drop` they are gone then.

    Without `drop` a version before this one finds as quickly as ever. `progress` hears of collections that take time.
    Raises: Unavailable.
    """
    left: dict[str, list[str]] = {}
    for collection, indexes in wanted:
        plan = await collection.index_plan(indexes)
        if plan:
            await _build(collection, plan, progress)
        if drop:
            await collection.drop_indexes(plan.unwanted)
        left[collection.name] = list(plan.unwanted)
    return left


async def _build(collection: Collection, plan: IndexPlan, progress: Progress) -> None:
    documents, began = await collection.about(), time.monotonic()
    if documents:
        progress(f"building {len(plan.build)} for {documents:,} documents of {collection.name}")
    await collection.build_indexes(plan)
    if documents:
        took = time.monotonic() - began
        log.info("%d indexes of %s are built (%.1f s)", len(plan.build), collection.name, took)
