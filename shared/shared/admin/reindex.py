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

PAGE = 200
Said = Callable[[str, str, int], None]


class Reindex:
    def __init__(self, stores: Mapping[str, Store[Any]]) -> None:
        self._stores = stores

    async def run(self, only: str | None, after: str, said: Said = lambda store, id, written: None) -> dict[str, int]:
        """Store name -> how many were written. `after`: an id to go on behind, with `only`. `said` hears store, last
        id and number after each page. Raises: Refused (no such store), Unavailable."""
        if only is not None and only not in self._stores:
            raise Refused("store_unknown", f"There is no {only} here; there is {', '.join(self._stores)}.", status=404)
        if after and only is None:
            raise Refused("store_missing", "With --after say which collection: --store NAME.", status=400)
        names = [only] if only else list(self._stores)
        return {name: await self._one(name, after, said) for name in names}

    async def _one(self, name: str, after: str, said: Said) -> int:
        store, written = self._stores[name], 0
        await store.prepare()
        async for page in store.collection.pages(PAGE, after=after, fields=("_id",)):
            for document in page:
                written += (await store.apply(document["_id"], _as_it_is)).changed
            said(name, page[-1]["_id"], written)
        return written


def _as_it_is(state: Any, now: datetime) -> Change[Any] | None:
    return None if state is None else Change(state)
