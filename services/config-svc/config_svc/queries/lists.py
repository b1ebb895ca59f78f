"""Pages of lists, forwards and backwards: ranges of an index behind a cursor's place, cut at a limit.

The index has a query's equalities first and then the order, so the server reads what it shows and stops. A search may
also be read by its words and be put into order then; the server chooses.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field

from config_svc.domain.model import Customer
from config_svc.queries.index import EXPIRES_SOON, SEP, TOP, filter_key, fold, sought
from shared.http.pagination import Cursors
from shared.store.operations import Document, Filter
from shared.store.store import Store, StoredDocument

SHOWN = ("version", "state", "unsent")
EXPORT_STEP = 500
ALONE = {"all": "invited", "pending": "pending"}
"""Lists of invitations whose order has an index of its own; in that of the others the state comes first."""
TURNED = {"$gt": "$lte", "$gte": "$lt", "$lt": "$gte", "$lte": "$gt"}
Place = tuple[str, str]
"""Where a page begins: an operator, and a key with which it holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """Rows by `index.<key>`, which is unique: the value that they are sorted by, and the id. Keys begin with `prefix`;
    `where` says what else holds of a row."""

    key: str
    prefix: str = ""
    descending: bool = False
    where: Filter = field(default_factory=dict)

    @property
    def scope(self) -> str:
        return repr((self.key, self.prefix, self.descending, self.where))

    def behind(self, place: Place | None) -> Filter:
        low, high = ("$gt", self.prefix), ("$lt", self.prefix + TOP)
        if place and place[0] in ("$gt", "$gte"):
            low = place
        elif place:
            high = place
        return {**self.where, f"index.{self.key}": dict((low, high))}

    def key_of(self, row: Document) -> str:
        return str(row["index"][self.key])


@dataclass(frozen=True, slots=True)
class Slice:
    """One page: its rows, and the cursors of the pages beside it."""

    rows: tuple[StoredDocument[Customer], ...]
    next: str | None = None
    previous: str | None = None


class Lists:
    def __init__(self, store: Store[Customer], cursors: Cursors) -> None:
        self._store, self._cursors = store, cursors

    async def page(self, query: Query, limit: int, cursor: str | None = None) -> Slice:
        """Raises: Refused (400) for a cursor of another list."""
        values = self._cursors.read(query.scope, cursor)
        place = (str(values[0]), str(values[1])) if values else None
        backwards = place is not None and place[0].startswith("$lt") != query.descending
        found = await self._read(query, place, limit + 1, backwards)
        rows, more = found[:limit], len(found) > limit
        if backwards:
            rows.reverse()
        before, after = self._beside(query, rows, place, backwards)
        return Slice(
            tuple(self._store.stored(row) for row in rows),
            next=self._cursor(query, after) if backwards or more else None,
            previous=self._cursor(query, before) if not backwards or more else None,
        )

    @staticmethod
    def _beside(
        query: Query, rows: list[Document], place: Place | None, backwards: bool
    ) -> tuple[Place | None, Place | None]:
        """The places before and after a page. One that became empty is left with what stands at its place now."""
        if not rows:
            turned = (TURNED[place[0]], place[1]) if place else None
            return turned, turned
        before, after = ("$gt", "$lt") if query.descending else ("$lt", "$gt")
        first = (before, query.key_of(rows[0])) if place else None
        return first, (after, query.key_of(rows[-1]))

    def _cursor(self, query: Query, place: Place | None) -> str | None:
        return self._cursors.write(query.scope, place) if place else None

    async def _read(self, query: Query, place: Place | None, limit: int, backwards: bool = False) -> list[Document]:
        sort = ((f"index.{query.key}", -1 if query.descending != backwards else 1),)
        fields = (*SHOWN, f"index.{query.key}")
        return await self._store.collection.find(query.behind(place), sort=sort, limit=limit, fields=fields)

    async def every(self, query: Query) -> AsyncIterator[StoredDocument[Customer]]:
        """All rows, for an export, in steps."""
        place: Place | None = None
        while rows := await self._read(query, place, EXPORT_STEP):
            for row in rows:
                yield self._store.stored(row)
            if len(rows) < EXPORT_STEP:
                return
            place = ("$lt" if query.descending else "$gt", query.key_of(rows[-1]))

    async def named(self, ids: Iterable[str]) -> dict[str, Customer]:
        """The customers of these ids, as they are now."""
        documents = await self._store.collection.find_ids(ids, fields=SHOWN)
        return {document["_id"]: self._store.stored(document).state for document in documents}


def customers(
    q: str | None = None, method: str | None = None, status: str | None = None, switch: str | None = None
) -> Query:
    """By name, all filters together. One letter finds the names that begin with it."""
    said = {name: value for name, value in (("method", method), ("status", status), ("switch", switch)) if value}
    wanted = {"index.filter_keys": filter_key(**said)} if said else {}
    return Query(key="name", prefix=_letter(q), where=_words(q) | wanted)


def invitations(state: str = "all", q: str | None = None, sort: str = "-created") -> Query:
    """Switches with an invitation; `pending` are those that still run."""
    order, descending = sort.removeprefix("-"), sort.startswith("-")
    if order == "name":
        wanted = {"index.filter_keys": filter_key(invited="yes" if state == "all" else state)}
        return Query(key="name", prefix=_letter(q), descending=descending, where=_words(q) | wanted)
    group, prefix = (ALONE[state], "") if state in ALONE else ("state", state + SEP)
    return Query(key=f"{group}_{order}", prefix=prefix, descending=descending, where=_words(q) | _named(q))


def health(status: str | None = None, q: str | None = None) -> Query:
    """Every customer's authentication status, problems first."""
    expiring = status == "expiring"
    wanted = {"state.status": status} if status and not expiring else {}
    return Query(key="attention", prefix=EXPIRES_SOON + SEP if expiring else "", where=_words(q) | wanted | _named(q))


def _words(q: str | None) -> dict[str, object]:
    """What a search says of a row: the most telling beginning of a word, by an index, and what begins a word too."""
    head, words = sought(q or "")
    begun = [{"$elemMatch": {"$gte": word, "$lt": word + TOP}} for word in words]
    return ({"index.heads": head} if head else {}) | ({"index.words": {"$all": begun}} if begun else {})


def _letter(q: str | None) -> str:
    """The beginning of a name, where a search has no word of two letters."""
    return "" if sought(q or "")[0] else fold((q or "").strip())


def _named(q: str | None) -> dict[str, object]:
    """The same for another order than that of names."""
    letter = _letter(q)
    return {"index.name": {"$gte": letter, "$lt": letter + TOP}} if letter else {}
