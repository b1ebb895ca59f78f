"""A value that many readers want: asked for once at a time, kept longer the longer the asking takes."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from shared.store.turns import Turns

T = TypeVar("T")

SHARE = 20


class Cached(Generic[T]):
    """`ask` is called at most every `least` seconds, and never for more than a 20th of the time.

    So the cost does not grow with the number of readers, nor beyond all bounds with what is asked.
    """

    def __init__(self, ask: Callable[[], Awaitable[T]], least: float) -> None:
        self._ask, self._least = ask, least
        self._turns = Turns()
        self._kept: T | None = None
        self._until = 0.0

    async def get(self) -> T:
        """The value, at most that old. Raises what `ask` raises; nothing is kept then."""
        async with self._turns.take():
            if self._kept is None or time.monotonic() >= self._until:
                began = time.monotonic()
                self._kept = await self._ask()
                ended = time.monotonic()
                self._until = ended + max(self._least, (ended - began) * SHARE)
            return self._kept
