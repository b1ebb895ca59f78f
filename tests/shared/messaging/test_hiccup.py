"""A server that is away for one call, any call: the same process goes on by itself, and nothing is doubled."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime
from functools import partial

import pytest

from shared.domain.rules import Change, Unavailable, utc_now
from shared.jobs.claim import Claim, Outcome
from shared.jobs.worker import Worker
from shared.messaging.consumer import Consumer
from shared.messaging.outbox_relay import OutboxRelay
from tests.shared.kit.core import Tally, World, end_world, event_handlers, eventually, make_world, put, step
from tests.shared.kit.faults import FaultyCluster, FaultySender, Fuse, faulty

Away = partial(Unavailable, "it")


@pytest.fixture
async def world(kafka_bootstrap: str, topic: str, mongo_url: str, mongo_database: str) -> AsyncIterator[World]:
    made = await make_world(kafka_bootstrap, topic, mongo_url, mongo_database)
    yield made
    await end_world(made)


@pytest.mark.parametrize("point", range(1, 7))
async def test_the_consumer_goes_on_after_an_outage_at_any_await(world: World, point: int) -> None:
    fuse, stopping, health = Fuse(point, error=Away), asyncio.Event(), list[str | None]()
    broken = world.tallies()
    broken.collection = faulty(broken.collection, fuse)
    cluster = FaultyCluster(bootstrap=world.cluster.bootstrap, topic=world.cluster.topic, partitions=2, fuse=fuse)
    handling = event_handlers(broken, world.sender, cluster, world.group)
    consumer = Consumer(cluster, world.group, handling, health=health.append)
    await world.publish("a", *range(30))
    running = asyncio.ensure_future(consumer.run(stopping))

    async def all_taken() -> bool:
        found = await world.tallies().get("a")
        taken = found is not None and len(found.state.taken) >= 30
        return taken and health[-1:] == [None] and "it" in health

    await eventually(all_taken)
    await world.publish("a", 30)
    stopping.set()
    await running
    found = await world.tallies().get("a")
    assert found is not None
    assert list(found.state.taken)[:30] == list(range(30))
    assert found.state.said == len(found.state.taken)


async def test_the_relay_goes_on_after_an_outage_at_any_await(world: World) -> None:
    tallies, points = world.tallies(), range(1, 15)
    for point in points:
        fuse, ids = Fuse(0, error=Away), {f"a{point}": 3, f"b{point}": 2}
        broken = world.tallies()
        broken.collection = faulty(tallies.collection, fuse)
        relay = OutboxRelay([broken], FaultySender(world.sender, fuse), world.cluster.topic)
        await broken.fold({id: [step(n, id) for n in range(many)] for id, many in ids.items()})
        fuse.at, fuse.passed = point, 0
        for _ in range(3):
            try:
                await relay.once()
            except Unavailable:
                continue
    await OutboxRelay([tallies], world.sender, world.cluster.topic).sweep()
    assert await world.said() == {
        f"{id}{point}": list(range(1, many + 1)) for point in points for id, many in (("a", 3), ("b", 2))
    }


@pytest.mark.parametrize("point", range(1, 11))
async def test_due_work_goes_on_after_an_outage_at_any_await(world: World, point: int) -> None:
    def sent(state: Tally | None, now: datetime) -> Change[Tally]:
        assert state is not None
        return Change(replace(state, mails=state.mails + 1, mail_at=None))

    async def mail(claim: Claim[Tally]) -> Outcome[Tally]:
        return Outcome(sent)

    fuse, stopping = Fuse(point, error=Away), asyncio.Event()
    tallies, broken = world.tallies(), world.tallies()
    broken.collection = faulty(tallies.collection, fuse)
    await tallies.apply("a", put(mail_at=utc_now()))
    running = asyncio.ensure_future(
        Worker(store=broken, job="mail", execute=mail, tick_seconds=0.1, lease_seconds=0.6).run(stopping)
    )

    async def mailed() -> bool:
        found = await tallies.get("a")
        return found is not None and found.state.mails > 0

    await eventually(mailed)
    stopping.set()
    await running
    found = await tallies.get("a")
    assert found is not None
    assert (found.state.mails, found.state.mail_at) == (1, None)
