"""A document held for due work, and how its work may end."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from shared.domain.rules import Rule
from shared.store.mapping import Lease

S = TypeVar("S")


class GiveBack(Exception):
    """The work is released at once for another holder (this service is stopping)."""


@dataclass(slots=True, eq=False, kw_only=True)
class Claim(Generic[S]):
    """A document held for one lane. `state` is renewed with the lease; `lost` when another holder has it."""

    id: str
    state: S
    version: int
    lease: Lease
    trace: str | None
    stopping: asyncio.Event
    lost: bool = False

    async def sleep(self, seconds: float) -> None:
        """Sleeps; ends at once with GiveBack when the service stops or the lease was lost."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.stopping.wait(), max(0.0, seconds))
        if self.stopping.is_set() or self.lost:
            raise GiveBack


Execute = Callable[[Claim[S]], Awaitable["Rule[S] | None"]]
