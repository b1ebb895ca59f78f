"""Load: customers are registered and switches asked for, taken up and begun, while something dies."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from tests.chaos.chaos_kit import InFlight, all_complete, code_pending, opened, requested
from tests.e2e.e2e_kit import World
from tests.e2e.e2e_wait import wait_for

Point = Callable[[World], Awaitable[InFlight]]
BEFORE = 4


@dataclass
class Load:
    """Three go on side by side, `each` switches one after the other; every one of them counts in the end."""

    world: World
    each: int = 4
    begun: list[InFlight] = field(default_factory=list)

    async def through(self, dies: Callable[[], None]) -> None:
        """It dies when the first switches are under way; the load goes on, and all of it comes to its one end."""
        points: tuple[Point, ...] = (requested, opened, code_pending)
        asking = asyncio.gather(*(self._ask(point) for point in points))
        try:
            await asyncio.wait_for(self._under_way(), 60)
            dies()
            assert not asking.done(), "the load was over before anything died"
            await asking
        finally:
            asking.cancel()
        assert len(self.begun) == len(points) * self.each
        await all_complete(self.world, self.begun)

    async def _ask(self, point: Point) -> None:
        for _ in range(self.each):
            self.begun.append(await point(self.world))

    async def _under_way(self) -> None:
        async def look() -> bool:
            return len(self.begun) >= BEFORE

        await wait_for(look, "load", 60)
