"""Servers that freeze, are killed with -9 and come back: waits are bounded, readiness tells, nothing is lost."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from shared.domain.rules import Unavailable
from shared.messaging.consumer import Consumer
from shared.messaging.kafka import Producer
from shared.messaging.outbox_relay import OutboxRelay
from tests.servers import OwnKafka, OwnMongo
from tests.shared.kit.core import World, add, end_world, event_handlers, eventually, make_world

MOST = 30.0
"""Seconds within which every wait must end, whatever the broker does (far above what is expected)."""


@dataclass
class Member:
    """A consumer and a relay as a service runs them: run again whenever they end by Unavailable."""

    world: World
    health: list[str | None] = field(default_factory=list)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        world, stopping = self.world, asyncio.Event()
        tallies = world.tallies()
        sender = Producer(world.cluster, "member", timeout_seconds=2)
        relay = OutboxRelay([tallies], sender, world.cluster.topic, sweep_seconds=0.3, send_timeout_seconds=2)
        handling = event_handlers(tallies, sender, world.cluster, world.group)
        consumer = Consumer(world.cluster, world.group, handling, health=self.health.append)
        loops = [asyncio.ensure_future(self._again(one.run, stopping)) for one in (consumer, relay)]
        try:
            yield
        finally:
            stopping.set()
            await asyncio.wait_for(asyncio.gather(*loops), MOST)
            await asyncio.wait_for(sender.close(), MOST)

    async def _again(self, run: Callable[[asyncio.Event], object], stopping: asyncio.Event) -> None:
        while not stopping.is_set():
            try:
                await run(stopping)  # type: ignore[misc]
            except Unavailable as error:
                self.health.append(error.part)
                await asyncio.sleep(0.2)

    async def turns(self, part: str | None) -> None:
        self.health.clear()

        async def told() -> bool:
            return bool(self.health) and self.health[-1] == part

        await eventually(told, MOST)

    async def takes(self, customer: str, numbers: list[int]) -> None:
        async def taken() -> bool:
            found = await self.world.tallies().get(customer)
            return found is not None and list(found.state.taken) == numbers

        await eventually(taken, MOST)


async def test_a_frozen_and_a_killed_broker(
    own_kafka: OwnKafka, mongo_url: str, mongo_database: str, topic: str
) -> None:
    broker = own_kafka()
    world = await make_world(broker.bootstrap, topic, mongo_url, mongo_database)
    member, tallies = Member(world), world.tallies()
    async with member.running():
        await world.publish("a", 1, 2)
        await member.takes("a", [1, 2])
        broker.freeze()
        await tallies.apply("b", add(1, "b"))  # taken while Kafka is away
        await member.turns("Kafka")
        broker.thaw()
        await member.turns(None)
        await world.publish("a", 3)
        await member.takes("a", [1, 2, 3])
        broker.freeze()
        await tallies.apply("b", add(2, "b"))
        await member.turns("Kafka")
    broker.thaw()  # the member has ended all the same; its successor goes on
    async with member.running():
        await member.turns(None)
        broker.kill()
        await tallies.apply("b", add(3, "b"))
        await member.turns("Kafka")
        broker.start()
        await world.publish("a", 4)
        await member.takes("a", [1, 2, 3, 4])
        await member.turns(None)

        async def all_said() -> bool:
            return await world.said() == {"a": [1, 2, 3, 4], "b": [1, 2, 3]}

        await eventually(all_said, MOST)
    await end_world(world)


async def test_mongodb_killed_during_folds(own_mongo: OwnMongo, kafka_bootstrap: str, topic: str) -> None:
    server = own_mongo()
    world = await make_world(kafka_bootstrap, topic, server.url, "outage", mongo_seconds=1.5)
    member = Member(world)
    async with member.running():
        await world.publish("a", 1)
        await member.takes("a", [1])
        server.kill()
        await world.publish("a", 2, 3)
        await member.turns("MongoDB")
        server.start()
        await member.takes("a", [1, 2, 3])
        await member.turns(None)
        server.freeze()
        await world.publish("a", 4)
        await member.turns("MongoDB")
        server.thaw()
        await member.takes("a", [1, 2, 3, 4])

        async def all_said() -> bool:
            return await world.said() == {"a": [1, 2, 3, 4]}

        await eventually(all_said, MOST)
    await end_world(world)
