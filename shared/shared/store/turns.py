"""One at a time in this process, where one gains by what the one before did; an outage counts for all who wait."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from weakref import WeakValueDictionary

from shared.domain.rules import Unavailable


@dataclass(slots=True, weakref_slot=True, eq=False)
class _Queue:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    outage: Unavailable | None = None
    """The last one that somebody met here."""


class Turns:
    """Queues by key. Nobody waits for an outage after another: each would find it only after its own limit."""

    def __init__(self) -> None:
        self._queues: WeakValueDictionary[str, _Queue] = WeakValueDictionary()

    @asynccontextmanager
    async def take(self, key: str = "") -> AsyncIterator[None]:
        """Raises: Unavailable, also where somebody met it while this one waited."""
        queue = self._queues.setdefault(key, _Queue())
        before = queue.outage
        async with queue.lock:
            if queue.outage is not None and queue.outage is not before:
                raise Unavailable(queue.outage.part, "as was found just now", retry_after=queue.outage.retry_after)
            try:
                yield
            except Unavailable as error:
                queue.outage = error
                raise
