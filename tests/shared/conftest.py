"""A database of its own for each test of the machinery, and the toy domain's store in it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from shared.store.mongo import Mongo
from shared.store.store import Store
from tests.shared.kit.core import Tally, Ticking, store


@pytest.fixture
async def mongo(mongo_url: str, mongo_database: str) -> AsyncIterator[Mongo]:
    client = Mongo(mongo_url, mongo_database)
    yield client
    await client.drop()
    client.close()


@pytest.fixture
def clock() -> Ticking:
    return Ticking()


@pytest.fixture
async def tallies(mongo: Mongo, clock: Ticking) -> Store[Tally]:
    made = store(mongo.collection("tallies"), clock=clock)
    await made.prepare()
    return made
