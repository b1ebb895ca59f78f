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
from shared.messaging.event_handlers import Log, On, Raw, targets_of
from shared.messaging.kafka import Cluster, stop, within
from shared.observability.metrics import REFUSED, UNREADABLE
from shared.store.mongo import Collection, Insert
from shared.store.store import Store
from shared.store.write_plan import Step

MOST = 10_000
"""So many letters are looked at; more than that is no case for single letters."""
PATIENCE = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """`number`: its offset on the dead-letter topic. `document`: where it failed, `<store>/<id>` or a history."""

    number: int
    reason: str
    document: str
    position: str
    at: str
    type: str
    event: str
    customer: str
    raw: Raw = field(repr=False)

    def summary(self) -> dict[str, Any]:
        names = ("number", "at", "reason", "type", "document", "customer", "event", "position")
        return {name: getattr(self, name) for name in names}


class DeadLetters:
    """The letters of one service."""

    def __init__(
        self,
        cluster: Cluster,
        service: str,
        settled: Collection,
        table: Sequence[On],
        stores: Mapping[str, Store[Any]],
        logs: Sequence[Log] = (),
        clock: Clock = utc_now,
    ) -> None:
        self._cluster, self._topic = cluster, cluster.dead_topic(service)
        self._settled, self._table, self._stores, self._logs, self._clock = settled, table, stores, logs, clock

    async def open(self) -> list[Letter]:
        """Those that nobody settled yet, oldest first. Raises: Unavailable."""
        letters = [letter(raw) for raw in await self._read()]
        settled = {found["_id"] for found in await self._settled.find_ids(str(one.number) for one in letters)}
        return [one for one in letters if str(one.number) not in settled]

    async def one(self, number: int) -> Letter:
        """Raises: Refused (there is none, or it is settled), Unavailable."""
        found = next((one for one in await self.open() if one.number == number), None)
        if found is None:
            raise Refused("letter_unknown", f"There is no open dead letter {number}; list them first.", status=404)
        return found

    async def replay(self, number: int) -> str | None:
        """Takes the letter in once more. Gives why it failed again; None: taken in, and settled. Raises: Refused."""
        found = await self.one(number)
        why = await self._take(found)
        if why is None:
            await self._settle(found, "replayed")
        return why

    async def discard(self, number: int) -> None:
        """Lets the letter go: it is not listed any more (Kafka keeps it until its retention ends). Raises: Refused."""
        await self._settle(await self.one(number), "discarded")

    async def _settle(self, found: Letter, how: str) -> None:
        await self._settled.write([Insert({"_id": str(found.number), "how": how, "at": self._clock()})])

    async def _take(self, found: Letter) -> str | None:
        try:
            record = read(found.raw.key, found.raw.value, found.raw.headers)
        except Unreadable as error:
            return f"{UNREADABLE}: {error}"
        for history in self._logs:
            if found.document in ("", history.collection.name) and not await _append(history, record):
                return f"{REFUSED} in {history.collection.name}"
        for store, id, step in self._targets(found, record):
            for _, _, wrong in await self._stores[store].fold({id: [step]}):
                return f"{type(wrong).__name__} in {store}/{id}: see the service's log"
        return None

    def _targets(self, found: Letter, record: Record) -> Iterable[tuple[str, str, Step[Any]]]:
        """The document that it failed at; all that the event concerns, if it could not even be read then."""
        rows = (row for row in self._table if row.event.__name__ == record.type)
        for store, id, step in targets_of(rows, record, found.raw):
            if found.document in ("", f"{store}/{id}"):
                yield store, id, step

    async def _read(self) -> list[Raw]:
        reader = self._cluster.consumer(None, "dead-letters")
        try:
            await within(PATIENCE, reader.start())
            place = TopicPartition(self._topic, 0)
            reader.assign([place])
            await within(PATIENCE, reader.seek_to_beginning(place))
            end = (await within(PATIENCE, reader.end_offsets([place])))[place]
            found: list[Raw] = []
            while await within(PATIENCE, reader.position(place)) < end and len(found) < MOST:
                for records in (await within(PATIENCE, reader.getmany(timeout_ms=1000))).values():
                    found += [
                        Raw(
                            topic=r.topic,
                            partition=r.partition,
                            offset=r.offset,
                            key=r.key,
                            value=r.value,
                            headers=r.headers,
                        )
                        for r in records
                    ]
            return found
        finally:
            await stop(reader)


def letter(raw: Raw) -> Letter:
    """What its headers say. The content is not looked at: it may be what is wrong."""
    said = {name: (value or b"").decode(errors="replace") for name, value in raw.headers}
    own = [(name, value) for name, value in raw.headers if not name.startswith("dead_")]
    return Letter(
        number=raw.offset,
        reason=said.get("dead_reason", ""),
        document=said.get("dead_document", ""),
        position=said.get("dead_position", ""),
        at=said.get("dead_at", ""),
        type=said.get("ce_type", ""),
        event=said.get("ce_id", ""),
        customer=(raw.key or b"").decode(errors="replace"),
        raw=replace(raw, headers=own),
    )


def content(found: Letter) -> Any:
    """The event's body, without its sealed parts; text that is no JSON as it stands, cut."""
    text = (found.raw.value or b"").decode(errors="replace")
    try:
        body = json.loads(text)
    except ValueError:
        return text[:2000]
    hidden = REGISTRY[found.type].sealed_fields if found.type in REGISTRY else ()
    return {name: value for name, value in body.items() if name not in hidden} if isinstance(body, dict) else body


async def _append(history: Log, record: Record) -> bool:
    """False: the database refuses the entry."""
    entry = history.entry(record)
    if entry is None:
        return True
    return not (await history.collection.write([Insert({"_id": record.id, **entry})])).refused
