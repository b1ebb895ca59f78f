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


async def test_two_of_each_and_one_of_each_dies(world: World) -> None:
    """Both did the work; what the dead ones held is taken over by the others, pending codes too."""
    addresses = world.system.replicas(*SERVICES)
    beside = open_world(world.system, addresses["config-svc"], addresses["invite-svc"])
    switches = await everywhere(beside)
    world.system.kill(*SERVICES)
    await all_complete(beside, switches)
    await beside.close()


async def test_stopped_under_load_each_ends_in_time_with_nothing_left(world: World) -> None:
    """In ten seconds, or on a machine so busy that even their start takes longer, in those."""
    switches = list(await asyncio.gather(*(point(world) for point in (requested, opened, code_pending) * 2)))
    processes = {name: world.system.children[name].process for name in SERVICES}
    begun = time.monotonic()
    for process in filter(None, processes.values()):
        signal_group(process.pid, signal.SIGTERM)
    codes = {name: await asyncio.to_thread(process.wait, 120) for name, process in processes.items() if process}
    assert codes == dict.fromkeys(SERVICES, 0)
    took = time.monotonic() - begun
    for process in filter(None, processes.values()):
        with pytest.raises(ProcessLookupError):
            os.killpg(process.pid, 0)
    begun = time.monotonic()
    world.system.start(*SERVICES)
    assert took < max(10, time.monotonic() - begun)
    await all_complete(world, switches)
