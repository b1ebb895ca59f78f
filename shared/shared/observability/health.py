"""What a service says of itself: which part is away and why, found by probes in the background, answered at once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from prometheus_client import Gauge

from shared.domain.rules import Unavailable

log = logging.getLogger(__name__)

STARTING = "starting"
CHECK_EVERY_SECONDS = 2.0
TIMEOUT_SECONDS = 3.0
PART_UP = Gauge("tokenswitch_part_up", "1 if the part answers, by name.", ["part"])

Check = Callable[[], Awaitable[object]]


class Faulty(Exception):
    """A part is there and something is wrong with it: the text says what."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """Asks one part whether it is there."""

    name: str
    check: Check
    required: bool = True
    """Not: the part is shown, but the service counts as ready without it."""
    every_seconds: float = CHECK_EVERY_SECONDS
    timeout_seconds: float = TIMEOUT_SECONDS


@dataclass(slots=True)
class Health:
    """The parts by name: None is well, else why not. Said in the log when it changes, not each time it is found."""

    stopping: bool = False
    _parts: dict[str, str | None] = field(default_factory=dict)
    _optional: set[str] = field(default_factory=set)

    def expect(self, name: str, *, required: bool = True) -> None:
        self._parts[name] = STARTING
        if not required:
            self._optional.add(name)

    def say(self, name: str, why: str | None) -> None:
        before = self._parts.get(name, STARTING)
        self._parts[name] = why
        PART_UP.labels(name).set(0 if why else 1)
        if why and why != STARTING and before in (None, STARTING):
            log.warning("%s: %s", name, why, extra={"part": name})
        if why is None and before not in (None, STARTING):
            log.info("%s is back", name, extra={"part": name})

    def why(self, name: str) -> str | None:
        """Why a part does not do; None while it does, or while that is not known yet."""
        why = self._parts.get(name)
        return None if why == STARTING else why

    @property
    def ready(self) -> bool:
        return not self.stopping and not any(why for name, why in self._parts.items() if name not in self._optional)

    def report(self) -> dict[str, Any]:
        """The body of /readyz."""
        status = "stopping" if self.stopping else "ready" if self.ready else "not ready"
        return {"status": status, "parts": {name: why or "ok" for name, why in sorted(self._parts.items())}}


async def watch(probe: Probe, health: Health) -> None:
    """Asks again and again, until cancelled."""
    while True:
        health.say(probe.name, await _ask(probe))
        await asyncio.sleep(probe.every_seconds)


async def _ask(probe: Probe) -> str | None:
    try:
        await asyncio.wait_for(probe.check(), probe.timeout_seconds)
    except TimeoutError:
        return f"away: no answer within {probe.timeout_seconds:g} seconds"
    except Unavailable as error:
        return f"away: {error}"
    except Faulty as error:
        return str(error)
    except Exception as error:  # a probe may fail in any way; the service goes on
        return f"away: {type(error).__name__}"
    return None
