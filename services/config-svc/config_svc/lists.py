"""Pages of lists: narrow ranges of one index, ordered by a unique key, forwards and backwards by signed cursors.

Where a range should end is not known before it is read. Milestones say it: every 64th customer or so, and every 4096th,
is in an index of its own. So a page is read by a few short ranges, each longer than the one before, and costs the same
in a list of a hundred and of a million, on any server.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass

from config_svc.domain.model import Customer
from config_svc.index import EVERY, FAR, NEAR, TOP
from config_svc.queries import FEW, Query, customers, health, invitations
from shared.cursors import Cursors
from shared.mongo import Document
from shared.store import Found, Store

__all__ = ["Lists", "Query", "Slice", "customers", "health", "invitations"]

BATCH, EXPORT_STEP = 400, 500
LOOKED_AT = 5000
"""Documents looked at for one page at most: a search for what is rare goes on with the next page."""
MOST_STONES = 300
LEAP = EVERY[FAR] // EVERY[NEAR]


@dataclass(frozen=True, slots=True)
class Slice:
    """One page: its rows, and the cursors of the pages beside it."""

    rows: tuple[Found[Customer], ...]
    next: str | None = None
    previous: str | None = None


@dataclass(frozen=True, slots=True)
class Read:
    """Rows in the order asked for. `stopped`: where the looking was given up before it came to the end."""

    documents: list[Document]
    stopped: str | None = None


@dataclass(frozen=True, slots=True)
class Span:
    """What is still to be read: behind `start`, up to the list's end, rising or falling."""

    query: Query
    start: str | None
    falls: bool

    def to(self, stone: str | None, start: str | None = None) -> dict[str, str]:
        """The bounds from `start` to a milestone (with it), or to the end."""
        begin, prefix = start or self.start, self.query.prefix
        if self.falls:
            return {"$lt": begin or prefix + TOP, **({"$gte": stone} if stone else {"$gt": prefix})}
        return {"$gt": begin or prefix, **({"$lte": stone} if stone else {"$lt": prefix + TOP})}


class Lists:
    def __init__(self, store: Store[Customer], cursors: Cursors) -> None:
        self._store, self._cursors = store, cursors

    async def page(self, query: Query, limit: int, cursor: str | None = None) -> Slice:
        """Raises: Refused (400) for a cursor of another list."""
        place = self._cursors.read(query.scope, cursor)
        backwards, start = (bool(place[0]), str(place[1])) if place else (False, None)
        span = Span(query, start, query.descending != backwards)
        read = await self._few(span, limit + 1) or await self._read(span, limit + 1)
        documents = read.documents[:limit]
        more = len(read.documents) > limit
        last = documents[-1] if documents else None
        edge = _key(query, last) if more and last else read.stopped
        if backwards:
            documents.reverse()
        first = _key(query, documents[0]) if documents else None
        after = (_key(query, documents[-1]) if documents else start) if backwards else edge
        before = edge if backwards else (first or start) if start is not None else None
        return Slice(
            tuple(self._store.found(document) for document in documents),
            self._cursors.write(query.scope, (False, after)) if after else None,
            self._cursors.write(query.scope, (True, before)) if before else None,
        )

    async def every(self, query: Query) -> AsyncIterator[Found[Customer]]:
        """All rows, for an export: page by page, each by the index."""
        start: str | None = None
        while True:
            read = await self._read(Span(query, start, query.descending), EXPORT_STEP)
            for document in read.documents:
                yield self._store.found(document)
            start = _key(query, read.documents[-1]) if len(read.documents) == EXPORT_STEP else read.stopped
            if start is None:
                return

    async def named(self, ids: Iterable[str]) -> dict[str, Customer]:
        """The customers of these ids, as they are now."""
        documents = await self._store.collection.find_ids(ids, fields=("version", "state", "unsent"))
        return {document["_id"]: self._store.found(document).state for document in documents}

    # --- reading -------------------------------------------------------------------------------------------------

    async def _few(self, span: Span, limit: int) -> Read | None:
        """The rows of a search that finds few, in any order; None for others."""
        query, few = span.query, span.query.few
        if few is None:
            return None
        read = await self._read(Span(few, None, few.descending), FEW)
        if len(read.documents) == FEW or read.stopped:
            return None
        rows = (row for row in read.documents if _key(query, row).startswith(query.prefix))
        found = sorted(rows, key=lambda row: _key(query, row), reverse=span.falls)
        behind = [row for row in found if span.start is None or (_key(query, row) < span.start) == span.falls]
        return Read([row for row in behind if _key(query, row) != span.start][:limit])

    async def _read(self, span: Span, limit: int) -> Read:
        rows: list[Document] = []
        start, looked, stones = span.start, 0, Stones(self._store, span)
        size = BATCH if span.query.looks else limit
        while True:
            stone, held = await stones.after(start), 0
            while True:
                documents = await self._find(span, span.to(stone, start), size)
                rows += [document for document in documents if span.query.fits(document)]
                held += len(documents)
                if len(rows) >= limit:
                    return Read(rows[:limit])
                if len(documents) < size:
                    break
                start = _key(span.query, documents[-1])
            if stone is None:
                return Read(rows)
            start, looked = stone, looked + held
            if looked >= LOOKED_AT:
                return Read(rows, start)
            stones.held(held, size)

    async def _find(self, span: Span, bounds: dict[str, str], size: int) -> list[Document]:
        sort = ((f"index.{span.query.key}", -1 if span.falls else 1),)
        return await self._store.collection.find(
            span.query.where(bounds), sort=sort, limit=size, fields=span.query.fields
        )


class Stones:
    """The milestones ahead: where the next range is to end, the further away the fewer the last one held."""

    def __init__(self, store: Store[Customer], span: Span) -> None:
        self._store, self._span, self._step = store, span, 2
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

    def held(self, count: int, wanted: int) -> None:
        if count < wanted // 4:
            self._step *= 4 if count else 16
        elif count > wanted:
            self._step = max(1, self._step // 4)

    async def _read(self, level: str, start: str | None, end: str | None) -> list[str]:
        query, key = self._span.query, f"{level}_{self._span.query.stones}"
        bounds = {operator: bound.removeprefix(query.group) for operator, bound in self._span.to(end, start).items()}
        found = await self._store.collection.find(
            {f"index.{key}": bounds}, sort=((f"index.{key}", -1 if self._span.falls else 1),), limit=MOST_STONES,
            fields=(f"index.{key}",),
        )  # fmt: skip
        return [query.group + document["index"][key] for document in found]


def _key(query: Query, document: Document) -> str:
    return str(document["index"][query.key])
