"""How many customers are in which state now, for all readers of a process: counted once, then only where something was
written.

Customers stand in lots. A lot that has a customer written since the last look is counted anew, so a number costs what
changed, not what there is. Nobody waits long: what takes its time goes on alone, while readers get the numbers before.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, get_args

from config_svc import metrics
from config_svc.domain.model import Customer, Status, SwitchState
from config_svc.queries.cached import SHARE
from config_svc.queries.index import EXPIRES_SOON, LOTS, SEP, filter_key
from shared.contracts.events import InForce
from shared.domain.rules import Clock, Unavailable
from shared.jobs.waiting import first_of
from shared.store.operations import Document, Filter
from shared.store.store import Store

log = logging.getLogger(__name__)

STATUSES, METHODS, STATES = get_args(Status), get_args(InForce), get_args(SwitchState)
LOST, EXPIRING = filter_key(lost="yes"), "expiring"
COUNTED = frozenset(
    {
        *(filter_key(status=name) for name in STATUSES),
        *(filter_key(method=name) for name in METHODS),
        *(filter_key(switch=name) for name in STATES),
        LOST,
    }
)
AT_ONCE, MOST, MOST_WRITTEN = 500, 100_000, 5_000
OVERLAP = timedelta(seconds=10)
"""A write bears the time of its plan: it may come so much later, by the longest call and another clock."""
PAUSE = 0.1
EVERY_SECONDS = 60.0
PATIENCE = 1.0
"""How long after its beginning a count is waited for (seconds)."""
QUICK = 0.1
"""A count that lasted longer (seconds) is not waited for the next time."""
Counts = Mapping[str, int | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerCounts:
    """None where nothing was counted yet. `expiring`: secrets in use that expire within 30 days or have expired.
    `lost`: tokens that died."""

    at: datetime | None = None
    status: Counts = field(default_factory=lambda: dict.fromkeys(STATUSES))
    method: Counts = field(default_factory=lambda: dict.fromkeys(METHODS))
    switch: Counts = field(default_factory=lambda: dict.fromkeys(STATES))
    lost: int | None = None
    expiring: int | None = None

    @property
    def customers(self) -> int | None:
        return None if self.at is None else sum(count or 0 for count in self.status.values())


class Lots:
    """What each lot counts, and all of them together."""

    def __init__(self) -> None:
        self._counts: dict[int, Counter[str]] = {}
        self._total: Counter[str] = Counter()

    def put(self, lots: range, documents: Iterable[Document]) -> None:
        """These are all customers of these lots."""
        found: dict[int, Counter[str]] = {}
        for document in documents:
            found.setdefault(document["index"]["lot"], Counter()).update(counted(document["index"]))
        for lot in lots:
            self._total.subtract(self._counts.pop(lot, Counter()))
        for lot, counts in found.items():
            self._total.update(counts)
            self._counts[lot] = counts

    def counts(self, at: datetime) -> CustomerCounts:
        total = self._total
        return CustomerCounts(
            at=at,
            status={name: total[filter_key(status=name)] for name in STATUSES},
            method={name: total[filter_key(method=name)] for name in METHODS},
            switch={name: total[filter_key(switch=name)] for name in STATES},
            lost=total[LOST],
            expiring=total[EXPIRING],
        )


def counted(index: Mapping[str, Any]) -> list[str]:
    """What one customer counts for; nothing once it is removed."""
    soon = [EXPIRING] if index.get("attention", "").startswith(EXPIRES_SOON + SEP) else []
    return [name for name in index.get("filter_keys", ()) if name in COUNTED] + soon


class CustomerCounter:
    """`least`: seconds that a count is good for; at most a 20th of the time is spent on counting."""

    def __init__(self, store: Store[Customer], clock: Clock, least: float = 3.0) -> None:
        self._store, self._clock, self._least = store, clock, least
        self._kept, self._lots = CustomerCounts(), Lots()
        self._since: datetime | None = None
        self._began = self._until = self._lasted = 0.0
        self._counting: asyncio.Task[None] | None = None

    async def counts(self) -> CustomerCounts:
        now = time.monotonic()
        if self._counting is None and now >= self._until:
            self._counting, self._began = asyncio.create_task(self._renew()), now
        if self._counting is not None and (self._kept.at is None or self._lasted < QUICK):
            await asyncio.wait({self._counting}, timeout=max(0.0, self._began + PATIENCE - now))
        return self._kept

    async def counted(self) -> CustomerCounts:
        """The counts as of now, however long it takes."""
        if self._counting is not None:
            await asyncio.wait({self._counting})
        self._until = 0.0
        await self.counts()
        if self._counting is not None:
            await asyncio.wait({self._counting})
        return self._kept

    async def _renew(self) -> None:
        began = time.monotonic()
        try:
            self._kept = await self._count()
        except Unavailable as error:
            log.warning("customers are not counted: %s", error)
        finally:
            ended = time.monotonic()
            self._lasted = ended - began
            self._until = ended + max(self._least, self._lasted * SHARE)
            self._counting = None

    async def _count(self) -> CustomerCounts:
        now = self._clock()
        lots = None if self._since is None else await self._written(self._since - OVERLAP)
        await (self._all() if lots is None else self._these(lots))
        self._since = now
        return _shown(self._lots.counts(now))

    async def _written(self, since: datetime) -> list[range] | None:
        """The lots in which something was written; None where that is too much to tell."""
        found = await self._store.collection.find(written(since), limit=MOST_WRITTEN, fields=("index.lot",))
        lots = {document["index"]["lot"] for document in found if "index" in document}
        return None if len(found) == MOST_WRITTEN else [range(lot, lot + 1) for lot in sorted(lots)]

    async def _all(self) -> None:
        """In ranges of a few hundred customers, with a pause after each, since others want the database too."""
        width = max(1, min(LOTS, LOTS * AT_ONCE // (await self._store.collection.about() or 1)))
        await self._these(range(start, min(LOTS, start + width)) for start in range(0, LOTS, width))

    async def _these(self, ranges: Iterable[range]) -> None:
        for lots in ranges:
            began = time.monotonic()
            found = await self._store.collection.find(among(lots), limit=MOST, fields=FIELDS)
            self._lots.put(lots, found)
            await asyncio.sleep(min(PAUSE, time.monotonic() - began))


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
        await first_of(stopping, timeout=EVERY_SECONDS)


FIELDS = ("index.lot", "index.filter_keys", "index.attention")


def written(since: datetime) -> Filter:
    return {"written": {"$gt": since}}


def among(lots: range) -> Filter:
    return {"index.lot": {"$gte": lots.start, "$lt": lots.stop}}
