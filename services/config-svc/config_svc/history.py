"""History folded from the topic: a timeline of all events, an audit of what operators did. No sealed part is kept."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from typing import Any

from config_svc.index import SEP, TOP
from shared.cursors import Cursors
from shared.events import REGISTRY
from shared.mongo import Collection, Document, Index
from shared.wire import Record, encode

TIMELINE_INDEXES = (Index((("customer", 1), ("order", 1))),)
AUDIT_INDEXES = (
    Index((("order", 1),)), Index((("customer", 1), ("order", 1))), Index((("actor.id", 1), ("order", 1))),
    Index((("action", 1), ("order", 1))),
)  # fmt: skip
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
    return SEP.join([record.time.astimezone(UTC).isoformat(timespec="milliseconds"), *numbers, record.id])


# --- reading ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Entries:
    """A page of history, newest first."""

    rows: tuple[Document, ...]
    next: str | None = None


class History:
    """Reads timeline and audit: one range of one index each."""

    def __init__(self, timeline: Collection, audit: Collection, cursors: Cursors) -> None:
        self._timeline, self._audit, self._cursors = timeline, audit, cursors

    async def timeline(
        self, customer: str, limit: int, cursor: str | None = None, *, until: str | None = None
    ) -> Entries:
        """`until`: the cursor of an earlier page; only what has happened since its last row, and that row."""
        return await self._page(self._timeline, {"customer": customer}, limit, cursor, until)

    async def audit(self, filters: Mapping[str, str], limit: int, cursor: str | None = None) -> Entries:
        """`filters`: customer, actor (id), action."""
        names = {"actor": "actor.id"}
        where = {names.get(name, name): value for name, value in filters.items()}
        return await self._page(self._audit, where, limit, cursor)

    async def _page(
        self, collection: Collection, where: Mapping[str, str], limit: int, cursor: str | None, until: str | None = None
    ) -> Entries:
        scope = repr((collection.name, sorted(where.items())))
        place, last = self._cursors.read(scope, cursor), self._cursors.read(scope, until)
        asked = self.where(where, str(place[0]) if place else TOP, str(last[0]) if last else None)
        found = await collection.find(asked, sort=(("order", -1),), limit=limit + 1)
        more = len(found) > limit
        rows = tuple(found[:limit])
        return Entries(rows, self._cursors.write(scope, (rows[-1]["order"],)) if more else None)

    @staticmethod
    def where(filters: Mapping[str, str], below: str, from_: str | None = None) -> dict[str, Any]:
        return {**filters, "order": {"$lt": below} | ({"$gte": from_} if from_ else {})}
