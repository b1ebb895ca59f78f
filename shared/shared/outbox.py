"""The relay: documents' outboxes -> Kafka. At least once, in order per document, documents in parallel.

Woken by the write; a sweep over `unsent` finds what a crash left behind. Never touches a document's version, so it
never disturbs a rule. Two relays at once only repeat events: first occurrences stay in order.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from shared import wire
from shared.change import Clock, Unavailable, utc_now
from shared.kafka import Sender, SendRefused
from shared.metrics import OUTBOX_AGE, REFUSED_RECORDS, RELAYED
from shared.mongo import Document
from shared.store import Store, Wake

log = logging.getLogger(__name__)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Relay:
    """Relays the outboxes of some stores. `batch` documents at once; each publish waits `patience` seconds at most."""

    def __init__(
        self,
        stores: Sequence[Store[Any]],
        sender: Sender,
        topic: str,
        *,
        clock: Clock = utc_now,
        sweep_every: float = 5.0,
        batch: int = 200,
        patience: float = 10.0,
    ) -> None:
        self._stores, self._sender, self._topic, self._clock = stores, sender, topic, clock
        self._sweep_every, self._batch, self._patience = sweep_every, batch, patience
        self._woken: dict[int, dict[str, None]] = {index: {} for index in range(len(stores))}
        self._wake = asyncio.Event()
        for index, store in enumerate(stores):
            store.listeners.append(partial(self._note, index))

    def _note(self, index: int, wake: Wake) -> None:
        self._woken[index].update(dict.fromkeys(wake.unsent))
        if wake.unsent:
            self._wake.set()

    async def run(self, stopping: asyncio.Event) -> None:
        """Relays until `stopping`; what is left then is relayed by `drain`. Raises: Unavailable, to be run again."""
        next_sweep = 0.0
        loop = asyncio.get_running_loop()
        while not stopping.is_set():
            await self.once()
            if loop.time() >= next_sweep:
                await self.sweep()
                next_sweep = loop.time() + self._sweep_every
            await _first(self._wake, stopping, timeout=max(0.0, next_sweep - loop.time()))

    async def once(self) -> int:
        """Relays what writes of this process left; gives the number of events sent."""
        self._wake.clear()
        return sum([await self._woken_of(index, store) for index, store in enumerate(self._stores)])

    async def _woken_of(self, index: int, store: Store[Any]) -> int:
        sent = 0
        while ids := list(self._woken[index])[: self._batch]:
            documents = await store.collection.find({"_id": {"$in": ids}}, limit=len(ids), fields=("outbox",))
            for id in ids:
                self._woken[index].pop(id, None)
            try:
                sent += await self._relay(store, documents)
            except BaseException:
                self._woken[index].update(dict.fromkeys(ids))
                raise
        return sent

    async def sweep(self) -> int:
        """Relays whatever is unsent, oldest first: what a crash or another process left behind."""
        return sum([await self._sweep_one(store) for store in self._stores])

    async def _sweep_one(self, store: Store[Any]) -> int:
        sent = 0
        while True:
            documents = await store.collection.find(
                {"unsent": {"$gt": EPOCH}}, sort=(("unsent", 1),), limit=self._batch, fields=("outbox", "unsent")
            )
            oldest = documents[0]["unsent"] if documents else self._clock()
            OUTBOX_AGE.labels(store.source).set(max(timedelta(0), self._clock() - oldest).total_seconds())
            done = await self._relay(store, documents)
            sent += done
            if len(documents) < self._batch or done == 0:
                return sent

    async def drain(self, seconds: float) -> None:
        """Before the end: what is unsent goes out, if Kafka takes it in time; the rest stays in the database."""
        with contextlib.suppress(TimeoutError, Unavailable):
            await asyncio.wait_for(self.once(), seconds)

    async def _relay(self, store: Store[Any], documents: Sequence[Document]) -> int:
        outcomes = await asyncio.gather(*(self._send_all(document) for document in documents))
        acknowledged = [id for ids, _ in outcomes for id in ids]
        if acknowledged:
            await self._settle(store, [document["_id"] for document in documents], acknowledged)
        for _, error in outcomes:
            if error is not None:
                raise error
        return len(acknowledged)

    async def _send_all(self, document: Document) -> tuple[list[str], Unavailable | None]:
        """Sends in order and stops at the first that is not acknowledged; the others are sent after it, not before."""
        acknowledged: list[str] = []
        for entry in document.get("outbox", ()):
            try:
                await asyncio.wait_for(self._send(entry, document["_id"]), self._patience)
            except SendRefused as error:
                log.error("event %s is refused by the broker and holds back its document: %s", entry["id"], error)
                REFUSED_RECORDS.labels(entry["type"]).inc()
                return acknowledged, None
            except (TimeoutError, Unavailable) as error:
                return acknowledged, Unavailable("Kafka", f"{entry['id']} is not sent yet: {type(error).__name__}")
            acknowledged.append(entry["id"])
            RELAYED.labels(entry["type"]).inc()
        return acknowledged, None

    async def _send(self, entry: Document, subject: str) -> None:
        headers = wire.headers_of(entry["id"], entry["type"], entry["at"], subject, entry["trace"])
        await self._sender.send(self._topic, entry["key"].encode(), entry["body"].encode(), headers)

    async def _settle(self, store: Store[Any], ids: list[str], acknowledged: list[str]) -> None:
        collection = store.collection
        await collection.update_many(
            {"_id": {"$in": ids}}, {"$pull": {"outbox": {"id": {"$in": acknowledged}}}}
        )
        await collection.update_many({"_id": {"$in": ids}, "outbox": {"$size": 0}}, {"$unset": {"unsent": ""}})


async def _first(*events: asyncio.Event, timeout: float) -> None:
    """Waits until one of the events is set, or so many seconds."""
    waits = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
