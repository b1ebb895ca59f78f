"""Three brokers, one killed with -9 under load: nothing that was accepted is lost, nobody is invited twice."""

from __future__ import annotations

import asyncio

import pytest

from tests.chaos.chaos_kit import LONG, all_complete, code_pending, opened, requested
from tests.e2e.e2e_kit import World
from tests.lanes.load import Load
from tests.lanes.three_brokers import BROKERS, in_step

LOOKS = 12

pytestmark = pytest.mark.timeout(400)


@pytest.mark.parametrize("broker", BROKERS)
async def test_each_broker_dies_in_turn_under_load(world: World, broker: str) -> None:
    await in_step(world.system.kafka, 3)
    await Load(world).through(lambda: world.system.kill(broker))
    await in_step(world.system.kafka, 2)
    world.system.start(broker)
    await in_step(world.system.kafka, 3)


async def test_with_two_brokers_dead_requests_are_kept_until_one_is_back(world: World) -> None:
    """One copy alone must not acknowledge: what is asked for meanwhile waits in the outbox, and the API says so.

    The services stay ready, rightly: a broker answers them, and they go on to take requests.
    """
    await in_step(world.system.kafka, 3)
    switches = list(await asyncio.gather(*(point(world) for point in (requested, opened, code_pending))))
    customer = await world.customer()
    world.system.kill(*BROKERS[:2])
    await world.request(customer)
    for _ in range(LOOKS):
        shown = await world.shown(customer)
        assert shown["switch"]["state"] == "requested" and shown["delayed"]["since"]
        await asyncio.sleep(0.5)
    world.system.start(BROKERS[0])
    await world.until(customer, LONG, switch="invited")
    await all_complete(world, switches)
    await world.link(customer)
    assert len(await world.links(customer.user("admin"))) == 1
