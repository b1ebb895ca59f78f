"""Documents written anew as they are: what an older version wrote gets the search fields that this version derives.

Each by the one write that everything goes through, guarded by its version; nothing but `index`, `due` and the version
change, and no event is sent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from shared.domain.rules import Change, Refused
from shared.store.store import Store

PAGE_SIZE = 200
Progress = Callable[[str, str, int], None]
"""Hears after each page: the store, the last id, how many were written."""


async def reindex(
    stores: Mapping[str, Store[Any]],
    only: str | None = None,
    after: str = "",
    progress: Progress = lambda store, id, written: None,
) -> dict[str, int]:
    """Store -> how many of its documents were written. `after`: an id to go on behind, with `only`.

    Raises: Refused (no such store), Unavailable.
    """
    if only is not None and only not in stores:
        raise Refused("store_unknown", f"There is no {only} here; there is {', '.join(stores)}.", status=404)
    if after and only is None:
        raise Refused("store_missing", "With --after say which collection: --store NAME.", status=400)
    names = [only] if only else list(stores)
    return {name: await _one(stores[name], name, after, progress) for name in names}


async def _one(store: Store[Any], name: str, after: str, progress: Progress) -> int:
    written = 0
    await store.prepare()
    async for page in store.collection.pages(PAGE_SIZE, after=after, fields=("_id",)):
        for document in page:
            written += (await store.apply(document["_id"], _as_it_is)).changed
        progress(name, page[-1]["_id"], written)
    return written


def _as_it_is(state: Any, now: datetime) -> Change[Any] | None:
    return None if state is None else Change(state)
