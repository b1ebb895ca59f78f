"""Kafka as Tokenswitch uses it: one topic of events, dead letters per group, an idempotent producer, a
consumer."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Protocol, Self, TypeVar

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import (
    InvalidMessageError,
    KafkaConnectionError,
    KafkaError,
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    NodeNotReadyError,
    ProducerClosed,
    RecordListTooLargeError,
    TopicAlreadyExistsError,
    for_code,
)

from shared.contracts.cloudevents import Headers
from shared.domain.rules import Unavailable

T = TypeVar("T")

RETENTION_MS = 30 * 24 * 3600 * 1000
MAX_REQUEST_BYTES = 1_000_000
MAX_RECORD_BYTES = MAX_REQUEST_BYTES - 10_000
STOP_SECONDS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """How to reach Kafka, and the topic's name and shape."""

    bootstrap: str
    """`host:port`, several with commas."""
    topic: str = "tokenswitch.events"
    partitions: int = 12
    replication: int = -1
    """Replicas of a new topic; -1: the broker's default."""
    request_timeout_ms: int = 5_000
    min_insync: int = 0
    """Replicas that must have a record; 0: the broker's default."""
    access: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """What its clients are let in with (`shared.messaging.kafka_security`)."""

    def dead_topic(self, group: str) -> str:
        prefix = "tokenswitch" if self.topic == "tokenswitch.events" else self.topic
        return f"{prefix}.dead.{group}"

    def producer(self, client_id: str) -> AIOKafkaProducer:
        return AIOKafkaProducer(
            bootstrap_servers=self.bootstrap,
            client_id=client_id,
            acks="all",
            enable_idempotence=True,
            request_timeout_ms=self.request_timeout_ms,
            max_request_size=MAX_REQUEST_BYTES,
            linger_ms=0,
            **self.access,
        )

    def consumer(self, group: str | None, client_id: str, **more: Any) -> AIOKafkaConsumer:
        options: dict[str, Any] = {
            "request_timeout_ms": self.request_timeout_ms + 5_000,
            "session_timeout_ms": 10_000,
            "rebalance_timeout_ms": 15_000,
            "heartbeat_interval_ms": 3_000,
            "max_poll_interval_ms": 300_000,
            "fetch_max_wait_ms": 250,
            "auto_offset_reset": "earliest",
        }
        return AIOKafkaConsumer(
            bootstrap_servers=self.bootstrap,
            client_id=client_id,
            group_id=group,
            enable_auto_commit=False,
            **(options | dict(self.access) | more),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaRecord:
    """A record as Kafka gives it."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]]

    @classmethod
    def of(cls, record: Any) -> Self:
        """From the client's own."""
        return cls(
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            key=record.key,
            value=record.value,
            headers=record.headers,
        )

    @property
    def position(self) -> str:
        return f"{self.topic}/{self.partition}/{self.offset}"


class SendRefused(Exception):
    """The broker will never take this record (too large, not valid); others may pass."""


class Sender(Protocol):
    """Publishes one record and returns when all in-sync replicas have it. Raises: SendRefused,
    Unavailable."""

    async def send(self, topic: str, key: bytes | None, value: bytes | None, headers: Headers) -> None: ...


_RECORD_ERRORS = (MessageSizeTooLargeError, InvalidMessageError, RecordListTooLargeError)
_UNBROKEN = (KafkaTimeoutError,)
"""Not retriable by its class, yet the producer works on: its buffer was full while the broker was away."""


class Producer:
    """An idempotent producer that is made when first needed and replaced after an error it cannot recover
    from.

    (After one refused record aiokafka's idempotent producer fails the partition for good.) aiokafka sends an
    idempotent record again without end: every send here ends within `timeout_seconds`.
    """

    def __init__(self, cluster: Cluster, client_id: str, *, timeout_seconds: float = 10.0) -> None:
        self._cluster, self._client_id, self._timeout_seconds = cluster, client_id, timeout_seconds
        self._producer: AIOKafkaProducer | None = None
        self._lock = asyncio.Lock()
        self._closing: set[asyncio.Task[None]] = set()

    async def send(self, topic: str, key: bytes | None, value: bytes | None, headers: Headers) -> None:
        if len(value or b"") + sum(len(content) for _, content in headers) > MAX_RECORD_BYTES:
            raise SendRefused("the record is too large")
        producer = self._producer or await self._start()
        try:
            sending = producer.send_and_wait(topic, value, key, headers=headers)
            await asyncio.wait_for(sending, self._timeout_seconds)
        except TimeoutError as error:
            raise Unavailable("Kafka", "no answer in time") from error
        except KafkaError as error:
            if not getattr(error, "retriable", False) and not isinstance(error, _UNBROKEN):
                self._discard(producer)
            if isinstance(error, _RECORD_ERRORS):
                raise SendRefused(type(error).__name__) from error
            raise Unavailable("Kafka", type(error).__name__) from error

    async def _start(self) -> AIOKafkaProducer:
        async with self._lock:
            if self._producer is None:
                producer = self._cluster.producer(self._client_id)
                try:
                    await within(self._timeout_seconds, producer.start())
                except BaseException:
                    await stop(producer)
                    raise
                self._producer = producer
            return self._producer

    def _discard(self, producer: AIOKafkaProducer) -> None:
        """Sends in flight on it may still end well: it is stopped aside, while a new one takes its place."""
        if self._producer is producer:
            self._producer = None
            task = asyncio.ensure_future(stop(producer))
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)

    async def close(self) -> None:
        if self._producer is not None:
            self._discard(self._producer)
        if self._closing:
            await asyncio.wait(self._closing, timeout=5)


_ENDING: set[asyncio.Task[None]] = set()
"""Clients that a broker keeps waiting: their tasks end by themselves, within the request's timeout."""


async def stop(client: AIOKafkaProducer | AIOKafkaConsumer) -> None:
    """Ends a client; returns within `STOP_SECONDS`, whatever the broker does (the client's end follows by itself)."""
    task: asyncio.Task[None] = asyncio.ensure_future(_stop(client))
    _ENDING.add(task)
    task.add_done_callback(_ENDING.discard)
    await asyncio.wait({task}, timeout=STOP_SECONDS)
    if not task.done() and isinstance(client, AIOKafkaProducer):
        _give_up(client)


def _give_up(producer: AIOKafkaProducer) -> None:
    """Fails what waits in its buffer: it would wait for that to be sent, without end. (aiokafka has no public way.)"""
    accumulator = producer._message_accumulator
    accumulator.fail_all(ProducerClosed())
    for batch in chain(*accumulator._batches.values()):
        batch._drain_waiter.exception()  # seldom awaited by anybody: else logged as "never retrieved"


async def _stop(client: AIOKafkaProducer | AIOKafkaConsumer) -> None:
    try:
        await client.stop()
    except Exception:  # given up half-way: at least its connections must not stay
        inner = client.client if isinstance(client, AIOKafkaProducer) else client._client
        with contextlib.suppress(Exception):
            await inner.close()


async def ensure_topics(cluster: Cluster, groups: list[str]) -> None:
    """Makes the event topic and the dead-letter topics of `groups` if they are missing. Raises:
    Unavailable."""
    admin = AIOKafkaAdminClient(
        bootstrap_servers=cluster.bootstrap,
        request_timeout_ms=cluster.request_timeout_ms,
        **cluster.access,
    )
    topics = [_new_topic(cluster, cluster.topic, cluster.partitions)]
    topics += [_new_topic(cluster, cluster.dead_topic(group), 1) for group in groups]
    try:
        await within(10, admin.start())
        response = await within(15, admin.create_topics(topics))
        _check_created(response.topic_errors)
    finally:
        await within(5, admin.close())


def _new_topic(cluster: Cluster, name: str, partitions: int) -> NewTopic:
    configs = {"cleanup.policy": "delete", "retention.ms": str(RETENTION_MS)}
    if cluster.min_insync:
        configs["min.insync.replicas"] = str(cluster.min_insync)
    topic = NewTopic(name, partitions, 1, topic_configs=configs)
    topic.replication_factor = cluster.replication  # -1, the broker's default, is refused by the constructor only
    return topic


def _check_created(errors: list[Any]) -> None:
    for name, code, *_ in errors:
        error = for_code(code)
        if code and error is not TopicAlreadyExistsError:
            raise Unavailable("Kafka", f"topic {name} could not be made: {error.__name__}")


async def within(seconds: float, call: Awaitable[T]) -> T:
    """Awaits a call of the Kafka client for so long. Raises: Unavailable on a timeout or a lost broker."""
    try:
        return await asyncio.wait_for(call, seconds)
    except TimeoutError as error:
        raise Unavailable("Kafka", "no answer in time") from error
    except (KafkaConnectionError, KafkaTimeoutError, NodeNotReadyError) as error:
        raise Unavailable("Kafka", type(error).__name__) from error
    except KafkaError as error:
        if getattr(error, "retriable", False):
            raise Unavailable("Kafka", type(error).__name__) from error
        raise
