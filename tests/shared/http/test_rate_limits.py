"""Limits hold over all replicas, slide, and say when to come back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from shared.http.rate_limits import INDEXES, Limits
from shared.http.refusals import TooMany
from shared.store.mongo import Collection, Mongo

START = datetime(2126, 3, 1, 12, 0, tzinfo=UTC)
WINDOW = timedelta(minutes=10)


@pytest.fixture
async def collection(mongo_url: str, mongo_database: str) -> AsyncIterator[Collection]:
    mongo = Mongo(mongo_url, mongo_database)
    found = mongo.collection("limits")
    await found.ensure(INDEXES)
    yield found
    await mongo.drop()
    mongo.close()


async def count(limits: Limits, times: int, now: datetime, key: str = "192.0.2.1", name: str = "start") -> int:
    """How many of so many tries are let through."""
    passed = 0
    for _ in range(times):
        try:
            await limits.check(name, key, 10, WINDOW, now)
            passed += 1
        except TooMany as refused:
            assert 1 <= refused.retry_after <= WINDOW.total_seconds()
            assert refused.headers == {"Retry-After": str(refused.retry_after)}
    return passed


async def test_so_many_are_let_through_and_no_more(collection: Collection) -> None:
    assert await count(Limits(collection), 15, START) == 10


async def test_all_replicas_count_together(collection: Collection) -> None:
    replicas = [Limits(collection) for _ in range(5)]
    assert sum(await asyncio.gather(*(count(replica, 5, START) for replica in replicas))) == 10


async def test_others_are_not_held_up(collection: Collection) -> None:
    limits = Limits(collection)
    await count(limits, 15, START)
    assert await count(limits, 15, START, key="192.0.2.2") == 10
    assert await count(limits, 15, START, name="resend") == 10


async def test_the_window_slides(collection: Collection) -> None:
    limits = Limits(collection)
    await count(limits, 10, START + WINDOW * 0.99)
    assert await count(limits, 10, START + WINDOW * 1.01) == 0  # no double burst over the border
    assert await count(limits, 10, START + WINDOW * 1.5) == 5
    assert await count(limits, 15, START + WINDOW * 4) == 10


async def test_who_keeps_trying_is_let_in_again(collection: Collection) -> None:
    limits = Limits(collection)
    await count(limits, 100, START)
    assert await count(limits, 1, START + WINDOW * 1.95) == 1


async def test_no_address_is_kept_and_counters_expire(collection: Collection) -> None:
    await count(Limits(collection), 1, START)
    (kept,) = await collection.find({}, limit=5)
    assert "192.0.2.1" not in str(kept)
    assert START + WINDOW <= kept["expires_at"] <= START + 2 * WINDOW
