"""The simulated clock: lifetimes run by it; token timestamps are real, since clients check them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from tokenswitch_dev.simulator.directory.store import Store


class Clock:
    def __init__(self, store: Store, scale: float) -> None:
        self._store, self._scale = store, scale
        kept = store.load("clock")
        self._epoch = float(kept.get("epoch", time.time()))
        self._offset = float(kept.get("offset", 0.0))
        store.put("clock", "epoch", self._epoch)
        self._ahead = 0.0

    def now(self) -> float:
        return self._epoch + (time.time() - self._epoch) * self._scale + self._offset

    def advance(self, seconds: float) -> None:
        self._offset += seconds
        self._store.put("clock", "offset", self._offset)

    def wall(self) -> int:
        """What tokens and the Date header say."""
        return int(time.time() + self._ahead)

    @contextmanager
    def ahead(self, seconds: float) -> Iterator[None]:
        """While one answer is made: Microsoft's clock and ours differ."""
        self._ahead = seconds
        try:
            yield
        finally:
            self._ahead = 0.0
