"""Lanes: the whole system on three brokers, healed before each test. They run by name only, outside `make test`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.chaos.chaos_kit import LONG
from tests.e2e.e2e_kit import World, open_world
from tests.lanes.three_brokers import OnThreeBrokers


@pytest.fixture(scope="session")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OnThreeBrokers]:
    running = OnThreeBrokers(tmp_path_factory.mktemp("system"))
    try:
        running.start(*running.originals)
        yield running
    finally:
        running.stop()


@pytest.fixture
async def world(system: OnThreeBrokers) -> AsyncIterator[World]:
    system.heal()
    opened = open_world(system)
    opened.patience = LONG
    yield opened
    await opened.close()
