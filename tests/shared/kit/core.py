"""A toy domain for the tests of the machinery: a tally that takes facts in, says so, and owes two kinds of
work."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from shared.contracts import cloudevents
from shared.contracts.events import InvitationRevoked, LinkCopied, NewInvitationAsked
from shared.domain.rules import Change, Unavailable
from shared.messaging.event_handlers import EventHandlers, EventLog, on
from shared.messaging.kafka import Cluster, Producer, Sender, SendRefused, ensure_topics
from shared.store.mapping import Deadline
from shared.store.mongo import Collection, Mongo
from shared.store.store import Store
from shared.store.write_plan import Command, Step

NOW = datetime(2027, 1, 31, 12, 0, tzinfo=UTC)
SOURCE = "toy/tallies"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """`taken`: the numbers of the facts taken in, in order. `mail_at`, `check_at`: the two deadlines'
    deadlines."""

    customer: str
    taken: tuple[int, ...] = ()
    said: int = 0
    mails: int = 0
    checks: int = 0
    note: str = ""
    mail_at: datetime | None = None
    check_at: datetime | None = None


DEADLINES: dict[str, Deadline] = {"mail": lambda state: state.mail_at, "check": lambda state: state.check_at}


def take(state: Tally | None, fact: LinkCopied, now: datetime) -> Change[Tally]:
    """Takes the fact's number in and says so; the number said rises by one each time."""
    tally = state or Tally(customer=fact.customer)
    tally = replace(tally, taken=(*tally.taken, fact.switch), said=tally.said + 1)
    return Change(tally, (InvitationRevoked(fact.customer, fact.switch, tally.said),))


def raises(state: Tally | None, fact: NewInvitationAsked, now: datetime) -> Change[Tally]:
    raise RuntimeError(f"a bug about {fact.customer}")


def copied(customer: str, number: int) -> LinkCopied:
    return LinkCopied(customer=customer, switch=number, generation=1)


def add(number: int, customer: str = "c", **more: Any) -> Callable[[Tally | None, datetime], Change[Tally]]:
    """A rule as commands and due work use it; `more` sets fields of the state."""

    def rule(state: Tally | None, now: datetime) -> Change[Tally]:
        change = take(state, copied(customer, number), now)
        return replace(change, state=replace(change.state, **more), answer={"number": number})

    return rule


def put(**fields: Any) -> Callable[[Tally | None, datetime], Change[Tally]]:
    """A rule that only sets fields, without an event."""
    return lambda state, now: Change(replace(state or Tally(customer="c"), **fields))


def step(number: int, customer: str = "c") -> Step[Tally]:
    return Step(rule=add(number, customer), cause=f"other/links/{customer}/{number}/0", origin=number)


def command(key: str, digest: str = "d") -> Command:
    return Command(key, digest)


def store(collection: Collection, **more: Any) -> Store[Tally]:
    return Store(collection, Tally, SOURCE, deadlines=DEADLINES, **more)


TABLE = [
    on(LinkCopied, "tallies", take),
    on(NewInvitationAsked, "tallies", raises),
]


def event_handlers(
    tallies: Store[Tally], sender: Sender, cluster: Cluster, group: str, logs: Sequence[EventLog] = ()
) -> EventHandlers:
    return EventHandlers(TABLE, {"tallies": tallies}, sender, cluster.dead_topic(group), logs=logs)


def headers(number: int, customer: str, type_name: str = "LinkCopied") -> cloudevents.Headers:
    id = f"other/links/{customer}/{number}/0"
    made = cloudevents.headers_of(id, "LinkCopied", NOW, customer, None)
    return [(name, type_name.encode() if name == "ce_type" else value) for name, value in made]


@dataclass(kw_only=True)
class World:
    """The servers of one test: a database, a topic, and what was published to it."""

    mongo: Mongo
    cluster: Cluster
    sender: Producer
    group: str = "tests"

    def tallies(self, name: str = "tallies", **more: Any) -> Store[Tally]:
        return store(self.mongo.collection(name), **more)

    async def publish(self, customer: str, *numbers: int, type_name: str = "LinkCopied") -> None:
        for number in numbers:
            body = cloudevents.encode(copied(customer, number)).encode()
            head = headers(number, customer, type_name)
            await self.sender.send(self.cluster.topic, customer.encode(), body, head)

    async def records(self, topic: str | None = None) -> list[Any]:
        """All that stands on a topic now."""
        reader = AIOKafkaConsumer(
            bootstrap_servers=self.cluster.bootstrap, auto_offset_reset="earliest", enable_auto_commit=False
        )
        await reader.start()
        try:
            return await _all(reader, topic or self.cluster.topic)
        finally:
            await reader.stop()

    async def said(self) -> dict[str, list[int]]:
        """Customer -> the numbers its tally said, in the order of their first occurrence."""
        spoken: dict[str, dict[str, int]] = {}
        for record in await self.records():
            head = dict(record.headers)
            if head["ce_type"] == b"InvitationRevoked":
                event = cloudevents.decode("InvitationRevoked", record.value)
                assert isinstance(event, InvitationRevoked)
                spoken.setdefault(event.customer, {}).setdefault(head["ce_id"].decode(), event.generation)
        return {customer: list(ids.values()) for customer, ids in spoken.items()}


async def _all(reader: AIOKafkaConsumer, topic: str) -> list[Any]:
    await reader._client._wait_on_metadata(topic)
    places = [TopicPartition(topic, number) for number in reader.partitions_for_topic(topic) or ()]
    reader.assign(places)
    ends = await reader.end_offsets(places)
    found: list[Any] = []
    while any([await reader.position(place) < ends[place] for place in places]):
        for some in (await reader.getmany(timeout_ms=200)).values():
            found.extend(some)
    return sorted(found, key=lambda record: (record.partition, record.offset))


async def make_world(
    bootstrap: str, topic: str, url: str, database: str, partitions: int = 2, mongo_seconds: float = 5.0
) -> World:
    cluster, mongo = (
        Cluster(bootstrap=bootstrap, topic=topic, partitions=partitions),
        Mongo(url, database, timeout_seconds=mongo_seconds),
    )
    world = World(mongo=mongo, cluster=cluster, sender=Producer(cluster, "tests"), group=f"g{uuid.uuid4().hex[:8]}")
    await ensure_topics(cluster, [world.group])
    await world.tallies().prepare()
    return world


async def end_world(world: World) -> None:
    await world.sender.close()
    await world.mongo.drop()
    world.mongo.close()


@dataclass
class Memory:
    """A sender that keeps what it gets, but for keys that it refuses, and takes nothing while it is away."""

    refuses: tuple[bytes, ...] = ()
    away: bool = False
    sent: list[tuple[str, bytes | None, bytes | None, cloudevents.Headers]] = field(default_factory=list)

    async def send(self, topic: str, key: bytes | None, value: bytes | None, headers: cloudevents.Headers) -> None:
        if self.away:
            raise Unavailable("Kafka")
        if key in self.refuses:
            raise SendRefused("not this key")
        self.sent.append((topic, key, value, headers))


async def eventually(holds: Callable[[], Awaitable[bool]], seconds: float = 30.0) -> None:
    """Waits until it holds; fails if it never does."""
    for _ in range(int(seconds / 0.05)):
        if await holds():
            return
        await asyncio.sleep(0.05)
    raise AssertionError("it did not come true in time")


@dataclass
class Ticking:
    """A clock that the test moves."""

    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now

    def move(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
