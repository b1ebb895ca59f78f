"""All four services' rules wired together by an in-memory topic with just the ordering that is really promised.

Ordered are the events of one document, and effect after cause; relays, consumers, redeliveries and everybody outside
(operator, invitee, Microsoft, mail server, clock) come in any order that the test draws.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from auth_svc.domain import attempts, keep_alive
from auth_svc.subscriptions import SUBSCRIPTIONS as AUTH
from config_svc.domain import settings, switches
from config_svc.subscriptions import SUBSCRIPTIONS as CONFIG
from invite_svc.domain import invitations
from invite_svc.subscriptions import SUBSCRIPTIONS as INVITE
from notify_svc.domain import sending
from notify_svc.subscriptions import SUBSCRIPTIONS as NOTIFY
from shared.contracts.cloudevents import decode
from shared.domain.rules import Refused, Rule
from shared.messaging.event_handlers import Subscription
from shared.store.write_plan import LoadedDocument, OutboxEntry, Step, plan_command, plan_fold

TABLES: dict[str, tuple[Subscription, ...]] = {"config": CONFIG, "invite": INVITE, "auth": AUTH, "notify": NOTIFY}
SEEN = 200
BESIDE = " beside"
DEADLINES: dict[str, Callable[[Any], datetime | None]] = {
    "config/customers": switches.deadline,
    "invite/invitations": invitations.next_deadline,
    "auth/access/attempt": attempts.next_deadline,
    "auth/access/keep": keep_alive.next_deadline,
    "notify/outgoing_mails": sending.next_deadline,
}


@dataclass(kw_only=True)
class Document:
    version: int = 0
    state: Any = None
    seen: list[str] = field(default_factory=list)
    outbox: list[OutboxEntry] = field(default_factory=list)


@dataclass(kw_only=True)
class World:
    """`topic`: one partition, as all events of one customer share one; `beside`: that of the settings, in no order with
    it. `taken`: the committed offset of each service in each."""

    now: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    documents: dict[tuple[str, str], Document] = field(default_factory=dict)
    topic: list[OutboxEntry] = field(default_factory=list)
    beside: list[OutboxEntry] = field(default_factory=list)
    taken: dict[str, int] = field(default_factory=lambda: dict.fromkeys((*TABLES, f"notify{BESIDE}"), 0))
    runs: int = 0
    written: list[tuple[int, int | None, bool]] = field(default_factory=list)
    """Of each mail sent: the version of the texts it was to have, the one it had, and whether it had waited."""

    # --- the machinery ---------------------------------------------------------------------------------------

    def document(self, place: str, id: str) -> Document:
        return self.documents.setdefault((place, id), Document())

    def state(self, place: str, id: str) -> Any:
        return self.document(place, id).state

    def apply(self, place: str, id: str, rule: Rule[Any], cause: str | None = None) -> bool:
        """A command or an outcome; a refusal changes nothing."""
        document = self.document(place, id)
        try:
            planned = plan_command(self._loaded(id, document), Step(rule=rule, cause=cause), None, place, self.now)
        except Refused:
            return False
        self._write(document, planned.plan)
        return planned.plan is not None

    def relay(self, place: str, id: str, *, settle: bool = True) -> None:
        """Publishes the head of an outbox; without `settle` the relay dies before it marks the event as sent."""
        document = self.documents[place, id]
        entry = document.outbox[0]
        (self.beside if entry.key == settings.ID else self.topic).append(entry)
        if settle:
            document.outbox.pop(0)

    def partition(self, reader: str) -> list[OutboxEntry]:
        return self.beside if reader.endswith(BESIDE) else self.topic

    def consume(self, reader: str, count: int, *, commit: bool = True) -> None:
        """Takes `count` records in as one fold; without `commit` the service dies before its offsets are kept."""
        service = reader.removesuffix(BESIDE)
        records = self.partition(reader)[self.taken[reader] : self.taken[reader] + count]
        work: dict[tuple[str, str], list[Step[Any]]] = {}
        for entry in records:
            for target, step in self._steps(service, entry):
                work.setdefault(target, []).append(step)
        for (place, id), steps in work.items():
            document = self.document(place, id)
            planned = plan_fold(self._loaded(id, document), steps, place, self.now)
            assert not planned.failed, planned.failed
            self._write(document, planned.plan)
        if commit:
            self.taken[reader] += len(records)

    def _steps(self, service: str, entry: OutboxEntry) -> Iterable[tuple[tuple[str, str], Step[Any]]]:
        event = decode(entry.type, entry.body)
        for row in TABLES[service]:
            if row.event is not type(event) or (id := row.key(event)) is None:
                continue
            rule = partial(lambda fact, event, state, now: fact(state, event, now), row.rule, event)
            yield (f"{service}/{row.store}", id), Step(rule=rule, cause=entry.id)

    def _loaded(self, id: str, document: Document) -> LoadedDocument[Any]:
        return LoadedDocument(id=id, version=document.version, state=document.state, seen=frozenset(document.seen))

    def _write(self, document: Document, plan: Any) -> None:
        if plan is None:
            return
        document.version, document.state = plan.version + 1, plan.state
        document.seen = [*document.seen, *plan.causes][-SEEN:]
        document.outbox.extend(plan.entries)

    # --- what may happen next --------------------------------------------------------------------------------

    def unsent(self) -> list[tuple[str, str]]:
        return [place for place, document in self.documents.items() if document.outbox]

    def behind(self) -> list[str]:
        return [reader for reader, taken in self.taken.items() if taken < len(self.partition(reader))]

    def settle(self, *, settings_late: bool = False) -> None:
        """Everything that was written is published and taken in, in one of the allowed orders."""
        for _ in range(2000):
            unsent = [place for place in self.unsent() if not (settings_late and place[1] == settings.ID)]
            if unsent:
                self.relay(*unsent[0])
            elif behind := self.behind():
                self.consume(behind[0], 50)
            else:
                return
        raise AssertionError("the services never come to rest")

    def due(self) -> list[tuple[str, str]]:
        """Deadlines that have come: (job, document)."""
        found = []
        for (place, id), document in self.documents.items():
            for job, deadline in DEADLINES.items():
                if job.startswith(place) and document.state is not None:
                    at = deadline(document.state)
                    if at is not None and at <= self.now:
                        found.append((job, id))
        return found

    def advance(self, by: timedelta) -> None:
        self.now += by

    # --- what is looked at -----------------------------------------------------------------------------------

    def events(self, *types: str) -> list[Any]:
        """The distinct events of these types, in the order of their first publication."""
        first: dict[str, OutboxEntry] = {}
        for entry in (*self.topic, *self.beside):
            first.setdefault(entry.id, entry)
        return [decode(entry.type, entry.body) for entry in first.values() if entry.type in types]
