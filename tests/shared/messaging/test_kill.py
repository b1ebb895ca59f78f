"""kill -9 of a whole process in the middle of its work, again and again; its successor goes on without a gap."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
from pathlib import Path

from tests.shared.kit.core import World, end_world, eventually, make_world

CUSTOMERS = [f"c{number}" for number in range(8)]
FACTS, DEATHS = 40, 2
ROOT = Path(__file__).parents[3]


def part(number: int) -> range:
    """The facts that are published before this death, or after the last: each victim has some to take."""
    return range(FACTS * number // (DEATHS + 1), FACTS * (number + 1) // (DEATHS + 1))


def start(world: World, url: str, database: str) -> subprocess.Popen[bytes]:
    arguments = (world.cluster.bootstrap, world.cluster.topic, url, database, world.group)
    return subprocess.Popen([sys.executable, "-m", "tests.shared.kit.victim", *arguments], cwd=ROOT)


async def test_a_process_killed_at_any_moment_loses_and_doubles_nothing(
    kafka_bootstrap: str, mongo_url: str, mongo_database: str, topic: str
) -> None:
    world = await make_world(kafka_bootstrap, topic, mongo_url, mongo_database)
    tallies, dice = world.tallies(), random.Random(7)
    victims = [start(world, mongo_url, mongo_database)]

    async def produce(numbers: range) -> None:
        for number in numbers:
            await asyncio.gather(*(world.publish(customer, number) for customer in CUSTOMERS))
            await asyncio.sleep(0.03)

    async def taken() -> int:
        return sum([len(found.state.taken) for found in await tallies.find({})])

    async def some_more_taken(before: int) -> bool:
        return await taken() > before

    async def all_done() -> bool:
        found = await tallies.find({})
        return len(found) == len(CUSTOMERS) and all(
            len(one.state.taken) == one.state.checks == FACTS and one.delayed is None for one in found
        )

    try:
        for death in range(DEATHS):
            before = await taken()
            producing = asyncio.ensure_future(produce(part(death)))
            await eventually(lambda before=before: some_more_taken(before))  # type: ignore[misc]
            await asyncio.sleep(dice.uniform(0, 0.4))
            victims[-1].kill()
            victims[-1].wait()
            victims.append(start(world, mongo_url, mongo_database))
            await producing
        await produce(part(DEATHS))
        await eventually(all_done, 60)
    finally:
        victims[-1].kill()
        victims[-1].wait()
    for found in await tallies.find({}):
        assert list(found.state.taken) == list(range(FACTS))
    for customer, said in (await world.said()).items():
        assert [number for number in said if number > 0] == list(range(1, FACTS + 1)), customer
        mails = [-number for number in said if number < 0]
        assert mails == list(range(1, len(mails) + 1)), customer
    assert not await world.records(world.cluster.dead_topic(world.group))
    await end_world(world)
