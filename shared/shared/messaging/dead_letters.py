"""Dead letters, for the people who run a service: what was put aside and why, take it in once more, or let it go.

A letter is taken in by the one document that it failed at, never by the topic: what others took in stays as it is, and
`seen` recognises what this one has already. Kafka keeps the letters; which are settled stands in a collection.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from aiokafka import TopicPartition

from shared.contracts.cloudevents import Record, Unreadable, read
from shared.contracts.events import REGISTRY
from shared.domain.rules import Clock, Refused, utc_now
from shared.messaging.event_handlers import EventLog, Subscription, steps_of
from shared.messaging.kafka import Cluster, KafkaRecord, stop, within
from shared.observability.metrics import REFUSED, UNREADABLE
from shared.store.mongo import Collection, NotWritable
from shared.store.store import Store
from shared.store.write_plan import Step

MAX_LETTERS = 10_000
"""So many are looked at; more than that is no case for single letters."""
TIMEOUT_SECONDS = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """An event that could not be taken in."""

    number: int
    """Its offset on the dead-letter topic."""
    reason: str
    document: str
    """Where it failed: `<store>/<id>`, the name of a history, or "" before any."""
    position: str
    """Where it stood: `<topic>/<partition>/<offset>`."""
    at: str
    type: str
    event: str
    """The event's id."""
    customer: str
    record: KafkaRecord = field(repr=False)
    """As it was, without what was said about the failure."""

    @classmethod
    def of(cls, record: KafkaRecord) -> DeadLetter:
        """By its headers alone. The content is not looked at: it may be what is wrong."""
        headers = {name: (value or b"").decode(errors="replace") for name, value in record.headers}
        return cls(
            number=record.offset,
            reason=headers.get("dead_reason", ""),
            document=headers.get("dead_document", ""),
            position=headers.get("dead_position", ""),
            at=headers.get("dead_at", ""),
            type=headers.get("ce_type", ""),
            event=headers.get("ce_id", ""),
            customer=(record.key or b"").decode(errors="replace"),
            record=replace(record, headers=[pair for pair in record.headers if not pair[0].startswith("dead_")]),
        )

    def summary(self) -> dict[str, Any]:
        names = ("number", "at", "reason", "type", "document", "customer", "event", "position")
        return {name: getattr(self, name) for name in names}

    def body(self) -> Any:
        """The event's body, without its sealed parts; text that is no JSON as it stands, cut."""
        text = (self.record.value or b"").decode(errors="replace")
        try:
            body = json.loads(text)
        except ValueError:
            return text[:2000]
        hidden = REGISTRY[self.type].sealed_fields if self.type in REGISTRY else ()
        return {name: value for name, value in body.items() if name not in hidden} if isinstance(body, dict) else body


class DeadLetters:
    """The letters of one service."""

    def __init__(
        self,
        cluster: Cluster,
        service: str,
        settled: Collection,
        subscriptions: Sequence[Subscription],
        stores: Mapping[str, Store[Any]],
        logs: Sequence[EventLog] = (),
        clock: Clock = utc_now,
    ) -> None:
        self._cluster, self._topic, self._settled = cluster, cluster.dead_topic(service), settled
        self._subscriptions, self._stores, self._logs, self._clock = subscriptions, stores, logs, clock

    async def open(self) -> list[DeadLetter]:
        """Those that nobody settled yet, oldest first. Raises: Unavailable."""
        letters = [DeadLetter.of(record) for record in await self._read()]
        ids = (str(letter.number) for letter in letters)
        settled = {document["_id"] for document in await self._settled.find_ids(ids)}
        return [letter for letter in letters if str(letter.number) not in settled]

    async def one(self, number: int) -> DeadLetter:
        """Raises: Refused (there is none, or it is settled), Unavailable."""
        letter = next((letter for letter in await self.open() if letter.number == number), None)
        if letter is None:
            raise Refused("letter_unknown", f"There is no open dead letter {number}; list them first.", status=404)
        return letter

    async def replay(self, number: int) -> str | None:
        """Takes the letter in once more. Gives why it failed again; None: taken in, and settled. Raises: Refused."""
        letter = await self.one(number)
        why = await self._handle(letter)
        if why is None:
            await self._settle(letter, "replayed")
        return why

    async def discard(self, number: int) -> None:
        """Lets the letter go: it is not listed any more (Kafka keeps it until its retention ends). Raises: Refused."""
        await self._settle(await self.one(number), "discarded")

    async def _settle(self, letter: DeadLetter, how: str) -> None:
        await self._settled.insert({"_id": str(letter.number), "how": how, "at": self._clock()})

    async def _handle(self, letter: DeadLetter) -> str | None:
        try:
            record = read(letter.record.key, letter.record.value, letter.record.headers)
        except Unreadable as error:
            return f"{UNREADABLE}: {error}"
        for event_log in self._logs:
            if letter.document in ("", event_log.collection.name) and not await _append(event_log, record):
                return f"{REFUSED} in {event_log.collection.name}"
        for store, id, step in self._steps(letter, record):
            for _, _, wrong in await self._stores[store].fold({id: [step]}):
                return f"{type(wrong).__name__} in {store}/{id}: see the service's log"
        return None

    def _steps(self, letter: DeadLetter, record: Record) -> Iterable[tuple[str, str, Step[Any]]]:
        """For the document that it failed at; for all that the event concerns, if it could not even be read then."""
        subscriptions = (one for one in self._subscriptions if one.event.__name__ == record.type)
        for store, id, step in steps_of(subscriptions, record, letter.record):
            if letter.document in ("", f"{store}/{id}"):
                yield store, id, step

    async def _read(self) -> list[KafkaRecord]:
        reader, place = self._cluster.consumer(None, "dead-letters"), TopicPartition(self._topic, 0)
        try:
            await within(TIMEOUT_SECONDS, reader.start())
            reader.assign([place])
            await within(TIMEOUT_SECONDS, reader.seek_to_beginning(place))
            end = (await within(TIMEOUT_SECONDS, reader.end_offsets([place])))[place]
            read: list[KafkaRecord] = []
            while await within(TIMEOUT_SECONDS, reader.position(place)) < end and len(read) < MAX_LETTERS:
                for records in (await within(TIMEOUT_SECONDS, reader.getmany(timeout_ms=1000))).values():
                    read += map(KafkaRecord.of, records)
            return read
        finally:
            await stop(reader)


async def _append(event_log: EventLog, record: Record) -> bool:
    """False: the database refuses the entry."""
    if entry := event_log.entry(record):
        try:
            await event_log.collection.insert({"_id": record.id, **entry})
        except NotWritable:
            return False
    return True
