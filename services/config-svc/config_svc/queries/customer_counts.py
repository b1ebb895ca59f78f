"""How many customers are in which state now: one aggregation, kept for all readers of a process.

It reads one index alone. Nobody waits for it long: it goes on by itself, while readers get the numbers before.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, get_args

from config_svc import metrics
from config_svc.domain.model import Customer, Status, SwitchState
from config_svc.queries.index import EXPIRES_SOON, SEP, TOP
from shared.contracts.events import InForce
from shared.domain.rules import Clock, Unavailable
from shared.jobs.waiting import first_of
from shared.store.operations import Document
from shared.store.store import Store

log = logging.getLogger(__name__)

STATUSES, METHODS, STATES = get_args(Status), get_args(InForce), get_args(SwitchState)
RENEWED_AFTER, OLD_AFTER, UNSEEN_AFTER = 10.0, 15.0, 60.0
"""Seconds after which numbers that somebody looks at are renewed, are shown as old, are renewed though nobody looks."""
SHARE = 9
"""The pause between two counts is at least so many times as long as the last one was."""
COUNTING_SECONDS = 60.0
PATIENCE = 1.0
"""How long a reader waits for a count when there is none yet, or only an old one (seconds)."""
SOON = EXPIRES_SOON + SEP
EXPIRING = {"$and": [{"$gte": ["$index.attention", SOON]}, {"$lt": ["$index.attention", SOON + TOP]}]}
GROUPED_BY = {
    "status": "$state.status",
    "method": "$state.method",
    "switch": "$state.switch.state",
    "lost": "$state.grant.lost",
    "expiring": EXPIRING,
}
PIPELINE: Sequence[Document] = (
    {"$match": {"index.attention": {"$gt": ""}}},
    {"$group": {"_id": GROUPED_BY, "count": {"$sum": 1}}},
)
MOST_GROUPS = len(STATUSES) * len(METHODS) * (len(STATES) + 1) * 3 * 2
Counts = Mapping[str, int | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerCounts:
    """None where nothing was counted yet. `expiring`: secrets in use that expire within 30 days or have expired.
    `lost`: tokens that died. `old`: they could not be renewed in time."""

    at: datetime | None = None
    old: bool = False
    status: Counts = field(default_factory=lambda: dict.fromkeys(STATUSES))
    method: Counts = field(default_factory=lambda: dict.fromkeys(METHODS))
    switch: Counts = field(default_factory=lambda: dict.fromkeys(STATES))
    lost: int | None = None
    expiring: int | None = None

    @property
    def customers(self) -> int | None:
        return None if self.at is None else sum(count or 0 for count in self.status.values())


class CustomerCounter:
    """`renewed_after`: seconds that a count is good for."""

    def __init__(self, store: Store[Customer], clock: Clock, renewed_after: float = RENEWED_AFTER) -> None:
        self._store, self._clock, self._renewed_after = store, clock, renewed_after
        self._kept = CustomerCounts()
        self._as_of, self._due = -math.inf, -math.inf
        self._counting: asyncio.Task[None] | None = None

    async def counts(self) -> CustomerCounts:
        """As of the last seconds, or `old`."""
        if self._counting is None and time.monotonic() >= self._due:
            self._counting = asyncio.create_task(self._renew())
        if self._counting and self._age > OLD_AFTER:
            await asyncio.wait({self._counting}, timeout=PATIENCE)
        return replace(self._kept, old=self._kept.at is not None and self._age > OLD_AFTER)

    @property
    def _age(self) -> float:
        return time.monotonic() - self._as_of

    async def _renew(self) -> None:
        began = time.monotonic()
        try:
            self._kept = _shown(await self._count())
            self._as_of = began
        except Unavailable as error:
            log.warning("customers are not counted: %s", error)
        finally:
            ended = time.monotonic()
            self._due = max(began + self._renewed_after, ended + SHARE * (ended - began))
            self._counting = None

    async def _count(self) -> CustomerCounts:
        now, total = self._clock(), Counter[tuple[str, Any]]()
        for group in await self._store.collection.aggregate(PIPELINE, limit=MOST_GROUPS, seconds=COUNTING_SECONDS):
            for what in group["_id"].items():
                total[what] += group["count"]
        return CustomerCounts(
            at=now,
            status={name: total["status", name] for name in STATUSES},
            method={name: total["method", name] for name in METHODS},
            switch={name: total["switch", name] for name in STATES},
            lost=total["lost", True],
            expiring=total["expiring", True],
        )


def _shown(counts: CustomerCounts) -> CustomerCounts:
    """At /metrics too."""
    for gauge, label, numbers in (
        (metrics.CUSTOMERS, "status", counts.status),
        (metrics.METHODS, "method", counts.method),
        (metrics.SWITCHES, "state", counts.switch),
    ):
        for name, count in numbers.items():
            gauge.labels(**{label: name}).set(count or 0)
    lost = counts.lost or 0
    metrics.GRANTS.labels(health="lost").set(lost)
    metrics.GRANTS.labels(health="healthy").set(max(0, (counts.method["token"] or 0) - lost))
    metrics.EXPIRING.set(counts.expiring or 0)
    metrics.COUNTED.set(counts.at.timestamp() if counts.at else 0)
    return counts


async def keep_counting(counter: CustomerCounter, stopping: asyncio.Event) -> None:
    """So that the numbers at /metrics are not older than a minute, though nobody looks at a page."""
    while not stopping.is_set():
        await counter.counts()
        await first_of(stopping, timeout=UNSEEN_AFTER)
