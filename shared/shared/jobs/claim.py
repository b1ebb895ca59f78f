"""A document held for a job, and how its work may end."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from shared.domain.rules import Change, Facts, Rule
from shared.store.mapping import Lease

S = TypeVar("S")


class Outcome(Generic[S]):
    """What a job came to: `rule(state, *facts, now)` takes it in, on the document as it is by then."""

    __slots__ = ("facts", "rule")

    def __init__(self, rule: Rule[S, *Facts], *facts: *Facts) -> None:
        self.rule: Callable[..., Change[S] | None] = rule
        self.facts: tuple[Any, ...] = facts


class GiveBack(Exception):
    """The work is released at once for another holder (this service is stopping)."""


@dataclass(slots=True, eq=False, kw_only=True)
class Claim(Generic[S]):
    """A document held for one job."""

    id: str
    state: S
    """Brought up to date with the lease."""
    version: int
    lease: Lease
    trace: str | None
    """The trace that the work belongs to."""
    stopping: asyncio.Event
    """Set when the service stops."""
    lost: bool = False
    """Another holder has it by now."""

    async def sleep(self, seconds: float) -> None:
        """Sleeps; ends at once with GiveBack when the service stops or the lease was lost."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.stopping.wait(), max(0.0, seconds))
        if self.stopping.is_set() or self.lost:
            raise GiveBack


Execute = Callable[[Claim[S]], Awaitable[Outcome[S] | None]]
"""Does the work of a claim. None: there is nothing to take in."""
