"""History folded from the topic: a timeline of all events, an audit of what people did. No sealed part is kept."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import combinations
from typing import Any

from config_svc.queries.index import SEP, TOP, fold
from shared.contracts.cloudevents import Record, encode
from shared.contracts.events import REGISTRY
from shared.http.pagination import Cursors
from shared.store.mongo import Collection
from shared.store.operations import Document, Index

TIMELINE_INDEXES = (Index(keys=(("customer", 1), ("order", 1))), Index(keys=(("order", 1),)))
FILTERS: Mapping[str, str] = {"customer": "customer", "actor": "who", "action": "action"}
"""What the audit is filtered by, and the field that it stands in: each choice of them has an index of its own."""
AUDIT_INDEXES = tuple(
    Index(keys=tuple((field, 1) for field in (*chosen, "order")))
    for count in range(len(FILTERS) + 1)
    for chosen in combinations(FILTERS.values(), count)
)
EXPORT_STEP = 500
DOERS = ("by", "inviter")


def timeline_entry(record: Record) -> Document | None:
    """Each event, as it may be shown to an operator."""
    data = shown(record)
    kind = REGISTRY[record.type]
    return {
        "customer": record.key,
        "order": order(record),
        "at": record.time,
        "type": record.type,
        "service": kind.by,
        "switch": data.get("switch"),
        "data": data,
    }


def audit_entry(record: Record) -> Document | None:
    """What an operator or a program of the provider did: who, what, when, from which address."""
    data = shown(record)
    doer = next((data[name] for name in DOERS if data.get(name)), None)
    if doer is None:
        return None
    said = {name: value for name, value in data.items() if name not in DOERS}
    return {
        "customer": record.key,
        "order": order(record),
        "at": record.time,
        "action": record.type,
        "actor": {name: doer.get(name) for name in ("id", "name", "email")},
        "who": sorted({fold(str(text)) for name in ("id", "name", "email") if (text := doer.get(name))}),
        "address": doer.get("address"),
        "switch": data.get("switch"),
        "data": said,
    }


def shown(record: Record) -> dict[str, Any]:
    """The body of an event without its sealed parts."""
    hidden = REGISTRY[record.type].sealed_fields
    return {name: value for name, value in json.loads(encode(record.event)).items() if name not in hidden}


def order(record: Record) -> str:
    """Unique, and sorted as things happened: time, then the document's version and place in it."""
    *_, version, place = ["0", "0", *record.id.split("/")]
    numbers = [part.zfill(10) if part.isdigit() else part for part in (version, place)]
    return SEP.join([_moment(record.time), *numbers, record.id])


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds")


# --- reading ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """A page of history, newest first."""

    rows: tuple[Document, ...]
    next: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFilter:
    """What of the audit is wanted. `actor`: id, e-mail address or name. The period ends before `until`."""

    customer: str | None = None
    actor: str | None = None
    action: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    @property
    def where(self) -> dict[str, str]:
        given = {"customer": self.customer, "actor": fold(self.actor) if self.actor else None, "action": self.action}
        return {FILTERS[name]: value for name, value in given.items() if value}

    @property
    def bounds(self) -> tuple[str, str]:
        """A key is a moment and more: whatever happened at a moment stands behind the moment alone."""
        return _moment(self.since) if self.since else "", _moment(self.until) if self.until else TOP


class History:
    """Reads timeline and audit: one range of one index each."""

    def __init__(self, timeline: Collection, audit: Collection, cursors: Cursors) -> None:
        self._timeline, self._audit, self._cursors = timeline, audit, cursors

    async def timeline(
        self, customer: str, limit: int, cursor: str | None = None, *, until: str | None = None
    ) -> HistoryPage:
        """`until`: the cursor of an earlier page; only what has happened since its last row, and that row."""
        return await self._page(
            self._timeline, {"customer": customer}, bounds=("", TOP), limit=limit, cursor=cursor, until=until
        )

    async def recent(self, limit: int) -> tuple[Document, ...]:
        """The last events of all customers."""
        return tuple(await _range(self._timeline, {}, ("", TOP), limit))

    async def audit(self, wanted: AuditFilter, limit: int, cursor: str | None = None) -> HistoryPage:
        return await self._page(self._audit, wanted.where, wanted.bounds, limit, cursor)

    async def every(self, wanted: AuditFilter) -> AsyncIterator[Document]:
        """All rows of the audit that are wanted, for an export: page by page."""
        low, high = wanted.bounds
        while True:
            found = await _range(self._audit, wanted.where, (low, high), EXPORT_STEP)
            for row in found:
                yield row
            if len(found) < EXPORT_STEP:
                return
            high = found[-1]["order"]

    async def _page(
        self,
        collection: Collection,
        where: Mapping[str, str],
        bounds: tuple[str, str],
        limit: int,
        cursor: str | None,
        until: str | None = None,
    ) -> HistoryPage:
        scope = repr((collection.name, sorted(where.items()), bounds))
        place, last = self._cursors.read(scope, cursor), self._cursors.read(scope, until)
        low, high = str(last[0]) if last else bounds[0], bounds[1]
        found = await _range(collection, where, (low, str(place[0]) if place else high), limit + 1)
        more = len(found) > limit
        rows = tuple(found[:limit])
        return HistoryPage(rows, self._cursors.write(scope, (rows[-1]["order"],)) if more else None)


async def _range(
    collection: Collection, where: Mapping[str, str], bounds: tuple[str, str], limit: int
) -> list[Document]:
    return await collection.find(between(where, bounds), sort=(("order", -1),), limit=limit)


def between(where: Mapping[str, str], bounds: tuple[str, str]) -> dict[str, Any]:
    """The rows of a range, newest first by the index of these filters."""
    low, high = bounds
    return {**where, "order": {"$lt": high} | ({"$gte": low} if low else {})}
