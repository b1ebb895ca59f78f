"""How many customers are in which state now: each number counts one value or range of an index, for all readers.

Nobody waits long for it: while a count takes its time, readers get the one before, which says when it was made.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import get_args

from config_svc.domain.model import Customer, Status, SwitchState
from config_svc.fresh import SHARE
from config_svc.index import facet
from config_svc.queries import health
from shared.change import Clock, Unavailable
from shared.events import InForce
from shared.mongo import Filter
from shared.store import Store

log = logging.getLogger(__name__)

STATUSES, METHODS, STATES = get_args(Status), get_args(InForce), get_args(SwitchState)
MOST = 100_000_000
PATIENCE = 1.0
Counts = Mapping[str, int | None]


@dataclass(frozen=True, slots=True)
class Census:
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


class Counter:
    """`least`: seconds that a count is good for; at most a 20th of the time is spent on counting."""

    def __init__(self, store: Store[Customer], clock: Clock, least: float = 3.0) -> None:
        self._store, self._clock, self._least = store, clock, least
        self._kept = Census()
        self._until = 0.0
        self._counting: asyncio.Task[None] | None = None

    async def census(self) -> Census:
        if self._counting is None and time.monotonic() >= self._until:
            self._counting = asyncio.create_task(self._renew())
        if self._counting is not None:
            await asyncio.wait({self._counting}, timeout=PATIENCE)
        return self._kept

    async def _renew(self) -> None:
        began = time.monotonic()
        try:
            self._kept = await self._count()
        except Unavailable as error:
            log.warning("customers are not counted: %s", error)
        finally:
            ended = time.monotonic()
            self._until = ended + max(self._least, (ended - began) * SHARE)
            self._counting = None

    async def _count(self) -> Census:
        return Census(
            self._clock(),
            {name: await self._such(facet(status=name)) for name in STATUSES},
            {name: await self._such(facet(method=name)) for name in METHODS},
            {name: await self._such(facet(switch=name)) for name in STATES},
            await self._such(facet(lost="yes")),
            await self._at(health("expiring").whole),
        )

    async def _such(self, wanted: str) -> int:
        return await self._at(such(wanted))

    async def _at(self, where: Filter) -> int:
        return await self._store.collection.count(where, limit=MOST)


def such(wanted: str) -> Filter:
    """The customers with this facet."""
    return {"index.facets": wanted}
