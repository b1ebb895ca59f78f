"""Pages of lists: one range of one index each, ordered by a unique key, forwards and backwards by signed cursors."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from config_svc.domain.model import LIVE, Customer
from config_svc.index import ATTENTION, EXPIRES_SOON, SEP, TOP, fold, sought
from shared.cursors import Cursors
from shared.mongo import Document, Filter, Sort
from shared.store import Found, Store

HINTS = 2000
EXPORT_STEP = 500


@dataclass(frozen=True, slots=True)
class Query:
    """Rows whose `index.<key>` begins with `prefix`, in its order. `first`: a clause with an index of its own (a
    search); `rest`: what is looked at in the documents found."""

    key: str
    prefix: str = ""
    descending: bool = False
    first: Mapping[str, Any] = field(default_factory=dict)
    rest: Mapping[str, Any] = field(default_factory=dict)

    @property
    def scope(self) -> str:
        return repr((self.key, self.prefix, self.descending, sorted(map(str, self.first.items())), str(self.rest)))

    def where(self, low: str, high: str) -> Filter:
        """The clause that an index serves comes first."""
        return {**self.first, f"index.{self.key}": {"$gt": low, "$lt": high}, **self.rest}

    def sort(self, backwards: bool = False) -> Sort:
        return ((f"index.{self.key}", -1 if self.descending != backwards else 1),)


@dataclass(frozen=True, slots=True)
class Slice:
    """One page: its rows, and the cursors of the pages beside it."""

    rows: tuple[Found[Customer], ...]
    next: str | None = None
    previous: str | None = None


class Lists:
    """Reads pages. Remembers where pages ended: a range with two ends costs no more than the page, on any server."""

    def __init__(self, store: Store[Customer], cursors: Cursors) -> None:
        self._store, self._cursors = store, cursors
        self._ends: OrderedDict[tuple[str, str, bool], str] = OrderedDict()

    async def page(self, query: Query, limit: int, cursor: str | None = None) -> Slice:
        """Raises: Refused (400) for a cursor of another list."""
        place = self._cursors.read(query.scope, cursor)
        backwards, start = (bool(place[0]), str(place[1])) if place else (False, None)
        documents = await self._read(query, limit + 1, start, backwards)
        more, documents = len(documents) > limit, documents[:limit]
        if backwards:
            documents.reverse()
        before, after = (more, True) if backwards else (start is not None, more)
        return Slice(
            tuple(self._store.found(document) for document in documents),
            self._cursor(query, documents[-1], False) if after and documents else None,
            self._cursor(query, documents[0], True) if before and documents else None,
        )

    async def every(self, query: Query) -> AsyncIterator[Found[Customer]]:
        """All rows, for an export: page by page, each by the index."""
        start: str | None = None
        while True:
            documents = await self._read(query, EXPORT_STEP, start, False)
            for document in documents:
                yield self._store.found(document)
            if len(documents) < EXPORT_STEP:
                return
            start = _key(query, documents[-1])

    async def count(self, query: Query, most: int) -> int:
        return await self._store.collection.count(query.where(query.prefix, query.prefix + TOP), limit=most)

    def _cursor(self, query: Query, document: Document, backwards: bool) -> str:
        return self._cursors.write(query.scope, (backwards, _key(query, document)))

    async def _read(self, query: Query, limit: int, start: str | None, backwards: bool) -> list[Document]:
        down = query.descending != backwards
        low, high = query.prefix, query.prefix + TOP
        low, high = (low, start or high) if down else (start or low, high)
        place = (query.scope, start or "", backwards)
        if (end := self._ends.get(place)) is not None:
            near = query.where(end, high) if down else query.where(low, end)
            documents = await self._find(query, near, limit, backwards)
            if len(documents) >= limit:
                return documents
        documents = await self._find(query, query.where(low, high), limit, backwards)
        self._remember(place, query, documents, limit, down)
        return documents

    async def _find(self, query: Query, where: Filter, limit: int, backwards: bool) -> list[Document]:
        return await self._store.collection.find(
            where, sort=query.sort(backwards), limit=limit, fields=("version", "state", "unsent", f"index.{query.key}")
        )

    def _remember(
        self, place: tuple[str, str, bool], query: Query, documents: list[Document], limit: int, down: bool
    ) -> None:
        if len(documents) < limit:
            return
        end = _key(query, documents[-1])
        self._ends[place] = end[:-1] if down else end + TOP
        while len(self._ends) > HINTS:
            self._ends.popitem(last=False)


def _key(query: Query, document: Document) -> str:
    return str(document["index"][query.key])


# --- which query serves which list -----------------------------------------------------------------------------------


def customers(
    q: str | None = None, method: str | None = None, status: str | None = None, switch: str | None = None
) -> Query:
    """By name. A search goes by its own index, else one filter goes by the order's, the others are looked at."""
    wanted: dict[str, tuple[str, str, Mapping[str, Any]]] = {}
    if status:
        wanted["status"] = ("status", status + SEP, {"state.status": status})
    if switch:
        wanted["switch"] = _switch(switch)
    if method:
        wanted["method"] = ("method", method + SEP, {"state.method": method})
    rests = {name: rest for name, (_, _, rest) in wanted.items()}
    if found := sought(q or ""):
        return Query("name", first=found, rest=_merged(rests.values()))
    if q and q.strip():  # one letter: names that begin with it
        return Query("name", fold(q.strip()), rest=_merged(rests.values()))
    if not wanted:
        return Query("name")
    chosen, (key, prefix, _) = next(iter(wanted.items()))
    return Query(key, prefix, rest=_merged(rest for name, rest in rests.items() if name != chosen))


def _switch(switch: str) -> tuple[str, str, Mapping[str, Any]]:
    if switch == "running":
        return "running", "", {"state.switch.state": {"$in": list(LIVE)}}
    if switch == "none":
        return "switch", "none" + SEP, {"state.switch": None}
    return "switch", switch + SEP, {"state.switch.state": switch}


def invitations(state: str = "all", q: str | None = None, sort: str = "-created") -> Query:
    """Switches with an invitation; `pending` are those that still run."""
    key, descending = sort.removeprefix("-"), sort.startswith("-")
    rest: dict[str, Any] = {"index.created": {"$gt": ""}} if key != "created" else {}
    first, letter = sought(q or ""), fold((q or "").strip())
    if letter and not first and key != "name":
        rest["index.name"] = {"$gte": letter, "$lt": letter + TOP}
    if state == "pending":
        rest["index.pending"] = {"$gt": ""}
    elif state != "all":
        rest["state.switch.state"] = state
    if state == "pending" and key == "created":
        del rest["index.pending"]
        key = "pending"
    prefix = letter if key == "name" and not first else ""
    return Query(key, prefix, descending, first, rest)


def health(status: str | None = None, q: str | None = None) -> Query:
    """Every customer's authentication status, problems first."""
    rank = EXPIRES_SOON if status == "expiring" else ATTENTION[status] if status else None
    prefix = rank + SEP if rank else ""
    if found := sought(q or ""):
        return Query("attention", prefix, first=found)
    letter = fold((q or "").strip())
    return Query("attention", prefix, rest={"index.name": {"$gte": letter, "$lt": letter + TOP}} if letter else {})


def _merged(parts: Any) -> dict[str, Any]:
    return {name: clause for part in parts for name, clause in part.items()}
