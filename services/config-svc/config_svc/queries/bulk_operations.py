"""How far bulk switches are: their rows as their customers stand now, and how many there are of each state."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import get_args

from config_svc.domain import bulk_operations
from config_svc.domain.bulk_operations import ASKED, ROWS_IN_PART, Bulk, Part, Row
from config_svc.domain.model import Customer, SwitchState
from config_svc.queries.cached import Cached
from config_svc.queries.index import in_bulk
from config_svc.queries.lists import Lists
from config_svc.schemas.bulk_operations import Counts, Shown
from shared.store.store import Found, Store

STATES = get_args(SwitchState)
UNANSWERED = ("requested", "invited", "opened")
"""Who gets a reminder: not somebody who is just signing in, whose link would be replaced under the hands."""
MOST_COUNTED, PARTS_AT_ONCE, COUNTS_KEPT = 100_000, 3, 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Reads:
    bulks: Store[Bulk]
    parts: Store[Part]
    customers: Store[Customer]
    lists: Lists
    _counted: dict[str, Cached[Counts]] = field(default_factory=dict)

    async def bulk(self, id: str) -> Found[Bulk]:
        """Raises: Refused (404)."""
        found = await self.bulks.get(id)
        if found is None:
            raise bulk_operations.unknown()
        return found

    async def there(self, id: str) -> bool:
        return await self.bulks.get(id) is not None

    async def newest(self, limit: int, before: datetime | None = None) -> list[Bulk]:
        """Those that have begun or may still begin, newest first."""
        where = (
            {"state.created_at": {"$lt": before}}
            if before
            else {"state.created_at": {"$gt": datetime(1970, 1, 1, tzinfo=UTC)}}
        )
        found = await self.bulks.find(where, sort=(("state.created_at", -1),), limit=limit)
        return [row.state for row in found]

    async def counts(self, bulk: Bulk) -> Counts:
        """All rows by their state now; they add up to `all`."""
        if bulk.state == "draft":
            states: Counts = {}
        else:
            cached = self._counted.get(bulk.id) or Cached(lambda: self._count(bulk.id), 2.0)
            self._counted[bulk.id] = cached
            while len(self._counted) > COUNTS_KEPT:
                del self._counted[next(iter(self._counted))]
            states = await cached.get()
        switched = sum(states.values())
        return {
            "all": bulk.count,
            "problem": bulk.problems,
            "waiting": bulk.waiting,
            "refused": bulk.refused,
            **states,
            "replaced": max(0, bulk.asked - switched),
        }

    async def _count(self, id: str) -> Counts:
        count = self.customers.collection.count
        return {state: await count({"index.filter_keys": in_bulk(id, state)}, limit=MOST_COUNTED) for state in STATES}

    async def rows(self, bulk: Bulk, states: frozenset[str], place: int, limit: int) -> tuple[list[Shown], int | None]:
        """Rows from a place on, and the place to go on from; fewer than `limit` where many had to be looked at."""
        found: list[Shown] = []
        for number in range(place // ROWS_IN_PART, bulk.parts)[:PARTS_AT_ONCE]:
            for shown in await self._shown(await self.part(bulk.id, number)):
                if shown.place < place or (states and shown.state not in states):
                    continue
                if len(found) == limit:
                    return found, shown.place
                found.append(shown)
        after = (place // ROWS_IN_PART + PARTS_AT_ONCE) * ROWS_IN_PART
        return found, after if after < bulk.count else None

    async def every(self, bulk: Bulk, states: frozenset[str] = frozenset()) -> AsyncIterator[Shown]:
        """All rows, part by part, for an export."""
        for number in range(bulk.parts):
            for shown in await self._shown(await self.part(bulk.id, number)):
                if not states or shown.state in states:
                    yield shown

    async def _shown(self, part: Part) -> list[Shown]:
        found = await self.lists.named(row.customer for row in part.rows if row.problem is None)
        start = part.number * ROWS_IN_PART
        return [
            Shown(
                place=start + at,
                row=row,
                state=state_of(part.bulk, row, found.get(row.customer)),
                customer=found.get(row.customer),
            )
            for at, row in enumerate(part.rows)
        ]

    async def part(self, id: str, number: int) -> Part:
        found = await self.parts.get(part_id(id, number))
        if found is None:
            raise bulk_operations.unknown()
        return found.state


def state_of(bulk: str, row: Row, customer: Customer | None) -> str:
    """As counted: a switch to another address is this bulk's as well, one that was asked for otherwise replaces it."""
    if row.problem:
        return "problem"
    if row.outcome is None:
        return "waiting"
    if row.outcome != ASKED:
        return "refused"
    switch = customer.switch if customer and not customer.removed else None
    return switch.state if switch and switch.bulk == bulk else "replaced"


def part_id(id: str, number: int) -> str:
    return f"{id}/{number:04}"
