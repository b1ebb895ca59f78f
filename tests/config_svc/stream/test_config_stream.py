"""Server-sent events against a real Kafka: resumed at another replica without a gap or a repeat; reset; bounds."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.structs import TopicPartition

from config_svc.stream import positions
from config_svc.stream.sse import EventStream
from config_svc.stream.streams import Streams, cloud_event
from shared.contracts import cloudevents
from shared.contracts.events import REGISTRY, CustomerRegistered, Event, LinkCopied, Registration, SignInReady
from shared.domain.rules import Refused
from shared.http.refusals import TooMany
from shared.messaging.kafka import Cluster, Producer, ensure_topics
from tests.config_svc.config_kit import Config
from tokenswitch_dev.stack.kafka import EmbeddedKafka

AT = datetime(2126, 3, 1, 12, tzinfo=UTC)


@dataclass
class Topic:
    """A topic of this test's own, and a producer."""

    cluster: Cluster
    sender: Producer = field(init=False)
    sent: int = 0

    def __post_init__(self) -> None:
        self.sender = Producer(self.cluster, "test")

    async def say(self, customer: str, *numbers: int) -> None:
        for number in numbers:
            await self.publish(LinkCopied(customer=customer, switch=number, generation=1))

    async def publish(self, event: Event) -> None:
        self.sent += 1
        id = f"config/customers/{event.key}/{self.sent}/0"
        headers = cloudevents.headers_of(id, type(event).__name__, AT, event.key, None)
        await self.sender.send(self.cluster.topic, event.key.encode(), cloudevents.encode(event).encode(), headers)

    def replica(self, **more: Any) -> Streams:
        """Another process that serves the stream."""
        return Streams(cluster=self.cluster, stopping=asyncio.Event(), most=more.pop("most", 10), **more)


@pytest.fixture
async def topic(kafka_bootstrap: str, topic: str) -> AsyncIterator[Topic]:
    made = Topic(Cluster(bootstrap=kafka_bootstrap, topic=topic, partitions=4))
    await ensure_topics(made.cluster, ["test"])
    yield made
    await made.sender.close()


@dataclass(kw_only=True)
class Reader:
    """A client that reads a stream as a browser does."""

    streams: Streams
    last: str | None = None
    customer: str | None = None
    chunks: AsyncIterator[bytes] | None = None
    seen: list[dict[str, Any]] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)

    async def read(self, until: Callable[[Reader], bool], seconds: float = 20) -> list[dict[str, Any]]:
        """Reads until it holds; gives all that was seen. The connection stays."""
        self.chunks = self.chunks or self.streams.events(self.last, self.customer)

        async def on() -> None:
            assert self.chunks is not None
            while not until(self):
                self.take((await anext(self.chunks)).decode())

        await asyncio.wait_for(on(), seconds)
        return self.seen

    def take(self, text: str) -> None:
        for block in text.split("\n\n"):
            found: dict[str, str] = {}
            for line in filter(None, block.split("\n")):
                name, _, value = line.partition(":")
                if name:
                    found[name] = value.strip()
                else:
                    self.comments.append(value.strip())
            self.last = found.get("id", self.last)
            if "data" in found:
                self.seen.append({"event": found.get("event", "message"), **json.loads(found["data"])})

    async def ready(self) -> Reader:
        """Connected: the first heartbeat tells the place in the log."""
        await self.read(lambda reader: reader.last is not None)
        return self

    async def leave(self) -> None:
        if self.chunks is not None:
            await self.chunks.aclose()  # type: ignore[attr-defined]

    @property
    def numbers(self) -> list[int]:
        return [row["data"]["switch"] for row in self.seen if row["event"] == "message"]


def got(count: int) -> Callable[[Reader], bool]:
    return lambda reader: len(reader.seen) >= count


async def test_without_an_id_the_stream_begins_now(topic: Topic) -> None:
    await topic.say("c1", 1, 2)
    reader = await Reader(streams=topic.replica(heartbeat=0)).ready()
    await topic.say("c1", 3)
    seen = await reader.read(got(1))
    assert reader.numbers == [3]
    event = seen[0]
    wanted = {
        "specversion": "1.0",
        "type": "LinkCopied",
        "source": "/tokenswitch/config/customers",
        "subject": "c1",
        "dataschema": "/schemas/LinkCopied/1",
        "datacontenttype": "application/json",
    }
    assert event.items() >= wanted.items()
    assert event["id"] and event["time"] == "2126-03-01T12:00:00.000Z" and event["data"]["customer"] == "c1"
    await reader.leave()


async def test_it_goes_on_at_another_replica_without_a_gap_or_a_repeat(topic: Topic) -> None:
    first = await Reader(streams=topic.replica(heartbeat=0)).ready()
    customers = [f"c{n}" for n in range(8)]
    for n in range(40):
        await topic.say(customers[n % 8], n)
    await first.read(got(17))
    await first.leave()
    seen, last = list(first.numbers), first.last
    for _ in range(3):  # several times, cut anywhere, each time at another replica
        next_one = Reader(streams=topic.replica(), last=last)
        await next_one.read(got(5))
        seen, last = seen + next_one.numbers, next_one.last
        await next_one.leave()
    await topic.say("c3", 40)
    rest = Reader(streams=topic.replica(), last=last)
    await rest.read(lambda reader: 40 in reader.numbers and len(seen) + len(reader.numbers) >= 41)
    seen += rest.numbers
    await rest.leave()
    assert sorted(seen) == list(range(41))
    for customer in range(8):
        own = [n for n in seen if n < 40 and n % 8 == customer]
        assert own == sorted(own)


async def test_one_customers_stream_holds_only_its_events_and_its_ids_go_on(topic: Topic) -> None:
    reader = await Reader(streams=topic.replica(heartbeat=0), customer="c1").ready()
    for n in range(20):
        await topic.say(f"c{n % 5}", n)
    await reader.read(got(2))
    await reader.leave()
    rest = Reader(streams=topic.replica(), last=reader.last, customer="c1")
    await rest.read(lambda found: len(reader.numbers) + len(found.numbers) >= 4)
    await rest.leave()
    assert reader.numbers + rest.numbers == [1, 6, 11, 16]


async def test_what_the_log_no_longer_holds_is_a_reset_and_the_stream_goes_on_from_now(topic: Topic) -> None:
    reader = await Reader(streams=topic.replica(heartbeat=0)).ready()
    await reader.leave()
    await topic.say("c1", 1, 2, 3)
    admin = AIOKafkaAdminClient(bootstrap_servers=topic.cluster.bootstrap)
    await admin.start()
    places = {TopicPartition(topic.cluster.topic, n): RecordsToDelete(before_offset=-1) for n in range(4)}
    await admin.delete_records(places)
    await admin.close()
    late = Reader(streams=topic.replica(heartbeat=0), last=reader.last)
    seen = await late.read(got(1))
    assert (seen[0]["event"], late.numbers) == ("reset", []) and "read the state anew" in seen[0]["reason"]
    await topic.say("c1", 4)
    await late.read(got(2))
    assert late.numbers == [4]
    await late.leave()
    again = Reader(streams=topic.replica(heartbeat=0), last=late.last)
    await topic.say("c2", 5)
    await again.read(got(1))
    assert again.numbers == [5]
    await again.leave()


@pytest.mark.parametrize("last", ["0:99999", "3:7,0:0"])
async def test_an_id_from_the_future_of_the_log_is_a_reset(topic: Topic, last: str) -> None:
    reader = Reader(streams=topic.replica(), last=last)
    assert (await reader.read(got(1)))[0]["event"] == "reset"
    await reader.leave()


@pytest.mark.parametrize("last", ["x", "0:-1", "0:1,", "0:1;1:2", "0: 1", "999999:1", "0:1\nid: 2", f"0:{'9' * 20}"])
def test_an_id_that_is_none_is_refused_before_anything_is_sent(last: str) -> None:
    streams = Streams(cluster=Cluster(bootstrap="127.0.0.1:1"), stopping=asyncio.Event(), most=1)
    with pytest.raises(Refused) as caught:
        streams.events(last, None)
    assert (caught.value.status, caught.value.code) == (400, "last_event_id_invalid")


def test_positions_are_written_and_read() -> None:
    assert positions.write({3: 7, 0: 12}) == "0:12,3:7"
    assert positions.read("0:12,3:7") == {0: 12, 3: 7}
    assert positions.read(None) is None and positions.read("") is None


async def test_no_more_streams_than_allowed(topic: Topic) -> None:
    streams = topic.replica(most=2, heartbeat=0)
    readers = [await Reader(streams=streams).ready() for _ in range(2)]
    with pytest.raises(TooMany):
        streams.events(None, None)
    await readers[0].leave()
    await (await Reader(streams=streams).ready()).leave()
    await readers[1].leave()


async def test_a_quiet_stream_says_that_it_is_there_and_its_id_goes_on(topic: Topic) -> None:
    reader = await Reader(streams=topic.replica(heartbeat=0.1), customer="c1").ready()
    first = reader.last
    assert len(positions.read(first) or {}) == 4
    for n in range(12):
        await topic.say("c1", n)
    await reader.read(got(12))
    before = len(reader.comments)
    await reader.read(lambda found: len(found.comments) > before + 2)
    assert reader.comments[-1] == "still here" and reader.last != first
    await reader.leave()


async def test_a_stream_ends_clearly_when_the_service_stops_and_after_its_hour(topic: Topic) -> None:
    streams = topic.replica(heartbeat=0)
    reader = await Reader(streams=streams).ready()
    streams.stopping.set()
    seen = await reader.read(got(1))
    assert seen[0]["event"] == "end" and "stopping" in seen[0]["reason"]
    with pytest.raises(StopAsyncIteration):
        await anext(reader.chunks)  # type: ignore[arg-type]
    old = Reader(streams=topic.replica(heartbeat=0, life=0))
    assert (await old.read(got(1)))[0]["event"] == "end"


async def test_while_kafka_is_away_a_comment_says_so_and_it_goes_on_by_itself(
    own_kafka: Callable[[], EmbeddedKafka],
) -> None:
    broker = own_kafka()
    topic = Topic(Cluster(bootstrap=broker.bootstrap, topic="away.events", partitions=2, request_timeout_ms=2000))
    await ensure_topics(topic.cluster, ["test"])
    reader = await Reader(streams=topic.replica(heartbeat=0.2)).ready()
    broker.kill()
    await reader.read(lambda found: any("Kafka is away" in comment for comment in found.comments), 60)
    broker.start()
    fresh = Topic(topic.cluster)
    await fresh.say("c1", 7)
    await reader.read(got(1), 60)
    assert reader.numbers == [7]
    await reader.leave()
    await fresh.sender.close()


async def test_a_stream_asked_for_before_kafka_is_there_waits_for_it(
    own_kafka: Callable[[], EmbeddedKafka],
) -> None:
    broker = own_kafka()
    broker.kill()
    cluster = Cluster(bootstrap=broker.bootstrap, topic="late.events", partitions=2, request_timeout_ms=2000)
    reader = Reader(streams=Streams(cluster=cluster, stopping=asyncio.Event(), most=1, heartbeat=0))
    await reader.read(lambda found: bool(found.comments), 40)
    assert "Kafka is away" in reader.comments[0]
    broker.start()
    await ensure_topics(cluster, ["test"])
    await reader.read(lambda found: found.last is not None, 40)
    await reader.leave()


# --- what an event shows ---------------------------------------------------------------------------------------------


def shown(event: Event) -> dict[str, Any]:
    headers = cloudevents.headers_of("auth/access/c1/1/0", type(event).__name__, AT, "c1", "00-a-b-01")
    found = cloud_event(b"c1", cloudevents.encode(event).encode(), headers)
    assert found is not None
    return found


def test_sealed_parts_are_left_out() -> None:
    assert "sealed" not in str(shown(SignInReady(customer="c1", switch=1, attempt=1, url="sealed", expires_at=AT)))
    registered = CustomerRegistered(
        customer="c1",
        name="Contoso",
        tenant="contoso.example",
        registration=Registration(client_id="app", revision=1, secret_change="set", secret="sealed"),
    )
    assert "registration" not in shown(registered)["data"]
    assert shown(registered)["traceparent"] == "00-a-b-01"
    assert any(kind.sealed_fields for kind in REGISTRY.values())


@pytest.mark.parametrize(
    ("value", "headers"),
    [
        (b"{}", []),
        (b"{}", [("ce_type", b"Unknown")]),
        (None, [("ce_type", b"LinkCopied")]),
        (b"{", [("ce_type", b"LinkCopied")]),
        (b"[]", [("ce_type", b"LinkCopied")]),
        (b"{}", [("ce_type", None)]),
    ],
)
def test_what_is_no_event_of_ours_is_not_shown(value: bytes | None, headers: list[tuple[str, bytes | None]]) -> None:
    assert cloud_event(b"c1", value, headers) is None


# --- the HTTP answer -------------------------------------------------------------------------------------------------


async def test_a_reader_that_stops_reading_is_cut_off() -> None:
    ended = asyncio.Event()

    async def chunks() -> AsyncGenerator[bytes]:
        try:
            while True:
                yield b": x\n\n"
        finally:
            ended.set()

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)
        if len(sent) > 3:
            await asyncio.Event().wait()  # its window is full for good

    async def receive() -> Any:
        await asyncio.Event().wait()

    answer = EventStream(chunks(), send_timeout=0.1)
    await asyncio.wait_for(answer({"type": "http"}, receive, send), 5)
    assert ended.is_set() and sent[0]["status"] == 200
    assert dict(sent[0]["headers"])[b"content-type"].startswith(b"text/event-stream")


async def test_a_reader_that_leaves_frees_its_stream() -> None:
    ended = asyncio.Event()

    async def chunks() -> AsyncGenerator[bytes]:
        try:
            await asyncio.Event().wait()
            yield b""
        finally:
            ended.set()

    async def send(message: Any) -> None:
        pass

    async def receive() -> Any:
        return {"type": "http.disconnect"}

    await asyncio.wait_for(EventStream(chunks())({"type": "http"}, receive, send), 5)
    assert ended.is_set()


async def test_the_api_asks_for_a_role_and_a_valid_id(config: Config) -> None:
    assert (await config.gateway(None).get("/events")).status_code == 401
    assert (await config.gateway("token.read").get("/events")).status_code == 403
    answer = await config.gateway("viewer").get("/events", headers={"Last-Event-ID": "x"})
    assert (answer.status_code, answer.json()["code"]) == (400, "last_event_id_invalid")
    assert (await config.gateway("viewer").get("/events", params={"customer": "a b"})).status_code == 422
