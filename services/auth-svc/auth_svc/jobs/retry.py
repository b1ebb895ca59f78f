"""How due work waits while it holds its claim: pauses that notice a stop, calls that outlast Microsoft's
bad minutes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import TypeVar

from auth_svc.domain.model import Access
from auth_svc.microsoft.errors import EntraRefused, EntraUnavailable
from shared.domain.rules import Clock
from shared.jobs.claim import Claim, GiveBack

T = TypeVar("T")
LOOK_EVERY_SECONDS = 1.0
MAX_PAUSE_SECONDS = 20.0


async def wait(claim: Claim[Access], seconds: float, wanted: Callable[[], bool]) -> None:
    """Sleeps, looking up each second (cheap: thousands do so at once). Raises: GiveBack, when there is nothing to
    wait for any more: the service stops, another has the lease, the attempt was left or replaced."""
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while True:
        if claim.stopping.is_set() or claim.lost or not wanted():
            raise GiveBack
        if (left := end - loop.time()) <= 0:
            return
        await asyncio.sleep(min(LOOK_EVERY_SECONDS, left))


async def retry_until(
    claim: Claim[Access],
    call: Callable[[], Awaitable[T]],
    *,
    until: datetime,
    wanted: Callable[[], bool],
    clock: Clock,
) -> T:
    """`call`, again after each EntraUnavailable. Raises: EntraRefused(unreachable or busy) if it would last too
    long."""
    tries = 0
    while True:
        try:
            return await call()
        except EntraUnavailable as away:
            seconds = pause_seconds(away, tries)
            if clock() + timedelta(seconds=seconds) >= until:
                raise EntraRefused(away.reason, away.details) from None
        await wait(claim, seconds, wanted)
        tries += 1


async def ask_again_if_challenged(ask: Callable[[str | None], Awaitable[T]]) -> T:
    """`ask` with a token and what it opens; where Graph does not take the token (it may be a challenge), once more with
    another token, that holds the claims which were demanded. Raises: EntraRefused, EntraUnavailable."""
    try:
        return await ask(None)
    except EntraRefused as error:
        if error.reason != "graph_token":
            raise
        return await ask(error.claims)


def pause_seconds(away: EntraUnavailable, tries: int) -> float:
    """What Microsoft asks for, at least; else 1, 2, 4 ... 20 seconds: somebody waits at the wizard."""
    least = float(away.retry_after) if away.reason != "unreachable" else 1.0
    return max(least, min(MAX_PAUSE_SECONDS, 2.0 ** min(tries, 5)))
