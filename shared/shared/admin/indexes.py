"""Indexes built before a roll-out, and those that nobody wants any more dropped after it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from shared.store.mongo import Collection
from shared.store.operations import Index

WantedIndexes = Sequence[tuple[Collection, Sequence[Index]]]
"""Each collection with the indexes that this version finds by."""
Progress = Callable[[str], None]


async def build(wanted: WantedIndexes, *, drop: bool, progress: Progress) -> dict[str, list[str]]:
    """Collection -> the names of its indexes that are left over from another version; with `drop` they are gone then.

    Without `drop` a version before this one finds as quickly as ever. Raises: Unavailable.
    """
    left: dict[str, list[str]] = {}
    for collection, indexes in wanted:
        plan = await collection.index_plan(indexes)
        if plan:
            progress(f"{collection.name}: building {len(plan.build)} for {await collection.about():,} documents")
            await collection.build_indexes(plan)
        if drop:
            await collection.drop_indexes(plan.unwanted)
        left[collection.name] = list(plan.unwanted)
    return left
