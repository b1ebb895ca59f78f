"""Waiting until something is so, with an end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


async def wait_for(
    look: Callable[[], Awaitable[T | None]],
    what: str,
    timeout: float = 40,
    told: Callable[[], object] = lambda: "",
    every: float = 0.1,
) -> T:
    """The first look that finds something. Fails with what was waited for, and what there was instead."""
    deadline = time.monotonic() + timeout
    while True:
        found = await look()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"no {what} within {timeout:.0f} s; {told()}")
        await asyncio.sleep(every)
