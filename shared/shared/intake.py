"""Takes a batch of records in: group by document, fold each document once, dead-letter what can never be taken in.

What a service consumes is data: `on(Event, "store", key=..., rule=...)`. An event may concern several documents.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from shared.change import Change, Clock, utc_now
from shared.document import Step
from shared.events import Event
from shared.kafka import Sender, SendRefused
from shared.metrics import DEAD_LETTERS, HANDLED
from shared.mongo import Collection, Document, Insert
from shared.store import Refuses, Store
from shared.wire import Headers, Record, Unreadable, read, type_of

log = logging.getLogger(__name__)

FactRule = Callable[[Any, Any, datetime], "Change[Any] | None"]
MAX_PER_DOCUMENT = 100


@dataclass(frozen=True, slots=True)
class On:
    """An event of this type concerns the document `key(event)` of `store` (None: no document), by `rule`."""

    event: type[Event]
    store: str
    key: Callable[[Any], str | None]
    rule: FactRule


def on(event: type[Event], store: str, *, key: Callable[[Any], str | None], rule: FactRule) -> On:
    return On(event, store, key, rule)


@dataclass(frozen=True, slots=True)
class Log:
    """A history: every record's entry (None: left out) is a document of its own, inserted once under the event's id."""

    collection: Collection
    entry: Callable[[Record], Document | None]


@dataclass(frozen=True, slots=True)
class Raw:
    """A record as Kafka gives it."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]

    @property
    def position(self) -> str:
        return f"{self.topic}/{self.partition}/{self.offset}"


@dataclass(slots=True)
class Batch:
    """Records that are taken in and committed together: at most 100 events of one document."""

    work: dict[str, dict[str, list[Step[Any]]]] = field(default_factory=dict)
    records: list[Record] = field(default_factory=list)
    dead: list[tuple[Raw, str, str]] = field(default_factory=list)
    last: dict[tuple[str, int], int] = field(default_factory=dict)
    full: bool = False

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

    async def take(self, batch: Batch) -> None:
        """Takes a batch in. Raises: Unavailable; taking the same batch again completes it."""
        for name, work in batch.work.items():
            for id, step, error in await self._stores[name].fold(work):
                batch.dead.append((step.origin, _reason(error), f"{name}/{id}"))
        for history in self._logs:
            await _append(history, batch.records)
        for raw, reason, document in batch.dead:
            await self._bury(raw, reason, document)
        for record in batch.records:
            HANDLED.labels(record.type, "taken").inc()

    def _sort_in(self, batch: Batch, raw: Raw) -> None:
        try:
            type_name = type_of(raw.headers)
            rows = self._table.get(type_name, ())
            if not rows and not self._logs:
                HANDLED.labels("other", "skipped").inc()
                return
            record = read(raw.key, raw.value, raw.headers)
            targets = [(row, id) for row in rows if (id := row.key(record.event)) is not None]
        except KeyError:  # a type that this version does not know
            HANDLED.labels("other", "skipped").inc()
            return
        except Unreadable as error:
            batch.dead.append((raw, f"unreadable: {error}", ""))
            return
        except Exception as error:
            batch.dead.append((raw, _reason(error), ""))
            return
        batch.records.append(record)
        for row, id in targets:
            rule = partial(_fact, row.rule, record.event)
            batch.add(row.store, id, Step(rule, record.id, record.trace, raw))

    async def _bury(self, raw: Raw, reason: str, document: str) -> None:
        more = {"dead_reason": reason, "dead_document": document, "dead_position": raw.position}
        headers: Headers = [*raw.headers, *((name, value.encode()) for name, value in more.items())]
        headers.append(("dead_at", self._clock().isoformat().encode()))
        log.error("dead letter: %s, document %s, position %s", reason, document or "-", raw.position)
        try:
            await self._sender.send(self._dead_topic, raw.key, raw.value, headers)
        except SendRefused:  # too large even alone: the position says where it stands
            await self._sender.send(self._dead_topic, raw.key, None, headers[-4:])
        DEAD_LETTERS.labels(reason.split(":")[0]).inc()


def _fact(rule: FactRule, event: Event, state: Any, now: datetime) -> Change[Any] | None:
    return rule(state, event, now)


def _reason(error: Exception) -> str:
    """What went wrong, without the values of the event (they may be personal)."""
    kind = "refused by the database" if isinstance(error, Refuses) else "rule raised"
    return f"{kind}: {type(error).__name__}"


async def _append(history: Log, records: Sequence[Record]) -> None:
    entries = {record.id: entry for record in records if (entry := history.entry(record)) is not None}
    operations = [Insert({"_id": id, **entry}) for id, entry in entries.items()]
    written = await history.collection.write(operations)
    for id, why in written.refused.items():
        log.error("the history refuses %s: %s", id, why)
    await asyncio.sleep(0)
