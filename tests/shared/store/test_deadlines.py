"""Every call ends within its time, wherever it waits: in front of the driver, in it, or at a server that hangs."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from shared.domain.rules import Unavailable
from shared.store.mongo import POOL_SIZE, URGENT_PLACES, Calls, Mongo, MongoAccess
from tests.servers import OwnMongo

LIMIT_SECONDS = 1.0


async def ended(call: Any) -> tuple[float, str]:
    """How long a call took, and what it ended with."""
    began = time.monotonic()
    try:
        await call
    except Unavailable:
        return time.monotonic() - began, "unavailable"
    return time.monotonic() - began, "answered"


async def test_a_server_that_hangs_makes_nobody_wait_for_longer_than_a_calls_limit(own_mongo: OwnMongo) -> None:
    server = own_mongo()
    mongo = Mongo(server.url, "test", timeout_seconds=LIMIT_SECONDS)
    there = mongo.collection("things")
    assert await there.insert({"_id": "a"})
    await asyncio.gather(*(there.get("a") for _ in range(POOL_SIZE)))
    server.freeze()
    try:
        calls = [ended(there.get("a")) for _ in range(100)]
        took = await asyncio.gather(*calls, ended(mongo.ping()), ended(there.urgent.get("a")))
    finally:
        server.thaw()
    assert {outcome for _, outcome in took} == {"unavailable"}
    slowest, once = max(seconds for seconds, _ in took), LIMIT_SECONDS
    assert slowest < 3 * once, "one limit, not one for each place in the queue"
    for _ in range(50):  # the same client goes on when the server does
        if (await ended(there.get("a")))[1] == "answered":
            break
        await asyncio.sleep(0.1)
    else:
        pytest.fail("the client did not come back")
    await asyncio.to_thread(mongo.close)


async def test_urgent_calls_never_stand_behind_others() -> None:
    """With every ordinary place taken, an urgent call is answered at once."""
    ordinary, urgent = Calls(asyncio.Semaphore(2), 5), Calls(asyncio.Semaphore(1), 5)
    hang = asyncio.Event()
    waiting = [asyncio.ensure_future(ordinary(hang.wait)) for _ in range(5)]
    await asyncio.sleep(0)
    assert await urgent(asyncio.sleep, 0, "answered") == "answered"
    hang.set()
    assert await asyncio.gather(*waiting) == [True] * 5


async def test_a_place_is_free_only_when_its_call_has_ended() -> None:
    """A thread that hangs is taken, although nobody waits for it any more."""
    calls, hang = Calls(asyncio.Semaphore(1), 0.3), asyncio.Event()
    with pytest.raises(Unavailable):
        await calls(hang.wait)
    with pytest.raises(Unavailable):
        await calls(asyncio.sleep, 0)
    hang.set()
    await asyncio.sleep(0.01)
    assert await calls(asyncio.sleep, 0, "free") == "free"


async def test_a_call_that_cannot_begin_gives_its_place_back() -> None:
    calls = Calls(asyncio.Semaphore(1), 1)

    def broken() -> Any:
        raise ValueError("no call")

    for _ in range(3):
        with pytest.raises(ValueError, match="no call"):
            await calls(broken)


def test_the_pool_is_as_large_as_set() -> None:
    assert MongoAccess(url="mongodb://localhost", pool_size=8).options()["maxPoolSize"] == 8
    assert URGENT_PLACES < 8
