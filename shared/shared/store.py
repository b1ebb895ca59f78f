"""The one verb that changes state: load, decide by a pure rule, write state and outgoing events in one update.

`apply` does it for one document, `fold` for all documents of a batch with one read and one bulk write. Both are
guarded by the document's version and repeat when somebody else wrote meanwhile.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar

from pydantic import TypeAdapter

from shared.change import Clock, Rule, Unavailable, utc_now
from shared.document import (
    ANSWERS_KEPT,
    SEEN_KEPT,
    Command,
    Loaded,
    Plan,
    Planned,
    Step,
    answered,
    plan_command,
    plan_fold,
)
from shared.mongo import Collection, Document, Filter, Index, Insert, Sort, Update

S = TypeVar("S")

ROUNDS = 25
BULK = 500

Lane = Callable[[Any], "datetime | None"]
Derived = Callable[[Any], Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Lease:
    """Held by one worker over one lane of one document; `n` tells one holder from the next."""

    lane: str
    n: int
    until: datetime


@dataclass(frozen=True, slots=True)
class Found(Generic[S]):
    """A document as a reader sees it. `delayed`: it has events that Kafka has not got yet, since then."""

    id: str
    version: int
    state: S
    delayed: datetime | None = None


@dataclass(frozen=True, slots=True)
class Applied(Generic[S]):
    """`answer`: what the command is answered, now or when it first came (`replayed`)."""

    state: S | None
    version: int
    answer: Mapping[str, Any] = field(default_factory=dict)
    changed: bool = False
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class Wake:
    """A write that others wait for: ids with new outgoing events, and lanes with deadlines."""

    unsent: tuple[str, ...] = ()
    due: tuple[tuple[str, datetime], ...] = ()


Failed = tuple[str, Step[S], Exception]


class Refuses(Exception):
    """The database refuses a document (too large): its steps go to the dead letters."""


class Store(Generic[S]):
    """Documents of one collection. `lanes`: name -> the deadline that a state holds for that kind of due work.

    `derived` gives fields for indexed search (kept under `index`); `source` is `<service>/<collection>`.
    """

    def __init__(
        self,
        collection: Collection,
        state_type: type[S],
        source: str,
        *,
        lanes: Mapping[str, Lane] | None = None,
        derived: Derived | None = None,
        indexes: Sequence[Index] = (),
        clock: Clock = utc_now,
    ) -> None:
        self.collection, self.source, self.clock = collection, source, clock
        self.lanes: Mapping[str, Lane] = lanes or {}
        self._derived = derived
        self._adapter: TypeAdapter[S] = TypeAdapter(state_type)
        self._indexes = (
            Index((("unsent", 1),), sparse=True),
            *(Index(((f"due.{lane}", 1),), sparse=True) for lane in self.lanes),
            *indexes,
        )
        self.listeners: list[Callable[[Wake], None]] = []

    async def prepare(self) -> None:
        await self.collection.ensure(self._indexes)

    # --- reading ---------------------------------------------------------------------------------------------

    async def get(self, id: str) -> Found[S] | None:
        document = await self.collection.get(id)
        return self.found(document) if document else None

    async def find(self, where: Filter, *, sort: Sort = (), limit: int = 100) -> list[Found[S]]:
        documents = await self.collection.find(
            where, sort=sort, limit=limit, fields=("version", "state", "unsent")
        )
        return [self.found(document) for document in documents]

    def found(self, document: Document) -> Found[S]:
        state = self._adapter.validate_python(document["state"])
        return Found(document["_id"], document["version"], state, document.get("unsent"))

    # --- changing --------------------------------------------------------------------------------------------

    async def apply(
        self,
        id: str,
        rule: Rule[S],
        *,
        cause: str | None = None,
        command: Command | None = None,
        trace: str | None = None,
        release: Lease | None = None,
    ) -> Applied[S]:
        """Changes one document by `rule`, which may refuse. `release` ends the caller's lease in the same write.

        Raises: Refused (by the rule, or a reused idempotency key), Unavailable.
        """
        step = Step(rule, cause, trace)
        for round in range(ROUNDS):
            document = await self.collection.get(id)
            loaded = self._loaded(id, document)
            if answer := answered(loaded, command):
                return Applied(loaded.state, loaded.version, answer["body"], replayed=True)
            planned = plan_command(loaded, step, command, self.source, self.clock())
            if planned.plan is None:
                return Applied(loaded.state, loaded.version)
            if await self._write_one(planned.plan, _still_held(release, document)):
                plan = planned.plan
                body = plan.answer["body"] if plan.answer else {}
                return Applied(plan.state, plan.version + 1, body, changed=True)
            await asyncio.sleep(random.uniform(0, 0.01 * (round + 1)))
        raise Unavailable("MongoDB", f"{self.source} {id} is written by too many at once")

    async def _write_one(self, plan: Plan[S], release: Lease | None) -> bool:
        written = await self.collection.write([self._operation(plan, release)])
        if written.refused:
            raise Refuses(f"{self.source} {plan.id}: {written.refused[plan.id]}")
        if written.complete:
            self._wake([plan])
        return written.complete

    async def fold(self, work: Mapping[str, Sequence[Step[S]]]) -> list[Failed[S]]:
        """Takes in facts: document id -> its steps in order. Gives back the steps that can never be taken in.

        Raises: Unavailable; then nothing or a part is written, and folding the same again completes it.
        """
        failed: list[Failed[S]] = []
        pending = dict(work)
        for round in range(ROUNDS):
            plans = await self._plan_all(pending, failed)
            if not plans:
                return failed
            if await self._write_all(plans, pending, failed):
                return failed
            pending = {plan.id: pending[plan.id] for plan in plans if plan.id in pending}
            await asyncio.sleep(random.uniform(0, 0.01 * (round + 1)))
        raise Unavailable("MongoDB", f"{self.source} is written by too many at once")

    async def _plan_all(self, pending: dict[str, Sequence[Step[S]]], failed: list[Failed[S]]) -> list[Plan[S]]:
        documents = await self.collection.find({"_id": {"$in": list(pending)}}, limit=len(pending))
        by_id = {document["_id"]: document for document in documents}
        now, plans = self.clock(), []
        for id, steps in pending.items():
            planned: Planned[S] = plan_fold(self._loaded(id, by_id.get(id)), steps, self.source, now)
            failed.extend((id, step, error) for step, error in planned.failed)
            dead = {step.cause for step, _ in planned.failed}
            pending[id] = [step for step in steps if step.cause not in dead]
            if planned.plan:
                plans.append(planned.plan)
        return plans

    async def _write_all(
        self, plans: list[Plan[S]], pending: dict[str, Sequence[Step[S]]], failed: list[Failed[S]]
    ) -> bool:
        complete = True
        for start in range(0, len(plans), BULK):
            chunk = plans[start : start + BULK]
            written = await self.collection.write([self._operation(plan) for plan in chunk])
            complete = complete and written.complete
            for id, why in written.refused.items():
                failed.extend((id, step, Refuses(why)) for step in pending.pop(id, ()))
            self._wake(chunk)
        return complete

    # --- documents -------------------------------------------------------------------------------------------

    def _loaded(self, id: str, document: Document | None) -> Loaded[S]:
        if document is None:
            return Loaded(id)
        return Loaded(
            id,
            document["version"],
            self._adapter.validate_python(document["state"]),
            frozenset(document.get("seen", ())),
            len(document.get("outbox", ())),
            tuple(document.get("answers", ())),
        )

    def _operation(self, plan: Plan[S], release: Lease | None = None) -> Insert | Update:
        due = {lane: deadline(plan.state) for lane, deadline in self.lanes.items()}
        fields: Document = {"version": plan.version + 1, "state": self._adapter.dump_python(plan.state)}
        if self._derived:
            fields["index"] = dict(self._derived(plan.state))
        if plan.trace:
            fields["trace"] = plan.trace
        if plan.entries:
            fields["unsent"] = plan.entries[0].at
        outbox = [asdict(entry) for entry in plan.entries]
        answers = [dict(plan.answer)] if plan.answer else []
        if plan.version == 0:
            due_set = {lane: at for lane, at in due.items() if at}
            lists = {"outbox": outbox, "seen": list(plan.causes), "answers": answers, "due": due_set}
            return Insert({"_id": plan.id, **fields, **lists})
        fields |= {f"due.{lane}": at for lane, at in due.items() if at}
        if release:
            fields[f"lease.{release.lane}.until"] = self.clock()
        change: Document = {"$set": fields}
        if gone := {f"due.{lane}": "" for lane, at in due.items() if not at}:
            change["$unset"] = gone
        if pushed := _pushed(outbox, plan.causes, answers):
            change["$push"] = pushed
        where: Document = {"_id": plan.id, "version": plan.version}
        if release:
            where[f"lease.{release.lane}.n"] = release.n
        return Update(where, change)

    def _wake(self, plans: Sequence[Plan[S]]) -> None:
        """Wakes who waits. Where a bulk was incomplete this is too often, which is harmless."""
        unsent = tuple(plan.id for plan in plans if plan.entries)
        due = [(lane, at) for plan in plans for lane, deadline in self.lanes.items() if (at := deadline(plan.state))]
        if unsent or due:
            wake = Wake(unsent, tuple(due))
            for listener in self.listeners:
                listener(wake)


def _still_held(lease: Lease | None, document: Document | None) -> Lease | None:
    """The lease, if it is still this holder's: an outcome counts without it too, but must not end another's."""
    if lease is None or document is None:
        return None
    held = document.get("lease", {}).get(lease.lane, {})
    return lease if held.get("n") == lease.n else None


def _pushed(outbox: list[Any], causes: Sequence[str], answers: list[Any]) -> Document:
    pushed: Document = {}
    if outbox:
        pushed["outbox"] = {"$each": outbox}
    if causes:
        pushed["seen"] = {"$each": list(causes), "$slice": -SEEN_KEPT}
    if answers:
        pushed["answers"] = {"$each": answers, "$slice": -ANSWERS_KEPT}
    return pushed
