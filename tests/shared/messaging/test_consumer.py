"""The fold against real servers: no record lost or taken in twice by a crash, a redelivery or a rebalance."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer

from shared.contracts.cloudevents import Record
from shared.messaging.consumer import Consumer
from shared.messaging.event_handlers import MAX_PER_DOCUMENT, EventHandlers, EventLog
from shared.messaging.kafka import Cluster, KafkaRecord
from shared.messaging.outbox_relay import OutboxRelay
from shared.store.operations import Document
from tests.shared.kit.core import Memory, World, end_world, event_handlers, eventually, headers, make_world
from tests.shared.kit.faults import Crash, FaultyCluster, Fuse, faulty


@pytest.fixture
async def world(kafka_bootstrap: str, topic: str, mongo_url: str, mongo_database: str) -> AsyncIterator[World]:
    made = await make_world(kafka_bootstrap, topic, mongo_url, mongo_database, partitions=4)
    yield made
    await end_world(made)


@contextlib.asynccontextmanager
async def consuming(world: World, **more: Any) -> AsyncIterator[Consumer]:
    """A member of the group that runs meanwhile, and ends properly."""
    stopping, tallies = asyncio.Event(), world.tallies()
    taken = event_handlers(tallies, world.sender, world.cluster, world.group)
    consumer = Consumer(world.cluster, world.group, taken, **more)
    running = asyncio.ensure_future(consumer.run(stopping))
    try:
        yield consumer
    finally:
        stopping.set()
        await asyncio.wait_for(running, 20)


async def taken(world: World) -> dict[str, list[int]]:
    return {found.id: list(found.state.taken) for found in await world.tallies().find({}, limit=1000)}


async def until_taken(world: World, expected: dict[str, list[int]]) -> None:
    async def complete() -> bool:
        return {id: len(numbers) for id, numbers in (await taken(world)).items()} == {
            id: len(numbers) for id, numbers in expected.items()
        }

    await eventually(complete)
    assert await taken(world) == expected


async def test_a_crash_at_any_await_of_fold_and_commit_loses_and_doubles_nothing(world: World) -> None:
    expected: dict[str, list[int]] = {}
    for point in range(1, 30):
        fuse, stopping = Fuse(point), asyncio.Event()
        broken = world.tallies()
        broken.collection = faulty(broken.collection, fuse)
        cluster = FaultyCluster(bootstrap=world.cluster.bootstrap, topic=world.cluster.topic, partitions=4, fuse=fuse)
        consumer = Consumer(cluster, world.group, event_handlers(broken, world.sender, cluster, world.group))
        for id in (f"a{point}", f"b{point}"):
            expected[id] = [1, 2, 3]
            await world.publish(id, 1, 2, 3)
        running = asyncio.ensure_future(consumer.run(stopping))
        goal = asyncio.ensure_future(until_taken(world, expected))
        await asyncio.wait({running, goal}, return_when=asyncio.FIRST_COMPLETED)
        crashed = running.done() and isinstance(running.exception(), Crash)
        stopping.set()
        goal.cancel()
        with contextlib.suppress(Crash):
            await running
        if not crashed and point > 6:
            break
    else:
        raise AssertionError("there is no end to the faults")
    async with consuming(world):
        await until_taken(world, expected)
    tallies = world.tallies()
    await OutboxRelay([tallies], world.sender, world.cluster.topic).sweep()
    assert await world.said() == {id: [1, 2, 3] for id in expected}


async def test_members_that_come_and_go_lose_and_double_nothing(world: World) -> None:
    customers = [f"c{number}" for number in range(16)]
    expected = {customer: list(range(60)) for customer in customers}

    async def produce() -> None:
        for number in range(60):
            await asyncio.gather(*(world.publish(customer, number) for customer in customers))
            await asyncio.sleep(0.05)

    producing = asyncio.ensure_future(produce())
    async with consuming(world, max_records=50):
        await asyncio.sleep(1)
        async with consuming(world, max_records=7, client_id="second"):
            await asyncio.sleep(1)
            async with consuming(world, client_id="third"):
                await asyncio.sleep(1)
        await producing
        await until_taken(world, expected)
    await OutboxRelay([world.tallies()], world.sender, world.cluster.topic).sweep()
    assert await world.said() == {customer: list(range(1, 61)) for customer in customers}


async def test_what_can_never_be_taken_in_is_buried_and_the_rest_goes_on(world: World) -> None:
    await world.publish("a", 1)
    await world.publish("a", 2, type_name="NobodyKnowsThis")
    await world.sender.send(world.cluster.topic, b"a", b"not json", headers(3, "a"))
    bug = b'{"customer":"a","switch":1,"generation":1}'
    await world.sender.send(world.cluster.topic, b"a", bug, headers(4, "a", "NewInvitationAsked"))
    await world.sender.send(world.cluster.topic, b"a", b"{}", [])
    await world.publish("a", 5)
    async with consuming(world):
        await until_taken(world, {"a": [1, 5]})

        async def all_buried() -> bool:
            return len(await world.records(world.cluster.dead_topic(world.group))) == 3

        await eventually(all_buried)
    dead = [dict(record.headers) for record in await world.records(world.cluster.dead_topic(world.group))]
    reasons = sorted(
        (head["dead_reason"].decode(), head["dead_document"].decode(), head.get("ce_id", b"").decode()) for head in dead
    )
    assert reasons == [
        ("rule raised: RuntimeError", "tallies/a", "other/links/a/4/0"),
        ("unreadable: LinkCopied: : json_invalid", "", "other/links/a/3/0"),
        ("unreadable: no ce_type header", "", ""),
    ]
    positions = {head["dead_position"].decode() for head in dead}
    assert {position.rsplit("/", 2)[0] for position in positions} == {world.cluster.topic}
    assert len({position.rsplit("/", 1)[1] for position in positions}) == 3


async def test_a_dead_letter_that_is_not_acknowledged_keeps_its_record(world: World) -> None:
    sender, stopping, parts = Memory(away=True), asyncio.Event(), list[str | None]()
    await world.sender.send(world.cluster.topic, b"a", b"not json", headers(1, "a"))
    handling = event_handlers(world.tallies(), sender, world.cluster, world.group)
    consumer = Consumer(world.cluster, world.group, handling, health=parts.append)
    running = asyncio.ensure_future(consumer.run(stopping))

    async def red() -> bool:
        return "Kafka" in parts

    async def green() -> bool:
        return parts[-1] is None and len(sender.sent) == 1

    await eventually(red)
    sender.away = False
    await eventually(green)
    stopping.set()
    await running


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched(Cluster):
    """Its consumers keep the offsets that they commit."""

    commits: list[dict[int, int]] = field(default_factory=list)

    def consumer(self, group: str | None, client_id: str, **more: Any) -> AIOKafkaConsumer:
        consumer = Cluster.consumer(self, group, client_id, **more)
        commit = consumer.commit

        async def watched(offsets: Any) -> None:
            await commit(offsets)
            self.commits.append({place.partition: offset for place, offset in offsets.items()})

        consumer.commit = watched
        return consumer


async def test_no_commit_covers_more_than_a_hundred_events_of_one_document(world: World) -> None:
    await world.publish("a", *range(350))
    world.cluster = Watched(bootstrap=world.cluster.bootstrap, topic=world.cluster.topic, partitions=4)
    async with consuming(world, max_records=1000):
        await until_taken(world, {"a": list(range(350))})
    offsets = [offset for commit in world.cluster.commits for offset in commit.values()]
    steps = [after - before for before, after in zip([0, *offsets], offsets, strict=False)]
    assert sum(steps) == 350
    assert max(steps) <= MAX_PER_DOCUMENT


def raw_batches(handling: EventHandlers, records: list[Any]) -> list[Any]:
    return list(handling.batches(map(KafkaRecord.of, records)))


async def test_a_whole_batch_delivered_again_changes_nothing(world: World) -> None:
    await world.publish("a", *range(100))
    await world.publish("b", *range(30))
    tallies, records = world.tallies(), await world.records()
    handling = event_handlers(tallies, world.sender, world.cluster, world.group)
    for _ in range(3):
        for batch in raw_batches(handling, records):
            await handling.handle(batch)
    found = {one.id: (one.version, list(one.state.taken)) for one in await tallies.find({})}
    assert found == {"a": (1, list(range(100))), "b": (1, list(range(30)))}


async def test_a_history_keeps_each_event_once_and_buries_what_it_cannot_keep(world: World) -> None:
    def entry(record: Record) -> Document | None:
        if record.id.endswith("/2/0"):
            raise ValueError("a bug")
        return None if record.id.endswith("/3/0") else {"type": record.type, "at": record.time}

    await world.publish("a", 1, 2, 3, 4)
    history, sender = world.mongo.collection("history"), Memory()
    handling = event_handlers(world.tallies(), sender, world.cluster, world.group, [EventLog(history, entry)])
    for _ in range(2):
        for batch in raw_batches(handling, await world.records()):
            await handling.handle(batch)
    kept = await history.find({}, sort=(("_id", 1),), limit=10)
    assert [document["_id"] for document in kept] == ["other/links/a/1/0", "other/links/a/4/0"]
    assert [dict(head)["dead_document"] for _, _, _, head in sender.sent] == [b"history"] * 2


async def test_a_record_with_null_parts_is_buried_too(world: World) -> None:
    from shared.messaging.kafka import KafkaRecord

    handling, sender = event_handlers(world.tallies(), (sender := Memory()), world.cluster, world.group), sender
    parts = [
        KafkaRecord(topic="t", partition=0, offset=0, key=None, value=None, headers=[("ce_type", None)]),
        KafkaRecord(topic="t", partition=0, offset=1, key=None, value=None, headers=headers(1, "a")),
    ]
    for batch in handling.batches(parts):
        await handling.handle(batch)
    assert [(key, value) for _, key, value, _ in sender.sent] == [(None, b""), (None, b"")]
    assert all(value is not None for _, _, _, head in sender.sent for _, value in head)
