"""Services killed with -9, stopped and doubled in the middle of switches: each completes, once."""

from __future__ import annotations

import asyncio
import os
import signal
import time

import pytest

from tests.chaos.chaos_kit import all_complete, code_pending, everywhere, opened, requested
from tests.e2e.e2e_kit import World, open_world
from tests.system import SERVICES
from tokenswitch_dev.stack.process import signal_group


async def test_all_four_killed_at_once_with_a_switch_at_every_point(world: World) -> None:
    switches = await everywhere(world)
    world.system.kill(*SERVICES)
    world.system.start(*SERVICES)
    await all_complete(world, switches)
    interrupted = [fact for name, fact in await world.events(switches[-1].customer) if "Failed" in name]
    assert [fact["reason"] for fact in interrupted] == ["interrupted"], "the code that was at Microsoft"


async def test_each_killed_in_its_turn_with_a_switch_at_every_point(world: World) -> None:
    """While the others go on: what they say to it meanwhile waits on the topic."""
    switches = await everywhere(world)
    for service in SERVICES:
        world.system.kill(service)
        await asyncio.sleep(0.5)
        world.system.spawn(service)
    world.system.await_ready(*SERVICES)
    await all_complete(world, switches)


async def test_two_of_each_and_then_one_dies(world: World) -> None:
    """People and programs are led to either replica. What the dead one held is taken over, pending codes too."""
    addresses = world.system.replicas(*SERVICES)
    beside = open_world(world.system, addresses["config-svc"], addresses["invite-svc"])
    points = (requested, opened, code_pending)
    here = asyncio.gather(*(point(world) for point in points))
    there = asyncio.gather(*(point(beside) for point in points))
    switches, others = list(await here), list(await there)
    world.system.kill("auth-svc", "notify-svc")
    await asyncio.gather(all_complete(world, switches), all_complete(beside, others))
    await beside.close()


async def test_stopped_under_load_each_ends_in_time_with_nothing_left(world: World) -> None:
    switches = list(await asyncio.gather(*(point(world) for point in (requested, opened, code_pending) * 2)))
    processes = {name: world.system.children[name].process for name in SERVICES}
    begun = time.monotonic()
    for process in filter(None, processes.values()):
        signal_group(process.pid, signal.SIGTERM)
    codes = {name: await asyncio.to_thread(process.wait, 10) for name, process in processes.items() if process}
    assert codes == dict.fromkeys(SERVICES, 0)
    assert time.monotonic() - begun < 10
    for process in filter(None, processes.values()):
        with pytest.raises(ProcessLookupError):
            os.killpg(process.pid, 0)
    world.system.start(*SERVICES)
    await all_complete(world, switches)
