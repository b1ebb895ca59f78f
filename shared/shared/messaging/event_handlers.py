"""Events into documents: a batch is grouped by document, each is folded once; what can never be taken in becomes a dead
letter.

What a service hears is data: `on(Event, "store", rule)`. An event may concern several documents.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from opentelemetry.trace import Span, SpanKind
from opentelemetry.util.types import Attributes

from shared.contracts.cloudevents import Headers, Record, Unreadable, read, type_of
from shared.contracts.events import REGISTRY, Event
from shared.domain.rules import Change, Clock, utc_now
from shared.messaging.kafka import KafkaRecord, Sender, SendRefused
from shared.observability import tracing
from shared.observability.metrics import DEAD_LETTERS, HANDLED, RAISED, REFUSED, UNREADABLE
from shared.store.mongo import Collection, NotWritable
from shared.store.operations import Document, Insert
from shared.store.store import Store
from shared.store.write_plan import Step

log = logging.getLogger(__name__)

EventRule = Callable[[Any, Any, datetime], "Change[Any] | None"]
MAX_PER_DOCUMENT = 100
"""Events of one document in one batch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """Events of one type, and the document that each of them concerns."""

    event: type[Event]
    store: str
    """The name of the store: its collection."""
    key: Callable[[Any], str | None]
    """The document's id, from the event; None: this one concerns no document."""
    rule: EventRule
    of_record: bool = False
    """Key and rule are given the record (when it was said, under which id), not the event alone."""


def customer_of(event: Event) -> str:
    return event.customer


def on(
    event: type[Event], store: str, rule: EventRule, *, key: Callable[[Any], str | None] = customer_of
) -> Subscription:
    """An event of this type concerns the document of its customer (else `key`), by `rule(state, event, now)`."""
    return Subscription(event=event, store=store, key=key, rule=rule)


def on_record(event: type[Event], store: str, rule: EventRule, *, key: Callable[[Record], str | None]) -> Subscription:
    """For what depends on when something was said: the record's time is the same at every redelivery."""
    return Subscription(event=event, store=store, key=key, rule=rule, of_record=True)


@dataclass(frozen=True, slots=True)
class EventLog:
    """A history: every event is a document of its own, inserted once under the event's id."""

    collection: Collection
    entry: Callable[[Record], Document | None]
    """The document of an event; None: it is left out."""


@dataclass(slots=True, kw_only=True)
class RecordBatch:
    """Records that are taken in and committed together."""

    steps: dict[str, dict[str, list[Step[Any]]]] = field(default_factory=dict)
    """Store -> document -> what is folded into it, in order."""
    records: list[tuple[Record, KafkaRecord]] = field(default_factory=list)
    dead: list[tuple[KafkaRecord, str, str]] = field(default_factory=list)
    """What can never be taken in: the record, the reason, and the document where it failed ("": before any)."""
    last: dict[tuple[str, int], int] = field(default_factory=dict)
    """(Topic, partition) -> the last offset in this batch."""
    full: bool = False
    spans: list[Span] = field(default_factory=list)

    def add(self, store: str, id: str, step: Step[Any]) -> None:
        steps = self.steps.setdefault(store, {}).setdefault(id, [])
        steps.append(step)
        self.full = self.full or len(steps) >= MAX_PER_DOCUMENT


class EventHandlers:
    """What one consumer group does with records. `dead_topic` gets what can never be taken in."""

    def __init__(
        self,
        subscriptions: Iterable[Subscription],
        stores: Mapping[str, Store[Any]],
        sender: Sender,
        dead_topic: str,
        *,
        logs: Sequence[EventLog] = (),
        clock: Clock = utc_now,
    ) -> None:
        self._stores, self._sender, self._dead_topic = stores, sender, dead_topic
        self._logs, self._clock = logs, clock
        self._subscriptions: dict[str, list[Subscription]] = {}
        for subscription in subscriptions:
            self._subscriptions.setdefault(subscription.event.__name__, []).append(subscription)

    def batches(self, records: Iterable[KafkaRecord]) -> Iterable[RecordBatch]:
        """Cuts records into batches, in order."""
        batch = RecordBatch()
        for kafka_record in records:
            self._add(batch, kafka_record)
            batch.last[kafka_record.topic, kafka_record.partition] = kafka_record.offset
            if batch.full:
                yield batch
                batch = RecordBatch()
        if batch.last:
            yield batch

    async def handle(self, batch: RecordBatch, *, owned: Callable[[], bool] = lambda: True) -> None:
        """Takes a batch in. `owned`: are these partitions still this member's? Raises: Unavailable; handling the same
        batch again completes it."""
        for name, steps in batch.steps.items():
            for id, step, error in await self._stores[name].fold(steps, owned=owned):
                batch.dead.append((step.origin, _reason(error), f"{name}/{id}"))
        for event_log in self._logs:
            await _append(event_log, batch)
        for kafka_record, reason, document in batch.dead:
            await self._dead_letter(kafka_record, reason, document)
        for record, _ in batch.records:
            HANDLED.labels(record.type, "taken").inc()
        for span in batch.spans:
            span.end()

    def _add(self, batch: RecordBatch, kafka_record: KafkaRecord) -> None:
        try:
            type_name = type_of(kafka_record.headers)
            if type_name not in REGISTRY or not (self._logs or type_name in self._subscriptions):
                HANDLED.labels("other", "skipped").inc()
                return
            record = read(kafka_record.key, kafka_record.value, kafka_record.headers)
            subscriptions = self._subscriptions.get(type_name, ())
            trace = _begun(batch, record, kafka_record) if subscriptions else None
            steps = list(steps_of(subscriptions, record, kafka_record, trace))
        except Unreadable as error:
            batch.dead.append((kafka_record, f"{UNREADABLE}: {error}", ""))
            return
        except Exception as error:
            batch.dead.append((kafka_record, _reason(error), ""))
            return
        batch.records.append((record, kafka_record))
        for store, id, step in steps:
            batch.add(store, id, step)

    async def _dead_letter(self, kafka_record: KafkaRecord, reason: str, document: str) -> None:
        more = {"dead_reason": reason, "dead_document": document, "dead_position": kafka_record.position}
        more["dead_at"] = self._clock().isoformat()
        why: Headers = [(name, content.encode()) for name, content in more.items()]
        log.error("dead letter: %s, document %s, position %s", reason, document or "-", kafka_record.position)
        own: Headers = [(name, value or b"") for name, value in kafka_record.headers]
        key, value = kafka_record.key, kafka_record.value
        try:
            body = value if value is not None or key is not None else b""  # Kafka wants one of the two
            await self._sender.send(self._dead_topic, key, body, [*own, *why])
        except SendRefused:  # too large with its reason: the position says where it stands
            await self._sender.send(self._dead_topic, None, b"", why)
        DEAD_LETTERS.labels(reason.split(":")[0]).inc()


def _begun(batch: RecordBatch, record: Record, kafka_record: KafkaRecord) -> str | None:
    """The span of one record, which lasts until its batch is taken in."""
    attributes: Attributes = {
        "messaging.system": "kafka",
        "messaging.operation.type": "process",
        "messaging.destination.name": kafka_record.topic,
        "messaging.destination.partition.id": str(kafka_record.partition),
        "messaging.kafka.offset": kafka_record.offset,
        "messaging.message.id": record.id,
        "tokenswitch.customer": record.key,
    }
    parent = tracing.context_of(record.trace)
    span = tracing.tracer.start_span(f"process {record.type}", parent, SpanKind.CONSUMER, attributes)
    batch.spans.append(span)
    return tracing.traceparent_of(span)


def steps_of(
    subscriptions: Iterable[Subscription], record: Record, origin: KafkaRecord, trace: str | None = None
) -> Iterator[tuple[str, str, Step[Any]]]:
    """Store, document and step of each of these subscriptions (to the record's type) that it concerns. `trace`: that of
    the span which takes it in, else its own."""
    about: dict[str, Any] = {"cause": record.id, "trace": trace or record.trace, "origin": origin}
    for subscription in subscriptions:
        fact = record if subscription.of_record else record.event
        if (id := subscription.key(fact)) is not None:
            yield subscription.store, id, Step(rule=subscription.rule, facts=(fact,), **about)


def _reason(error: Exception) -> str:
    """What went wrong, without the values of the event (they may be personal)."""
    kind = REFUSED if isinstance(error, NotWritable) else RAISED
    return f"{kind}: {type(error).__name__}"


async def _append(event_log: EventLog, batch: RecordBatch) -> None:
    entries: dict[str, Document] = {}
    for record, kafka_record in batch.records:
        try:
            entry = event_log.entry(record)
        except Exception as error:
            batch.dead.append((kafka_record, _reason(error), event_log.collection.name))
            continue
        if entry is not None:
            entries[record.id] = {"_id": record.id, **entry}
    refused = (await event_log.collection.write([Insert(entry) for entry in entries.values()])).refused
    for record, kafka_record in batch.records:
        if record.id in refused:
            batch.dead.append((kafka_record, _reason(NotWritable()), event_log.collection.name))
