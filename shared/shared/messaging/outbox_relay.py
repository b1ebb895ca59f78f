"""The relay: documents' outboxes -> Kafka. At least once, in order per document, documents in parallel.

Woken by the write; a sweep over `unsent` finds what a crash left. Never touches a document's version, so it
never disturbs a rule. Two relays at once only repeat events: first occurrences stay in order.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from opentelemetry.trace import SpanKind

from shared.contracts import cloudevents
from shared.contracts.events import REGISTRY
from shared.domain.rules import Clock, Unavailable, utc_now
from shared.jobs.waiting import first_of
from shared.messaging.kafka import Sender, SendRefused
from shared.observability import tracing
from shared.observability.metrics import OUTBOX_AGE, REFUSED_RECORDS, RELAYED
from shared.store.mongo import Collection
from shared.store.operations import Document, Update
from shared.store.store import Store, WriteNotification

log = logging.getLogger(__name__)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FRESH_SECONDS = 2.0
"""Events younger than that are in the hands of the process that wrote them."""
MAX_WOKEN = 10_000
MAX_HELD_BACK = 1_000
LONGEST_HOLD_SECONDS = 600.0


@dataclass(slots=True)
class _Hold:
    """A document whose next event the broker refuses. `until`: when it is tried again, by the loop's clock."""

    until: float
    next_seconds: float


@dataclass(slots=True)
class _Outbox:
    """The outboxes of one store's documents."""

    store: Store[Any]
    woken: dict[str, None] = field(default_factory=dict)
    """Ids of documents with new events, in the order of the writes."""
    held_back: dict[str, _Hold] = field(default_factory=dict)
    """By id; the oldest first."""


@dataclass(frozen=True, slots=True)
class _Sent:
    """What became of one document's outbox: ids that Kafka has; whether the next event is refused; what is away."""

    acknowledged: list[str] = field(default_factory=list)
    refused: bool = False
    error: Unavailable | None = None


class OutboxRelay:
    """Relays the outboxes of some stores, `batch` documents at once. A sweep every `sweep_seconds`, once `sweepable` is
    set (its index is there), finds what nobody woke it for; one event may take `send_timeout_seconds`.

    A document whose next event the broker refuses is held back (tried again ever more rarely, apart from others).
    """

    def __init__(
        self,
        stores: Sequence[Store[Any]],
        sender: Sender,
        topic: str,
        *,
        clock: Clock = utc_now,
        sweepable: asyncio.Event | None = None,
        sweep_seconds: float = 5.0,
        batch: int = 200,
        send_timeout_seconds: float = 10.0,
    ) -> None:
        self._sender, self._topic, self._clock = sender, topic, clock
        self._sweep_seconds, self._batch, self._send_timeout_seconds = sweep_seconds, batch, send_timeout_seconds
        self._outboxes = [_Outbox(store) for store in stores]
        self._wake = asyncio.Event()
        self._sweepable = sweepable or _at_once()
        for outbox in self._outboxes:
            outbox.store.listeners.append(partial(self._note, outbox))

    def _note(self, outbox: _Outbox, written: WriteNotification) -> None:
        if not written.unsent:
            return
        if len(outbox.woken) < MAX_WOKEN:  # Kafka is away for long: the sweep finds the others
            outbox.woken.update(dict.fromkeys(written.unsent))
        self._wake.set()

    async def run(self, stopping: asyncio.Event) -> None:
        """Relays until `stopping`; what is left then is relayed by `drain`. Raises: Unavailable, to be run again."""
        loop = asyncio.get_running_loop()
        next_sweep, older = 0.0, 0.0
        while not stopping.is_set():
            await self.once()
            if not self._sweepable.is_set():
                await first_of(self._wake, self._sweepable, stopping, timeout=self._sweep_seconds)
                continue
            if loop.time() >= next_sweep:
                await self.sweep(older=older)
                next_sweep, older = loop.time() + self._sweep_seconds, FRESH_SECONDS
            await first_of(self._wake, stopping, timeout=max(0.0, next_sweep - loop.time()))

    async def once(self) -> int:
        """Relays what writes of this process left; gives the number of events sent."""
        self._wake.clear()
        return sum([await self._relay_woken(outbox) for outbox in self._outboxes])

    async def _relay_woken(self, outbox: _Outbox) -> int:
        """Those woken up to now. They are forgotten before they are read: a later write wakes again."""
        sent, woken = 0, list(outbox.woken)
        for start in range(0, len(woken), self._batch):
            ids = woken[start : start + self._batch]
            for id in ids:
                outbox.woken.pop(id, None)
            try:
                documents = await outbox.store.collection.find_ids(ids, fields=("version", "outbox", "unsent"))
                sent += await self._relay(outbox, documents)
            except BaseException:
                outbox.woken.update(dict.fromkeys(ids))
                raise
        return sent

    async def sweep(self, *, older: float = 0.0) -> int:
        """Relays what is unsent, oldest first: what a crash or another process left behind.

        `older`: only what has been waiting for so many seconds; fresher ones are in the hands of their writer.
        """
        before = self._clock() - timedelta(seconds=older)
        return sum([await self._sweep_one(outbox, before) for outbox in self._outboxes])

    async def _sweep_one(self, outbox: _Outbox, before: datetime) -> int:
        sent, after = 0, EPOCH
        done: set[str] = set()
        while True:
            documents = await outbox.store.collection.find(
                {"unsent": {"$gte": after, "$lte": before}},
                sort=(("unsent", 1),),
                limit=self._batch + len(done),
                fields=("version", "outbox", "unsent"),
            )
            self._observe(outbox.store, documents if after == EPOCH else ())
            new = [document for document in documents if document["_id"] not in done]
            sent += await self._relay(outbox, new)
            if len(documents) < self._batch + len(done):
                return sent
            last = documents[-1]["unsent"]
            done = {document["_id"] for document in documents if document["unsent"] == last}
            after = last

    def _observe(self, store: Store[Any], documents: Sequence[Document]) -> None:
        oldest = documents[0]["unsent"] if documents else self._clock()
        OUTBOX_AGE.labels(store.source).set(max(timedelta(0), self._clock() - oldest).total_seconds())

    async def drain(self, seconds: float) -> None:
        """Before the end: what is unsent goes out, if Kafka takes it in time; the rest stays in the
        database."""
        with contextlib.suppress(TimeoutError, Unavailable):
            await asyncio.wait_for(self.once(), seconds)

    # --- one batch of documents -------------------------------------------------------------------------

    async def _relay(self, outbox: _Outbox, documents: Sequence[Document]) -> int:
        now = asyncio.get_running_loop().time()
        held = dict(outbox.held_back)
        clear = [document for document in documents if document["_id"] not in held]
        outcomes = list(await asyncio.gather(*map(self._send_all, clear)))
        pairs = zip(clear, outcomes, strict=True)
        apart = [_rest(document, sent) for document, sent in pairs if sent.refused]
        apart += [document for document in documents if document["_id"] in held and held[document["_id"]].until <= now]
        for document in apart:
            outcomes.append(await self._send_apart(outbox, document))
        acknowledged = {id for sent in outcomes for id in sent.acknowledged}
        await _settle(outbox.store.collection, documents, acknowledged)
        for sent in outcomes:
            if sent.error is not None:
                raise sent.error
        return len(acknowledged)

    async def _send_apart(self, outbox: _Outbox, document: Document) -> _Sent:
        """Alone, since a record that shares its batch with a refused one is refused with it."""
        sent = await self._send_all(document)
        if sent.refused:
            self._hold_back(outbox.held_back, document["_id"])
        elif sent.error is None:
            outbox.held_back.pop(document["_id"], None)
        return sent

    def _hold_back(self, held_back: dict[str, _Hold], id: str) -> None:
        before = held_back.pop(id, None)
        if len(held_back) >= MAX_HELD_BACK:
            held_back.pop(next(iter(held_back)))
        seconds = before.next_seconds if before else self._sweep_seconds
        until = asyncio.get_running_loop().time() + seconds
        held_back[id] = _Hold(until, min(LONGEST_HOLD_SECONDS, seconds * 2))

    async def _send_all(self, document: Document) -> _Sent:
        """In order, up to the first that is not acknowledged: the others come after it, never before."""
        acknowledged: list[str] = []
        for entry in document.get("outbox", ()):
            try:
                await asyncio.wait_for(self._send(entry, document["_id"]), self._send_timeout_seconds)
            except SendRefused as error:
                log.error("event %s is refused and holds back its document: %s", entry["id"], error)
                REFUSED_RECORDS.labels(entry["type"]).inc()
                return _Sent(acknowledged, refused=True)
            except (TimeoutError, Unavailable) as error:
                why = f"{entry['id']} is not sent yet: {type(error).__name__}"
                return _Sent(acknowledged, error=Unavailable("Kafka", why))
            acknowledged.append(entry["id"])
            RELAYED.labels(entry["type"]).inc()
        return _Sent(acknowledged)

    async def _send(self, entry: Document, subject: str) -> None:
        if entry["type"] not in REGISTRY:  # written by a newer version, which will send it
            raise SendRefused(f"{entry['type']} is not known here")
        attributes = {
            "messaging.system": "kafka",
            "messaging.operation.type": "send",
            "messaging.destination.name": self._topic,
            "messaging.message.id": entry["id"],
            "tokenswitch.customer": entry["key"],
        }
        parent = tracing.context_of(entry["trace"])
        with tracing.span(f"send {entry['type']}", SpanKind.PRODUCER, parent, attributes) as span:
            trace = tracing.traceparent_of(span) or entry["trace"]
            headers = cloudevents.headers_of(entry["id"], entry["type"], entry["at"], subject, trace)
            await self._sender.send(self._topic, entry["key"].encode(), entry["body"].encode(), headers)


def _at_once() -> asyncio.Event:
    event = asyncio.Event()
    event.set()
    return event


def _rest(document: Document, sent: _Sent) -> Document:
    return {**document, "outbox": document["outbox"][len(sent.acknowledged) :]}


async def _settle(collection: Collection, documents: Sequence[Document], acknowledged: set[str]) -> None:
    """Takes out what is acknowledged, and the mark where nothing is left (also if a crash came between).

    A document whose every event is acknowledged needs one update: with its version unchanged nothing was added.
    """
    left = {document["_id"]: [e for e in document["outbox"] if e["id"] not in acknowledged] for document in documents}
    empty = {"$set": {"outbox": []}, "$unset": {"unsent": ""}}
    whole = [
        Update({"_id": document["_id"], "version": document["version"]}, empty)
        for document in documents
        if not left[document["_id"]] and "unsent" in document
    ]
    changed = [document["_id"] for document in documents if left[document["_id"]]]
    if not (await collection.write(whole)).complete:
        changed = list(left)
    if acknowledged and changed:
        await collection.update_ids(changed, {"$pull": {"outbox": {"id": {"$in": list(acknowledged)}}}})
        await collection.update_ids(changed, {"$unset": {"unsent": ""}}, where={"outbox": {"$size": 0}})
