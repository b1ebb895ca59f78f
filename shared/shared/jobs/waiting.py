"""Waiting for whichever comes first, with an end."""

from __future__ import annotations

import asyncio
from typing import Any


async def first_of(*whats: asyncio.Event | asyncio.Future[Any], timeout: float) -> None:  # noqa: ASYNC109
    """Waits until one of the events is set or one of the futures is done, or so many seconds.

    Futures are left as they are; nothing is cancelled but the waiting.
    """
    own = [asyncio.ensure_future(what.wait()) for what in whats if isinstance(what, asyncio.Event)]
    futures = [what for what in whats if not isinstance(what, asyncio.Event)]
    try:
        await asyncio.wait([*own, *futures], timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in own:
            wait.cancel()
