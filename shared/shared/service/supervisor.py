"""The loops of a service: each is started when what it needs is there, started again with backoff when it fails, and
ended within ten seconds: work at hand first, the outbox last.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from shared.domain.rules import Unavailable
from shared.observability.health import Health, Probe, watch

log = logging.getLogger(__name__)

FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 0.2, 10.0
STEADY_SECONDS = 3.0
"""A loop that failed counts as well again when it has run for so long."""
WORK_ENDS_SECONDS, RELAY_ENDS_SECONDS = 8.0, 9.0
"""After the first word of stopping. What is not done then is cancelled: it is repeatable."""

Run = Callable[[asyncio.Event], Awaitable[object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Loop:
    """A task that runs until its event is set."""

    name: str
    """Its part in /readyz and in the log."""
    run: Run
    after: Sequence[asyncio.Event] = ()
    """What must have happened before it begins."""
    once: bool = False
    """It is finished when it returns."""
    last: bool = False
    """It is ended after the others."""
    reports_itself: bool = False
    """It says itself when all is well; else that is so while it runs."""


class Runtime:
    """Runs loops and probes. `stop_soon` may be called from a signal handler."""

    def __init__(
        self,
        health: Health,
        stopping: asyncio.Event,
        *,
        work_ends: float = WORK_ENDS_SECONDS,
        relay_ends: float = RELAY_ENDS_SECONDS,
    ) -> None:
        self.health, self.stopping = health, stopping
        self._work_ends, self._relay_ends = work_ends, relay_ends
        self._last = asyncio.Event()
        self._since: float | None = None
        self._work: list[asyncio.Task[None]] = []
        self._final: list[asyncio.Task[None]] = []
        self._probes: list[asyncio.Task[None]] = []
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self, loops: Sequence[Loop], probes: Sequence[Probe]) -> None:
        self._loop = asyncio.get_running_loop()
        for loop in loops:
            self.health.expect(loop.name)
            stopping = self._last if loop.last else self.stopping
            task = asyncio.create_task(supervise(loop, stopping, self.health), name=loop.name)
            (self._final if loop.last else self._work).append(task)
        for probe in probes:
            self.health.expect(probe.name, required=probe.required)
            self._probes.append(asyncio.create_task(watch(probe, self.health), name=f"probe {probe.name}"))

    def stop_soon(self) -> None:
        """Readiness red and no new work, from now on; `stop` waits for the end of it."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._begin)

    def _begin(self) -> None:
        if self._since is None:
            self._since = asyncio.get_running_loop().time()
            self.health.stopping = True
            self.stopping.set()

    async def stop(self, drain: Callable[[float], Awaitable[object]]) -> None:
        """Ends everything. `drain` gets the seconds that are left for what must still go out."""
        self._begin()
        await self._end(self._work, self._work_ends)
        self._last.set()
        await self._end(self._final, self._relay_ends)
        await drain(max(0.2, self._left(self._relay_ends)))
        await self._end(self._probes, 0)

    def _left(self, end: float) -> float:
        return max(0.0, (self._since or 0.0) + end - asyncio.get_running_loop().time())

    async def _end(self, tasks: list[asyncio.Task[None]], end: float) -> None:
        if not tasks:
            return
        _, late = await asyncio.wait(tasks, timeout=self._left(end))
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late, timeout=0.5)


async def supervise(loop: Loop, stopping: asyncio.Event, health: Health, *, steady: float = STEADY_SECONDS) -> None:
    """Runs a loop, again after each end of it, until `stopping`."""
    for event in loop.after:
        await _either(event.wait(), stopping)
    wait = FIRST_WAIT_SECONDS
    while not stopping.is_set():
        began = asyncio.get_running_loop().time()
        why = await _attempt(loop, stopping, health, steady)
        if stopping.is_set() or (loop.once and why is None):
            return
        if asyncio.get_running_loop().time() - began > 2 * LONGEST_WAIT_SECONDS:
            wait = FIRST_WAIT_SECONDS
        health.say(loop.name, why or "it ended by itself and is started again")
        await _either(asyncio.sleep(wait), stopping)
        wait = min(LONGEST_WAIT_SECONDS, wait * 2)


async def _attempt(loop: Loop, stopping: asyncio.Event, health: Health, steady: float) -> str | None:
    """Runs it once; gives why it failed. It counts as well when it runs, after a failure when it has for a while."""
    delay = steady if health.why(loop.name) else 0
    well = asyncio.get_running_loop().call_later(delay, _well, loop, health)
    try:
        await loop.run(stopping)
        if loop.once:
            health.say(loop.name, None)
        return None
    except Unavailable as error:
        log.debug("%s waits: %s", loop.name, error)
        return f"away: {error}"
    except Exception as error:
        log.exception("%s failed and is started again", loop.name, extra={"part": loop.name})
        return f"failed: {type(error).__name__}; see the log"
    finally:
        well.cancel()


def _well(loop: Loop, health: Health) -> None:
    if not loop.once and not loop.reports_itself:
        health.say(loop.name, None)


async def _either(waiting: Awaitable[object], stopping: asyncio.Event) -> None:
    """Waits for the one or for the end."""
    tasks = [asyncio.ensure_future(waiting), asyncio.ensure_future(stopping.wait())]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*tasks, return_exceptions=True)
