"""How far bulk operations are: their rows as their customers stand now, and how many there are of each state."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, get_args

from config_svc.domain.bulk_operations import DONE, ROWS_IN_PART, BulkOperation, Part, Row, known, unknown
from config_svc.domain.model import Customer, SwitchState
from config_svc.queries.cached import Cached
from config_svc.queries.index import in_bulk
from config_svc.queries.lists import Lists
from config_svc.schemas.bulk_operations import Counts, Shown
from shared.domain.rules import Refused
from shared.store.operations import Index
from shared.store.store import Store

OPERATIONS, PARTS = "bulk_operations", "bulk_parts"
FORGET = Index(keys=(("state.forget_at", 1),), expire_after=0)
INDEXES = (FORGET, Index(keys=(("index.bulk_switch_at", 1),), sparse=True))
PART_INDEXES = (FORGET,)
STATES, STATE = get_args(SwitchState), "$state.switch.state"
UNANSWERED = ("requested", "invited", "opened")
"""Who gets a reminder: not somebody who is just signing in, whose link would be replaced under the hands."""
PARTS_AT_ONCE, COUNTS_KEPT = 3, 50
BULK_SWITCHES = {"index.bulk_switch_at": {"$gt": datetime(1970, 1, 1, tzinfo=UTC)}}
NEWEST_FIRST = (("index.bulk_switch_at", -1),)


def derived(operation: BulkOperation) -> Mapping[str, Any]:
    """What bulk switches are listed by; selections are not listed."""
    return {"bulk_switch_at": operation.created_at} if operation.kind == "switch" else {}


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkReads:
    operations: Store[BulkOperation]
    parts: Store[Part]
    customers: Store[Customer]
    lists: Lists
    _counted: dict[str, Cached[Counts]] = field(default_factory=dict)

    async def find(self, id: str) -> BulkOperation | None:
        document = await self.operations.get(id)
        return document.state if document else None

    async def bulk_switch(self, id: str) -> BulkOperation:
        """Raises: Refused (404)."""
        return known(await self.find(id))

    async def selection(self, id: str) -> BulkOperation:
        """Raises: Refused (404)."""
        operation = await self.find(id)
        if operation is None or operation.kind == "switch":
            raise Refused("batch_unknown", "There is no such selection, or it was long ago.", status=404)
        return operation

    async def newest(self, limit: int) -> list[BulkOperation]:
        """Bulk switches that have begun or may still begin, newest first."""
        documents = await self.operations.find(BULK_SWITCHES, sort=NEWEST_FIRST, limit=limit)
        return [document.state for document in documents]

    async def counts(self, operation: BulkOperation) -> Counts:
        """All rows by their state now; they add up to `all`."""
        states = await self._states(operation)
        return {
            "all": operation.count,
            "problem": operation.problems,
            "waiting": operation.waiting,
            "refused": operation.refused,
            **states,
            "replaced": max(0, operation.done - sum(states.values())),
        }

    async def _states(self, operation: BulkOperation) -> Counts:
        """Those that are done: of a bulk switch by the state of their switch."""
        if operation.kind != "switch":
            return {DONE: operation.done}
        if operation.state == "draft":
            return {}
        counted = self._counted.get(operation.id) or Cached(lambda: self._count(operation.id), 2.0)
        self._counted[operation.id] = counted
        while len(self._counted) > COUNTS_KEPT:
            del self._counted[next(iter(self._counted))]
        return await counted.get()

    async def _count(self, id: str) -> Counts:
        of_states = ({"$match": {"index.filter_keys": in_bulk(id)}}, {"$group": {"_id": STATE, "count": {"$sum": 1}}})
        groups = await self.customers.collection.aggregate(of_states, limit=len(STATES))
        return dict.fromkeys(STATES, 0) | {group["_id"]: group["count"] for group in groups}

    async def rows(
        self, operation: BulkOperation, states: frozenset[str], place: int, limit: int
    ) -> tuple[list[Shown], int | None]:
        """Rows from a place on, and the place to go on from; fewer than `limit` where many had to be looked at."""
        rows: list[Shown] = []
        for number in range(place // ROWS_IN_PART, operation.parts)[:PARTS_AT_ONCE]:
            for shown in await self._shown(operation, number):
                if shown.place < place or (states and shown.state not in states):
                    continue
                if len(rows) == limit:
                    return rows, shown.place
                rows.append(shown)
        after = (place // ROWS_IN_PART + PARTS_AT_ONCE) * ROWS_IN_PART
        return rows, after if after < operation.count else None

    async def every(self, operation: BulkOperation, states: frozenset[str] = frozenset()) -> AsyncIterator[Shown]:
        """All rows, part by part, for an export."""
        for number in range(operation.parts):
            for shown in await self._shown(operation, number):
                if not states or shown.state in states:
                    yield shown

    async def _shown(self, operation: BulkOperation, number: int) -> list[Shown]:
        part = await self.part(operation.id, number)
        customers = await self.lists.named(row.customer for row in part.rows if row.problem is None)
        return [
            Shown(
                place=place,
                row=row,
                state=state_of(operation, row, customers.get(row.customer)),
                customer=customers.get(row.customer),
            )
            for place, row in enumerate(part.rows, number * ROWS_IN_PART)
        ]

    async def part(self, id: str, number: int) -> Part:
        document = await self.parts.get(part_id(id, number))
        if document is None:
            raise unknown()
        return document.state


def state_of(operation: BulkOperation, row: Row, customer: Customer | None) -> str:
    """As counted: a switch to another address is this one's as well, one that was asked for otherwise replaces it."""
    if row.problem:
        return "problem"
    if row.outcome is None:
        return "waiting"
    if row.outcome != DONE:
        return "refused"
    if operation.kind != "switch":
        return DONE
    switch = customer.switch if customer and not customer.removed else None
    return switch.state if switch and switch.bulk == operation.id else "replaced"


def part_id(id: str, number: int) -> str:
    return f"{id}/{number:04}"
