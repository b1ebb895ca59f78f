"""Pages of lists: narrow ranges of one index, ordered by a unique key, forwards and backwards by signed cursors.

Where a range should end is not known before it is read. Milestones say it: every 16th customer or so, and every 4096th,
is in an index of its own. So a page is read by a few short ranges, each longer than the one before, and costs the same
in a list of a hundred and of a million, on any server.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass

from config_svc.domain.model import Customer
from config_svc.queries.index import EVERY, FAR, NEAR, TOP
from config_svc.queries.ranges import FEW, SHOWN, Query, customers, health, invitations
from shared.http.pagination import Cursors
from shared.store.operations import Document
from shared.store.store import Store, StoredDocument

__all__ = ["Lists", "Query", "Slice", "customers", "health", "invitations"]

BATCH, EXPORT_STEP = 160, 500
ENOUGH = 10
"""Rows with which a page of a search may end once a batch was looked at: they are shown now, the rest with the next."""
LOOKED_AT = 5000
"""Documents looked at for one page at most: a search for what is rare goes on with the next page."""
MOST_STONES = {NEAR: 64, FAR: 300}
AMPLE, SPARSE = 1.5, 3.0
"""A first range is to hold so many times what is wanted, since one that holds too little costs a second look. Sparse:
the milestones are those of a longer list."""
LEAP = EVERY[FAR] // EVERY[NEAR]
HINTS_KEPT, HINT_SECONDS = 500, 30.0
"""Milestones of as many ranges are remembered for so long: old ones make a range somewhat longer, never wrong."""


@dataclass(frozen=True, slots=True)
class Slice:
    """One page: its rows, and the cursors of the pages beside it."""

    rows: tuple[StoredDocument[Customer], ...]
    next: str | None = None
    previous: str | None = None


@dataclass(frozen=True, slots=True)
class Read:
    """Rows in the order asked for. `stopped`: where the looking was given up before it came to the end."""

    documents: list[Document]
    stopped: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """What is still to be read: behind `start` (`inclusive`: with it), up to the list's end, rising or falling."""

    query: Query
    start: str | None
    falls: bool
    inclusive: bool = False

    def to(self, stone: str | None, start: str | None = None, inclusive: bool = False) -> dict[str, str]:
        """The bounds from `start` to a milestone (with it), or to the end."""
        begin, prefix, equal = start or self.start, self.query.prefix, "e" if inclusive else ""
        if self.falls:
            return {"$lt" + equal: begin or prefix + TOP, **({"$gte": stone} if stone else {"$gt": prefix})}
        return {"$gt" + equal: begin or prefix, **({"$lte": stone} if stone else {"$lt": prefix + TOP})}

    def holds(self, key: str) -> bool:
        if self.start is None or key == self.start:
            return self.start is None or self.inclusive
        return (key < self.start) == self.falls


class Lists:
    def __init__(self, store: Store[Customer], cursors: Cursors) -> None:
        self._store, self._cursors = store, cursors
        self._milestones = Milestones(store)

    async def page(self, query: Query, limit: int, cursor: str | None = None) -> Slice:
        """Raises: Refused (400) for a cursor of another list."""
        place = self._cursors.read(query.scope, cursor)
        backwards, start = (bool(place[0]), str(place[1])) if place else (False, None)
        span = Span(
            query=query,
            start=start,
            falls=query.descending != backwards,
            inclusive=bool(place and place[2:] and place[2]),
        )
        read = await self._few(span, limit + 1) or await self._read(span, limit + 1, hasty=query.sifts)
        documents = await self._whole(read.documents[:limit])
        more = len(read.documents) > limit
        last = documents[-1] if documents else None
        edge = _key(query, last) if more and last else read.stopped
        if backwards:
            documents.reverse()
        first = _key(query, documents[0]) if documents else None
        after = (_key(query, documents[-1]) if documents else start) if backwards else edge
        before = edge if backwards else (first or start) if start is not None else None
        return Slice(
            tuple(self._store.stored(document) for document in documents),
            self._cursor(query, False, after, not documents and backwards),
            self._cursor(query, True, before, not documents and not backwards),
        )

    def _cursor(self, query: Query, backwards: bool, key: str | None, inclusive: bool) -> str | None:
        """`inclusive`: back from a page without rows, which begins behind the key: so with what stands there."""
        values = (backwards, key, *([True] if inclusive else []))
        return self._cursors.write(query.scope, values) if key else None

    async def every(self, query: Query) -> AsyncIterator[StoredDocument[Customer]]:
        """All rows, for an export: page by page, each by the index."""
        start: str | None = None
        while True:
            read = await self._read(Span(query=query, start=start, falls=query.descending), EXPORT_STEP)
            for document in await self._whole(read.documents):
                yield self._store.stored(document)
            start = _key(query, read.documents[-1]) if len(read.documents) == EXPORT_STEP else read.stopped
            if start is None:
                return

    async def named(self, ids: Iterable[str]) -> dict[str, Customer]:
        """The customers of these ids, as they are now."""
        documents = await self._store.collection.find_ids(ids, fields=SHOWN)
        return {document["_id"]: self._store.stored(document).state for document in documents}

    # --- reading -------------------------------------------------------------------------------------------------

    async def _few(self, span: Span, limit: int) -> Read | None:
        """The rows of a search that finds few, in any order; None for others."""
        query, few = span.query, span.query.few
        if few is None:
            return None
        all_of_it = Span(query=few, start=None, falls=few.descending)
        if await self._milestones.more_than(all_of_it, FEW):
            return None
        read = await self._read(all_of_it, FEW)
        if len(read.documents) == FEW or read.stopped:
            return None
        rows = (row for row in read.documents if _key(query, row).startswith(query.prefix))
        found = sorted(rows, key=lambda row: _key(query, row), reverse=span.falls)
        return Read([row for row in found if span.holds(_key(query, row))][:limit])

    async def _read(self, span: Span, limit: int, hasty: bool = False) -> Read:
        """By range after range to the list's end, or until `limit` rows are there or LOOKED_AT were looked at. `hasty`:
        ends with ENOUGH rows already, once a batch was looked at."""
        rows: list[Document] = []
        size = BATCH if span.query.looks else limit
        start, looked, inclusive = span.start, 0, span.inclusive
        stones = Stones(self._milestones, span, BATCH if span.query.sifts else limit)
        while True:
            stone, held, before = await stones.after(start), 0, len(rows)
            while True:
                documents, inclusive = await self._find(span, span.to(stone, start, inclusive), size), False
                rows += [document for document in documents if span.query.fits(document)]
                held += len(documents)
                if len(rows) >= limit:
                    return Read(rows[:limit])
                if len(documents) < size:
                    break
                start = _key(span.query, documents[-1])
                if hasty and len(rows) >= ENOUGH:
                    return Read(rows, start)
            if stone is None:
                return Read(rows)
            start, looked = stone, looked + held
            if looked >= LOOKED_AT or (hasty and len(rows) >= ENOUGH):
                return Read(rows, start)
            stones.aim((ENOUGH if hasty else limit) - len(rows), len(rows) - before, held, size)

    async def _find(self, span: Span, bounds: dict[str, str], size: int) -> list[Document]:
        sort = ((f"index.{span.query.key}", -1 if span.falls else 1),)
        return await self._store.collection.find(
            span.query.where(bounds), sort=sort, limit=size, fields=span.query.fields
        )

    async def _whole(self, rows: list[Document]) -> list[Document]:
        """The same rows with what is shown of them, where only their keys were read."""
        bare = [row["_id"] for row in rows if "state" not in row]
        found = {row["_id"]: row for row in await self._store.collection.find_ids(bare, fields=SHOWN)}
        return [row | found.get(row["_id"], {}) for row in rows if "state" in row or row["_id"] in found]


class Milestones:
    """The milestones of ranges, remembered for a while: most pages are asked for again and again."""

    def __init__(self, store: Store[Customer]) -> None:
        self._store = store
        self._kept: OrderedDict[object, tuple[float, tuple[str, ...]]] = OrderedDict()

    async def read(
        self, level: str, span: Span, start: str | None, end: str | None, most: int | None = None
    ) -> tuple[str, ...]:
        """In the range's order, between `start` and `end` (None: its beginning, its end), `most` of them."""
        most = most or MOST_STONES[level]
        query, key = span.query, f"{level}_{span.query.stones}"
        bounds = {operator: bound.removeprefix(query.group) for operator, bound in span.to(end, start).items()}
        only = {f"index.{level}_{name}": value for name, value in query.only.items()}
        what = (key, tuple(only.items()), tuple(bounds.items()), span.falls, most)
        until, found = self._kept.get(what, (0.0, ()))
        if time.monotonic() >= until:
            sort = ((f"index.{key}", -1 if span.falls else 1),)
            documents = await self._store.collection.find(
                {**only, f"index.{key}": bounds}, sort=sort, limit=most, fields=(f"index.{key}",)
            )
            found = tuple(document["index"][key] for document in documents)
            self._keep(what, found)
        return tuple(query.group + stone for stone in found)

    async def more_than(self, span: Span, count: int) -> bool:
        """Whether the range has about so many rows and half as many again, or more: right enough to choose by."""
        if len(await self.read(FAR, span, None, None)) >= 2:
            return True
        enough = round(1.5 * count / EVERY[NEAR])
        return len(await self.read(NEAR, span, None, None, enough)) == enough

    def _keep(self, what: object, found: tuple[str, ...]) -> None:
        self._kept[what] = (time.monotonic() + HINT_SECONDS, found)
        self._kept.move_to_end(what)
        while len(self._kept) > HINTS_KEPT:
            self._kept.popitem(last=False)


class Stones:
    """The milestones ahead: where the next range is to end, the further away the fewer the last one gave."""

    def __init__(self, milestones: Milestones, span: Span, size: int) -> None:
        self._milestones, self._span = milestones, span
        ample = 1.0 if span.query.sifts else SPARSE if span.query.sparse else AMPLE
        self._step = max(1, round(size * ample / EVERY[NEAR]))
        self._near: list[str] = []
        self._far: list[str] | None = None

    async def after(self, start: str | None) -> str | None:
        """The end of the range that begins there; None for the list's end."""
        if self._far is None:
            self._far = await self._read(FAR, start, None)
        if not self._near and (self._step < LEAP or not self._far):
            self._near = await self._read(NEAR, start, self._far[0] if self._far else None)
        stones, step = (self._near, self._step) if self._near else (self._far, self._step // LEAP or 1)
        if not stones:
            return None
        stone = stones[min(step, len(stones)) - 1]
        del stones[:step]
        if self._far and stone == self._far[0]:
            del self._far[0]
        return stone

    def aim(self, missing: int, got: int, held: int, size: int) -> None:
        """The next range is to give what is missing, if it gives as much as the last one did, and to hold what one
        find takes (`size`) at most."""
        most = min(4.0, size / held if held else 4.0)
        self._step = max(2, round(self._step * min(most, missing * AMPLE / got if got else most)))

    async def _read(self, level: str, start: str | None, end: str | None) -> list[str]:
        return list(await self._milestones.read(level, self._span, start, end))


def _key(query: Query, document: Document) -> str:
    return str(document["index"][query.key])
