"""Each service in three replicas, one of each killed with -9 under load: each switch completes, once."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.chaos.chaos_kit import LONG
from tests.e2e.e2e_kit import World, open_world
from tests.lanes.load import Load
from tests.system import SERVICES

pytestmark = pytest.mark.timeout(400)


@pytest.fixture
async def tripled(world: World) -> AsyncIterator[World]:
    """Two more of each; asked are replicas that stay alive."""
    world.system.replicas(*SERVICES)
    addresses = world.system.replicas(*SERVICES)
    beside = open_world(world.system, addresses["config-svc"], addresses["invite-svc"])
    beside.patience = LONG
    yield beside
    await beside.close()


@pytest.mark.parametrize("service", SERVICES)
async def test_one_of_three_dies_under_load(tripled: World, service: str) -> None:
    await Load(tripled).through(lambda: tripled.system.kill(service))


async def test_one_of_each_dies_at_once_under_load(tripled: World) -> None:
    await Load(tripled).through(lambda: tripled.system.kill(*SERVICES))
