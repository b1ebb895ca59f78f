"""Server-sent events: the topic itself as a stream of CloudEvents, each reader at its own place in it.

Every stream has a Kafka consumer of its own, without a group. So the log is the buffer: a slow reader holds back only
itself, nothing is queued in memory beyond one small fetch, and going on at another replica is a seek.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import json
import logging
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError, OffsetOutOfRangeError
from aiokafka.partitioner import DefaultPartitioner

from config_svc.metrics import STREAMS
from config_svc.stream import positions
from shared.contracts.events import REGISTRY
from shared.domain.rules import Unavailable
from shared.http.refusals import TooMany
from shared.messaging.kafka import Cluster, stop, within

log = logging.getLogger(__name__)

HEARTBEAT_SECONDS = 15.0
POLL_MS = 1000
LIFE_SECONDS = 3600.0
RETRY_MS = 2000
RETRY_WAITS_SECONDS = (0.5, 1.0, 2.0, 5.0)
FETCH_BYTES = 256 * 1024

AWAY = b": Kafka is away; the stream goes on by itself\n\n"
Shown = Mapping[str, Any]
Render = Callable[[Sequence[Shown]], Awaitable[Sequence[Shown]]]
"""Turns events into what a page shows of each. It must not raise: the stream's place has moved by then."""


class Reset(Exception):
    """What is asked for is no longer, or not yet, in the log."""


@dataclass(slots=True, kw_only=True)
class Streams:
    """The open streams of this process."""

    cluster: Cluster
    stopping: asyncio.Event
    most: int
    """How many may be open here at once."""
    client_id: str = "config-svc-events"
    heartbeat: float = HEARTBEAT_SECONDS
    """Seconds after which a quiet stream says that it is there."""
    life: float = LIFE_SECONDS
    """Seconds after which a reader must come again, so that its sign-in is checked anew."""
    _open: int = field(default=0)
    _by: Counter[str] = field(default_factory=Counter)

    @property
    def most_each(self) -> int:
        """What one caller may have open, so that nobody takes the streams of all others."""
        return max(1, self.most // 4)

    def events(
        self, last_event_id: str | None, customer: str | None, caller: str = "", render: Render | None = None
    ) -> AsyncGenerator[bytes]:
        """The stream, as it goes onto the wire; with `render` it also says `delayed` and `back`, since a browser does
        not see comments. Raises: Refused, before anything is sent, for a bad id or too many."""
        start = positions.read(last_event_id)
        if self._open >= self.most:
            raise TooMany(f"Here are {self.most} event streams open already; try again soon.", retry_after=5)
        if caller and self._by[caller] >= self.most_each:
            raise TooMany(f"You have {self.most_each} event streams open here; close some.", retry_after=5)
        return self._counted(_Reader(self, start, customer, render), caller)

    async def _counted(self, reader: _Reader, caller: str) -> AsyncGenerator[bytes]:
        self._open += 1
        self._by[caller] += 1
        STREAMS.set(self._open)
        try:
            async for chunk in reader.run():
                yield chunk
        finally:
            self._open -= 1
            self._by[caller] -= 1
            self._by += Counter()  # drops those who have none
            STREAMS.set(self._open)
            await reader.close()


class _Reader:
    """One stream: from a place in the log, through outages of Kafka, to its end."""

    def __init__(
        self, streams: Streams, start: dict[int, int] | None, customer: str | None, render: Render | None
    ) -> None:
        self._streams, self._at, self._customer, self._render = streams, start, customer, render
        self._consumer: AIOKafkaConsumer | None = None
        self._tries = 0
        self._said = 0.0

    async def run(self) -> AsyncIterator[bytes]:
        loop = asyncio.get_running_loop()
        ends = loop.time() + self._streams.life
        yield f"retry: {RETRY_MS}\n\n".encode()
        while not self._streams.stopping.is_set():
            if loop.time() > ends:
                yield _event("end", {"reason": "go on by Last-Event-ID; the sign-in is checked anew"}, self._id())
                return
            async for chunk in self._some():
                yield chunk
        yield _event("end", {"reason": "this replica is stopping; go on at another by Last-Event-ID"}, self._id())

    async def close(self) -> None:
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            await stop(consumer)

    async def _some(self) -> AsyncIterator[bytes]:
        try:
            consumer = self._consumer or await self._connect()
            chunks = await self._poll(consumer)
            if self._tries and self._render:
                yield _event("back", {}, None)
            self._tries = 0
            for chunk in chunks:
                yield chunk
        except Reset:
            await self.close()
            self._at = None
            yield await self._reset()
        except (Unavailable, KafkaError) as error:
            log.debug("an event stream waits: %s", type(error).__name__)
            await self.close()
            yield AWAY
            if self._render and not self._tries:
                yield _event("delayed", {"part": "Kafka"}, None)
            await self._pause()

    # --- the place in the log ----------------------------------------------------------------------------------

    async def _connect(self) -> AIOKafkaConsumer:
        """A consumer at the stream's place. Raises: Reset, if that is not in the log."""
        cluster = self._streams.cluster
        consumer = self._consumer = cluster.consumer(
            None,
            self._streams.client_id,
            auto_offset_reset="none",
            max_partition_fetch_bytes=FETCH_BYTES,
            fetch_max_bytes=4 * FETCH_BYTES,
        )
        await within(10, consumer.start())
        every = await self._partitions(consumer)
        ends = await within(10, consumer.end_offsets(every))
        if self._at is None:
            self._at = {place.partition: end for place, end in ends.items()}
        mine = [place for place in every if self._concerns(place, len(every))]
        await self._check(consumer, mine, ends)
        consumer.assign(mine)
        for place in mine:
            consumer.seek(place, self._at.setdefault(place.partition, 0))
        return consumer

    async def _partitions(self, consumer: AIOKafkaConsumer) -> list[TopicPartition]:
        topic = self._streams.cluster.topic
        # (aiokafka asks for a topic's partitions only for consumers that subscribe; these are assigned.)
        await within(10, consumer._client.set_topics([topic]))
        partitions = consumer.partitions_for_topic(topic)
        if not partitions:
            raise Unavailable("Kafka", "the topic is not there yet")
        return [TopicPartition(topic, number) for number in sorted(partitions)]

    def _concerns(self, place: TopicPartition, count: int) -> bool:
        """A customer's events all stand in one partition: only that one is read."""
        if self._customer is None:
            return True
        numbers = list(range(count))
        return bool(DefaultPartitioner()(self._customer.encode(), numbers, numbers) == place.partition)

    async def _check(
        self, consumer: AIOKafkaConsumer, mine: Sequence[TopicPartition], ends: Mapping[TopicPartition, int]
    ) -> None:
        at = self._at or {}
        first = await within(10, consumer.beginning_offsets(list(mine)))
        for place in mine:
            if not first[place] <= at.get(place.partition, 0) <= ends[place]:
                raise Reset

    def _id(self) -> str | None:
        return positions.write(self._at) if self._at else None

    # --- what is sent --------------------------------------------------------------------------------------------

    async def _poll(self, consumer: AIOKafkaConsumer) -> list[bytes]:
        try:
            polled = await consumer.getmany(timeout_ms=POLL_MS, max_records=200)
        except OffsetOutOfRangeError:
            raise Reset from None
        # Merged, not sorted: within a partition the order is the log's, whatever the clocks of its writers say.
        records = heapq.merge(*polled.values(), key=lambda record: record.timestamp)
        shown_records = [shown for record in records if (shown := self._shown(record))]
        if not shown_records:
            return await self._quiet(consumer)
        events: Sequence[Shown] = [event for event, _ in shown_records]
        rendered = await self._render(events) if self._render else events
        return [_event(None, event, id) for event, (_, id) in zip(rendered, shown_records, strict=True)]

    def _shown(self, record: Any) -> tuple[Shown, str] | None:
        """The record as an event with its id; one that does not concern this stream only moves its place."""
        at = self._at = {**(self._at or {}), record.partition: record.offset + 1}
        if self._customer is not None and record.key != self._customer.encode():
            return None
        shown = cloud_event(record.key, record.value, record.headers)
        return (shown, positions.write(at)) if shown else None

    async def _quiet(self, consumer: AIOKafkaConsumer) -> list[bytes]:
        """Now and then a comment with the id as it is by now, once the broker has answered."""
        now = asyncio.get_running_loop().time()
        if now - self._said < self._streams.heartbeat:
            return []
        await within(5, consumer.end_offsets(list(consumer.assignment())))
        self._said = now
        return [f": still here\nid: {self._id()}\n\n".encode()]

    async def _reset(self) -> bytes:
        """From now on; what came before is to be read by the API."""
        try:
            await self._connect()
        except (Unavailable, KafkaError, Reset):
            await self.close()
        reason = "the log does not hold what follows this Last-Event-ID; read the state anew, then go on from here"
        return _event("reset", {"reason": reason}, self._id())

    async def _pause(self) -> None:
        seconds = RETRY_WAITS_SECONDS[min(self._tries, len(RETRY_WAITS_SECONDS) - 1)]
        self._tries += 1
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._streams.stopping.wait(), seconds)


def cloud_event(
    key: bytes | None, value: bytes | None, headers: Sequence[tuple[str, bytes | None]]
) -> dict[str, Any] | None:
    """A record in CloudEvents' structured JSON; None for what is no event of ours. Sealed parts are left out."""
    texts = {name: raw.decode(errors="replace") for name, raw in headers if raw is not None}
    kind = REGISTRY.get(texts.get("ce_type", ""))
    if kind is None or value is None:
        return None
    try:
        body = json.loads(value)
    except ValueError:
        return None
    if not isinstance(body, dict):
        return None
    attributes = {name.removeprefix("ce_"): text for name, text in texts.items() if name.startswith("ce_")}
    more = {"datacontenttype": "application/json"} | (
        {"traceparent": texts["traceparent"]} if "traceparent" in texts else {}
    )
    data = {name: part for name, part in body.items() if name not in kind.sealed_fields}
    return attributes | more | {"data": data}


def _event(name: str | None, data: Mapping[str, Any], id: str | None) -> bytes:
    """One event. JSON has no line breaks in it, so nothing in it can begin another one."""
    lines = [f"id: {id}"] if id else []
    lines += [f"event: {name}"] if name else []
    return ("\n".join([*lines, f"data: {json.dumps(data, ensure_ascii=True)}"]) + "\n\n").encode()
