"""The relay against real servers: nothing lost by a crash, each document in order, refusals kept apart."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from shared.contracts.events import EmailFailed, InvitationRevoked
from shared.domain.rules import Change, Unavailable
from shared.messaging.kafka import Cluster, Producer
from shared.messaging.outbox_relay import MAX_WOKEN, OutboxRelay
from shared.store.store import Store, WriteNotification
from tests.shared.kit.core import Memory, Tally, World, add, end_world, eventually, make_world, put, step
from tests.shared.kit.faults import Crash, FaultySender, Fuse, faulty

NEVER = 1000.0


@pytest.fixture
async def world(kafka_bootstrap: str, topic: str, mongo_url: str, mongo_database: str) -> AsyncIterator[World]:
    made = await make_world(kafka_bootstrap, topic, mongo_url, mongo_database)
    yield made
    await end_world(made)


async def nothing_unsent(tallies: Store[Tally]) -> bool:
    found = await tallies.collection.find({}, limit=10_000, fields=("outbox", "unsent"))
    return not any(document.get("outbox") or "unsent" in document for document in found)


async def test_a_crash_at_any_await_loses_and_reorders_nothing(world: World) -> None:
    tallies = world.tallies()
    for point in range(1, 60):
        fuse = Fuse(point)
        ids = {f"a{point}": 3, f"b{point}": 2}
        await tallies.fold({id: [step(n, id) for n in range(many)] for id, many in ids.items()})
        broken = world.tallies()
        broken.collection = faulty(tallies.collection, fuse)
        relay = OutboxRelay([broken], FaultySender(world.sender, fuse), world.cluster.topic)
        crashed = False
        try:
            await relay.sweep()
        except Crash:
            crashed = True
        await OutboxRelay([tallies], world.sender, world.cluster.topic).sweep()
        assert await nothing_unsent(tallies)
        if not crashed:
            break
    else:
        raise AssertionError("the relay never ended")
    said = await world.said()
    assert said == {
        f"{id}{n}": list(range(1, many + 1)) for n in range(1, point + 1) for id, many in (("a", 3), ("b", 2))
    }
    assert point == 15  # two for each of: the read, five sends, the write; and the run that passes


async def test_two_relays_at_once_only_repeat(world: World) -> None:
    tallies, ids = world.tallies(), [f"d{n}" for n in range(20)]
    other = Producer(world.cluster, "other")
    relays = [OutboxRelay([tallies], sender, world.cluster.topic, batch=7) for sender in (world.sender, other)]

    async def write() -> None:
        for number in range(10):
            await tallies.fold({id: [step(number, id)] for id in ids})

    async def relay_all(relay: OutboxRelay) -> None:
        for _ in range(8):
            await relay.sweep()

    await asyncio.gather(write(), *map(relay_all, relays))
    await relays[0].sweep()
    await other.close()
    assert await nothing_unsent(tallies)
    assert await world.said() == {id: list(range(1, 11)) for id in ids}


async def test_a_write_while_the_relay_reads_is_not_slept_over(world: World) -> None:
    class Writing(Memory):
        """Another event is written to the document while its first one is being sent."""

        async def send(self, *record: object) -> None:
            await super().send(*record)  # type: ignore[arg-type]
            if len(self.sent) == 1:
                await tallies.apply("a", add(2))

    tallies, sender, stopping = world.tallies(), Writing(), asyncio.Event()
    relay = OutboxRelay([tallies], sender, "t", sweep_seconds=NEVER)
    running = asyncio.ensure_future(relay.run(stopping))
    await asyncio.sleep(0.2)  # its first sweep is over
    await tallies.apply("a", add(1))

    async def both_sent() -> bool:
        return len(sender.sent) == 2

    await eventually(both_sent)
    stopping.set()
    await running


async def small_topic(world: World, limit: int) -> Cluster:
    cluster = Cluster(bootstrap=world.cluster.bootstrap, topic=f"{world.cluster.topic}.small", partitions=1)
    await _admin(
        cluster,
        lambda admin: admin.create_topics(
            [NewTopic(cluster.topic, 1, 1, topic_configs={"max.message.bytes": str(limit)})]
        ),
    )
    return cluster


async def _admin(cluster: Cluster, call: object) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=cluster.bootstrap)
    await admin.start()
    try:
        await call(admin)  # type: ignore[operator]
    finally:
        await admin.close()


def shout(size: int, generation: int) -> object:
    def rule(state: Tally | None, now: object) -> Change[Tally]:
        tally = state or Tally(customer="bad")
        quiet = InvitationRevoked("bad", 1, generation)
        return Change(
            tally,
            (
                EmailFailed(customer="bad", switch=1, kind="m", generation=1, tries=1, why="x" * size, final=True)
                if size
                else quiet,
            ),
        )

    return rule


async def test_a_record_that_the_broker_refuses_holds_back_its_own_document_only(world: World) -> None:
    tallies, cluster = world.tallies(), await small_topic(world, 3_000)
    relay = OutboxRelay([tallies], world.sender, cluster.topic, sweep_seconds=0.2)
    for size, generation in ((0, 1), (5_000, 0), (0, 2)):
        await tallies.apply("bad", shout(size, generation))  # type: ignore[arg-type]
    await tallies.fold({f"good{n}": [step(m, f"good{n}") for m in range(5)] for n in range(20)})

    async def pass_through() -> None:
        try:
            await relay.sweep()
        except Unavailable:  # sends that were in flight on the producer that the refusal broke
            await asyncio.sleep(0.1)

    async def only_the_refused_one_is_left() -> bool:
        await pass_through()
        left = await tallies.collection.find({"unsent": {"$exists": True}}, limit=100)
        return [(document["_id"], len(document["outbox"])) for document in left] == [("bad", 2)]

    await eventually(only_the_refused_one_is_left)
    for _ in range(20):
        assert await only_the_refused_one_is_left()
    world.cluster = cluster
    said = await world.said()
    assert said.pop("bad") == [1]
    assert said == {f"good{n}": [1, 2, 3, 4, 5] for n in range(20)}

    resource = ConfigResource(ConfigResourceType.TOPIC, cluster.topic, {"max.message.bytes": "100000"})
    await _admin(cluster, lambda admin: admin.alter_configs([resource]))

    async def all_sent() -> bool:
        await pass_through()
        return await nothing_unsent(tallies)

    await eventually(all_sent)
    types = [dict(record.headers)["ce_type"] for record in await world.records() if record.key == b"bad"]
    assert list(dict.fromkeys(types)) == [b"InvitationRevoked", b"EmailFailed"]
    assert (await world.said())["bad"] == [1, 2]


async def test_refused_documents_do_not_starve_those_behind_them(world: World) -> None:
    tallies, bad = world.tallies(), [f"bad{n}" for n in range(12)]
    good = [f"good{n}" for n in range(12)]
    sender = Memory(refuses=tuple(id.encode() for id in bad))
    await tallies.fold({id: [step(1, id)] for id in bad})
    for id in good:
        await tallies.fold({id: [step(1, id)]})
    await OutboxRelay([tallies], sender, "t", batch=5).sweep()
    assert sorted(key.decode() for _, key, _, _ in sender.sent if key) == sorted(good)


async def test_a_mark_without_events_is_taken_away(world: World) -> None:
    tallies = world.tallies()
    await tallies.apply("a", add(1))
    await tallies.collection.update_many({"_id": "a"}, {"$set": {"outbox": []}})
    await OutboxRelay([tallies], Memory(), "t").sweep()
    assert await nothing_unsent(tallies)


async def test_an_event_of_a_newer_version_waits_for_the_newer_version(world: World) -> None:
    tallies, sender = world.tallies(), Memory()
    await tallies.apply("a", add(1))
    await tallies.apply("b", add(1, "b"))
    await tallies.collection.update_many({"_id": "a"}, {"$set": {"outbox.0.type": "OfTomorrow"}})
    await OutboxRelay([tallies], sender, "t").sweep()
    assert [key for _, key, _, _ in sender.sent] == [b"b"]


async def test_with_kafka_away_what_is_woken_is_kept_within_bounds(world: World) -> None:
    tallies, sender = world.tallies(), Memory(away=True)
    relay = OutboxRelay([tallies], sender, "t")
    await tallies.apply("a", add(1))
    for _ in range(3):
        with pytest.raises(Unavailable):
            await relay.once()
    for listener in tallies.listeners:
        for start in range(0, 3 * MAX_WOKEN, 500):
            listener(WriteNotification(unsent=tuple(f"d{n}" for n in range(start, start + 500))))
    assert len(relay._outboxes[0].woken) <= MAX_WOKEN + 500
    sender.away = False
    await relay.once()
    assert len(sender.sent) == 1


async def test_what_is_fresh_is_left_to_its_writer(world: World) -> None:
    tallies, sender = world.tallies(), Memory()
    relay = OutboxRelay([tallies], sender, "t")
    await tallies.apply("a", put(note="x"))
    await tallies.apply("a", add(1))
    assert await relay.sweep(older=60) == 0
    assert await relay.sweep() == 1
