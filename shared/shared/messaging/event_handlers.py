"""Takes a batch of records in: group by document, fold each document once, dead-letter what can never be
taken in.

What a service consumes is data: `on(Event, "store", key=..., rule=...)`. An event may concern several
documents.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from opentelemetry.trace import Span, SpanKind
from opentelemetry.util.types import Attributes

from shared.contracts.cloudevents import Headers, Record, Unreadable, read, type_of
from shared.contracts.events import REGISTRY, Event
from shared.domain.rules import Change, Clock, utc_now
from shared.messaging.kafka import Sender, SendRefused
from shared.observability import tracing
from shared.observability.metrics import DEAD_LETTERS, HANDLED, RAISED, REFUSED, UNREADABLE
from shared.store.mongo import Collection, Document, Insert
from shared.store.store import Refuses, Store
from shared.store.write_plan import Step

log = logging.getLogger(__name__)

FactRule = Callable[[Any, Any, datetime], "Change[Any] | None"]
MAX_PER_DOCUMENT = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class On:
    """An event of this type concerns the document `key(event)` of `store` (None: no document), by `rule`.

    `whole`: key and rule are given the record (when it was said, under which id), not the event alone.
    """

    event: type[Event]
    store: str
    key: Callable[[Any], str | None]
    rule: FactRule
    whole: bool = False


def on(event: type[Event], store: str, *, key: Callable[[Any], str | None], rule: FactRule) -> On:
    return On(event=event, store=store, key=key, rule=rule)


def on_record(event: type[Event], store: str, *, key: Callable[[Record], str | None], rule: FactRule) -> On:
    """For what depends on when something was said: the record's time is the same at every redelivery."""
    return On(event=event, store=store, key=key, rule=rule, whole=True)


@dataclass(frozen=True, slots=True)
class Log:
    """A history: each record's entry (None: left out) is a document of its own, inserted once under its
    id."""

    collection: Collection
    entry: Callable[[Record], Document | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Raw:
    """A record as Kafka gives it."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]]

    @property
    def position(self) -> str:
        return f"{self.topic}/{self.partition}/{self.offset}"


@dataclass(slots=True, kw_only=True)
class Batch:
    """Records that are taken in and committed together: at most 100 events of one document."""

    work: dict[str, dict[str, list[Step[Any]]]] = field(default_factory=dict)
    records: list[tuple[Record, Raw]] = field(default_factory=list)
    dead: list[tuple[Raw, str, str]] = field(default_factory=list)
    last: dict[tuple[str, int], int] = field(default_factory=dict)
    full: bool = False
    spans: list[Span] = field(default_factory=list)

    def add(self, store: str, id: str, step: Step[Any]) -> None:
        steps = self.work.setdefault(store, {}).setdefault(id, [])
        steps.append(step)
        self.full = self.full or len(steps) >= MAX_PER_DOCUMENT


class Intake:
    """What one consumer group does with records. `dead_topic` gets what can never be taken in."""

    def __init__(
        self,
        table: Iterable[On],
        stores: Mapping[str, Store[Any]],
        sender: Sender,
        dead_topic: str,
        *,
        logs: Sequence[Log] = (),
        clock: Clock = utc_now,
    ) -> None:
        self._stores, self._sender, self._dead_topic = stores, sender, dead_topic
        self._logs, self._clock = logs, clock
        self._table: dict[str, list[On]] = {}
        for row in table:
            self._table.setdefault(row.event.__name__, []).append(row)

    def batches(self, records: Iterable[Raw]) -> Iterable[Batch]:
        """Cuts records into batches, in order."""
        batch = Batch()
        for raw in records:
            self._sort_in(batch, raw)
            batch.last[raw.topic, raw.partition] = raw.offset
            if batch.full:
                yield batch
                batch = Batch()
        if batch.last:
            yield batch

    async def take(self, batch: Batch, *, owned: Callable[[], bool] = lambda: True) -> None:
        """Takes a batch in. `owned`: are these partitions still this member's? Raises: Unavailable; taking the same
        batch again completes it."""
        for name, work in batch.work.items():
            for id, step, error in await self._stores[name].fold(work, owned=owned):
                batch.dead.append((step.origin, _reason(error), f"{name}/{id}"))
        for history in self._logs:
            await _append(history, batch)
        for raw, reason, document in batch.dead:
            await self._bury(raw, reason, document)
        for record, _ in batch.records:
            HANDLED.labels(record.type, "taken").inc()
        for span in batch.spans:
            span.end()

    def _sort_in(self, batch: Batch, raw: Raw) -> None:
        try:
            type_name = type_of(raw.headers)
            if type_name not in REGISTRY or not (self._logs or type_name in self._table):
                HANDLED.labels("other", "skipped").inc()
                return
            record = read(raw.key, raw.value, raw.headers)
            rows = self._table.get(type_name, ())
            trace = _begun(batch, record, raw) if rows else None
            targets = list(targets_of(rows, record, raw, trace))
        except Unreadable as error:
            batch.dead.append((raw, f"{UNREADABLE}: {error}", ""))
            return
        except Exception as error:
            batch.dead.append((raw, _reason(error), ""))
            return
        batch.records.append((record, raw))
        for store, id, step in targets:
            batch.add(store, id, step)

    async def _bury(self, raw: Raw, reason: str, document: str) -> None:
        more = {"dead_reason": reason, "dead_document": document, "dead_position": raw.position}
        more["dead_at"] = self._clock().isoformat()
        why: Headers = [(name, content.encode()) for name, content in more.items()]
        log.error("dead letter: %s, document %s, position %s", reason, document or "-", raw.position)
        try:
            await self._lay_down(raw.key, raw.value, [*((n, v or b"") for n, v in raw.headers), *why])
        except SendRefused:  # too large with its reason: the position says where it stands
            await self._lay_down(None, None, why)
        DEAD_LETTERS.labels(reason.split(":")[0]).inc()

    async def _lay_down(self, key: bytes | None, value: bytes | None, headers: Headers) -> None:
        body = value if value is not None or key is not None else b""  # Kafka wants one of the two
        await self._sender.send(self._dead_topic, key, body, headers)


def _begun(batch: Batch, record: Record, raw: Raw) -> str | None:
    """The span of one record, which lasts until its batch is taken in."""
    attributes: Attributes = {
        "messaging.system": "kafka",
        "messaging.operation.type": "process",
        "messaging.destination.name": raw.topic,
        "messaging.destination.partition.id": str(raw.partition),
        "messaging.kafka.offset": raw.offset,
        "messaging.message.id": record.id,
        "tokenswitch.customer": record.key,
    }
    parent = tracing.context_of(record.trace)
    span = tracing.tracer.start_span(f"process {record.type}", parent, SpanKind.CONSUMER, attributes)
    batch.spans.append(span)
    return tracing.traceparent_of(span)


def targets_of(
    rows: Iterable[On], record: Record, origin: Raw, trace: str | None = None
) -> Iterator[tuple[str, str, Step[Any]]]:
    """Store, document and step of each of these rows (of the record's type) that it concerns. `trace`: that of the
    span which takes it in, else its own."""
    for row in rows:
        fact = record if row.whole else record.event
        if (id := row.key(fact)) is not None:
            yield (
                row.store,
                id,
                Step(rule=partial(_fact, row.rule, fact), cause=record.id, trace=trace or record.trace, origin=origin),
            )


def _fact(rule: FactRule, fact: Event | Record, state: Any, now: datetime) -> Change[Any] | None:
    return rule(state, fact, now)


def _reason(error: Exception) -> str:
    """What went wrong, without the values of the event (they may be personal)."""
    kind = REFUSED if isinstance(error, Refuses) else RAISED
    return f"{kind}: {type(error).__name__}"


async def _append(history: Log, batch: Batch) -> None:
    entries: dict[str, Document] = {}
    for record, raw in batch.records:
        try:
            entry = history.entry(record)
        except Exception as error:
            batch.dead.append((raw, _reason(error), history.collection.name))
            continue
        if entry is not None:
            entries[record.id] = {"_id": record.id, **entry}
    written = await history.collection.write([Insert(entry) for entry in entries.values()])
    refused = written.refused.keys()
    origins = [(record, raw) for record, raw in batch.records if record.id in refused]
    batch.dead.extend((raw, _reason(Refuses()), history.collection.name) for _, raw in origins)
