"""The one verb that changes state: load, decide by a pure rule, write state and outgoing events in one update.

`apply` does it for one document, `fold` for all documents of a batch with one read and one bulk write. Both are
guarded by the document's version and repeat when somebody else wrote meanwhile. A decision that writes nothing has no
such guard: the version that it was made on is confirmed by a linearizable read.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Generic, TypeVar

from shared.domain.rules import Clock, Facts, Refused, Rule, Unavailable, utc_now
from shared.observability import tracing
from shared.store.mapping import Deadline, Derived, DocumentMapping, Lease
from shared.store.mongo import Collection, NotWritable
from shared.store.operations import Document, Filter, Index, Insert, Sort, Update
from shared.store.turns import Turns
from shared.store.write_plan import Command, Planned, Step, WritePlan, answered, plan_command, plan_fold

S = TypeVar("S")

MAX_ROUNDS = 60
LONGEST_PAUSE_SECONDS = 0.2
BULK_SIZE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredDocument(Generic[S]):
    """A document as a reader sees it."""

    id: str
    version: int
    state: S
    delayed: datetime | None = None
    """Since when it has events that Kafka has not got yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied(Generic[S]):
    """What became of a rule."""

    state: S | None
    """The document's, changed or not; None: there is none."""
    version: int
    answer: Mapping[str, Any] = field(default_factory=dict)
    """What the command is answered, now or when it first came; then nothing is `changed`."""
    changed: bool = False


@dataclass(frozen=True, slots=True)
class WriteNotification:
    """What a write means to those who wait."""

    unsent: tuple[str, ...] = ()
    """Ids of documents with new outgoing events."""
    due: tuple[tuple[str, datetime], ...] = ()
    """Jobs with their deadlines."""


Failed = tuple[str, Step[S], Exception]
"""The document's id, a step that can never be taken in, and why."""


class Store(Generic[S]):
    """Documents of one collection.

    - `source`: `<service>/<collection>`, the source of its events.
    - `deadlines`: job -> the deadline that a state holds for it (None: nothing is due).
    - `derived`: fields of a state that are searched by, kept under `index`.
    - `indexes`: those of MongoDB beside its own.
    """

    def __init__(
        self,
        collection: Collection,
        state_type: type[S],
        source: str,
        *,
        deadlines: Mapping[str, Deadline] | None = None,
        derived: Derived | None = None,
        indexes: Sequence[Index] = (),
        clock: Clock = utc_now,
    ) -> None:
        self.collection, self.source, self.clock = collection, source, clock
        self.deadlines: Mapping[str, Deadline] = deadlines or {}
        self._mapping: DocumentMapping[S] = DocumentMapping(state_type, self.deadlines, derived)
        self.indexes = (
            Index(keys=(("unsent", 1),), sparse=True),
            *(Index(keys=((f"due.{job}", 1),), sparse=True) for job in self.deadlines),
            *(Index(keys=((f"lease.{job}.by", 1),), sparse=True) for job in self.deadlines),
            *indexes,
        )
        self.listeners: list[Callable[[WriteNotification], None]] = []
        self._turns = Turns()
        """By id: the changes of one document in this process queue, so that only replicas race."""

    async def prepare(self) -> None:
        """Builds the indexes that are missing. Raises: Unavailable."""
        await self.collection.ensure(self.indexes)

    # --- reading -----------------------------------------------------------------------------------

    async def get(self, id: str) -> StoredDocument[S] | None:
        document = await self.collection.get(id)
        return self.stored(document) if document else None

    async def find(self, where: Filter, *, sort: Sort = (), limit: int = 100) -> list[StoredDocument[S]]:
        documents = await self.collection.find(where, sort=sort, limit=limit, fields=("version", "state", "unsent"))
        return [self.stored(document) for document in documents]

    def stored(self, document: Document) -> StoredDocument[S]:
        state = self._mapping.state(document)
        return StoredDocument(
            id=document["_id"], version=document["version"], state=state, delayed=document.get("unsent")
        )

    # --- changing ----------------------------------------------------------------------------------

    async def apply(
        self,
        id: str,
        rule: Rule[S, *Facts],
        *facts: *Facts,
        cause: str | None = None,
        command: Command | None = None,
        trace: str | None = None,
        follows: bool = False,
    ) -> Applied[S]:
        """Changes one document by `rule(state, *facts, now)`, which may refuse.

        `cause` is taken in at most once; `command` is answered as before when it comes again. `trace` is kept with
        what is said; `follows`: it belongs to the trace that the document is in already.

        Raises: Refused (by the rule, or a reused idempotency key), Unavailable.
        """
        step: Step[S] = Step(rule=rule, facts=facts, cause=cause, trace=trace)
        return await self.apply_step(id, step, command=command, follows=follows)

    async def apply_step(
        self,
        id: str,
        step: Step[S],
        *,
        command: Command | None = None,
        release: Lease | None = None,
        follows: bool = False,
    ) -> Applied[S]:
        """As `apply`. `release` ends the caller's lease in the same write."""
        async with self._turns.take(id):
            for round in range(MAX_ROUNDS):
                applied = await self._apply_once(id, step, command, release, follows, latest=round > 0)
                if applied is not None:
                    return applied
                await _pause(round)
        raise Unavailable("MongoDB", f"{self.source} {id} is written by too many at once")

    async def _apply_once(
        self, id: str, step: Step[S], command: Command | None, release: Lease | None, follows: bool, *, latest: bool
    ) -> Applied[S] | None:
        """None: somebody else wrote meanwhile, or before an election."""
        collection = self.collection
        document = next(iter(await collection.find_latest([id])), None) if latest else await collection.get(id)
        loaded = self._mapping.loaded(id, document)
        if follows and document and document.get("trace"):
            step = replace(step, trace=self._followed(document["trace"]))
        if answer := answered(loaded, command):
            return Applied(state=loaded.state, version=loaded.version, answer=answer["body"])
        try:
            planned = plan_command(loaded, step, command, self.source, self.clock())
        except Refused:
            if latest or await self._is_latest({id: loaded.version}):
                raise
            return None
        plan = planned.plan
        if plan is None:
            if planned.unguarded and not latest and not await self._is_latest({id: loaded.version}):
                return None
            return Applied(state=loaded.state, version=loaded.version)
        if not await self._write_one(plan, _still_held(release, document)):
            return None
        return Applied(
            state=plan.state, version=plan.version + 1, answer=plan.answer["body"] if plan.answer else {}, changed=True
        )

    async def _is_latest(self, read: Mapping[str, int]) -> bool:
        """Are these the documents' versions (0: there is none)? Asked where nothing is written that would be guarded
        by them: what was read may be older than an election."""
        documents = await self.collection.find_latest(read, fields=("version",))
        versions = {document["_id"]: document["version"] for document in documents}
        return all(versions.get(id, 0) == version for id, version in read.items())

    def _followed(self, trace: str) -> str:
        """A span in the document's trace, for the request that is another trace."""
        span = tracing.tracer.start_span(f"apply {self.collection.name}", tracing.context_of(trace))
        span.end()
        return tracing.traceparent_of(span) or trace

    async def _write_one(self, plan: WritePlan[S], release: Lease | None) -> bool:
        written = await self.collection.write([self._mapping.write(plan, release, self.clock())])
        if written.refused:
            raise NotWritable(f"{self.source} {plan.id}: {written.refused[plan.id]}")
        if written.complete:
            self._notify([plan])
        return written.complete

    async def fold(
        self, work: Mapping[str, Sequence[Step[S]]], *, owned: Callable[[], bool] = lambda: True
    ) -> list[Failed[S]]:
        """Takes in facts: document id -> its steps in order. Gives back the steps that can never be taken in.

        `owned` is asked before facts are folded again: whoever lost them to another member stops.
        Raises: Unavailable; then nothing or a part is written, and folding the same again completes it.
        """
        failed: list[Failed[S]] = []
        pending = dict(work)
        for round in range(MAX_ROUNDS):
            latest = round > 0
            planned, read = await self._plan_all(pending, latest)
            if latest or await self._is_latest({id: read[id] for id, one in planned.items() if one.unguarded}):
                plans = _settle(planned, pending, failed)
                if not plans or await self._write_all(plans, pending, failed):
                    return failed
                pending = {plan.id: pending[plan.id] for plan in plans if plan.id in pending}
            await _pause(round)
            if not owned():
                return failed
        raise Unavailable("MongoDB", f"{self.source} is written by too many at once")

    async def _plan_all(
        self, pending: Mapping[str, Sequence[Step[S]]], latest: bool
    ) -> tuple[dict[str, Planned[S]], dict[str, int]]:
        """What each document comes to, and the version that it was read in (0: there is none)."""
        find = self.collection.find_latest if latest else self.collection.find_ids
        documents, now = {document["_id"]: document for document in await find(pending)}, self.clock()
        planned = {id: self._plan(id, documents.get(id), steps, now) for id, steps in pending.items()}
        return planned, {id: documents[id]["version"] if id in documents else 0 for id in pending}

    def _plan(self, id: str, document: Document | None, steps: Sequence[Step[S]], now: datetime) -> Planned[S]:
        try:
            loaded = self._mapping.loaded(id, document)
        except Exception as error:  # a stored state that this version cannot read must not hold up the others
            return Planned(None, tuple((step, error) for step in steps), unguarded=True)
        return plan_fold(loaded, steps, self.source, now)

    async def _write_all(
        self, plans: list[WritePlan[S]], pending: dict[str, Sequence[Step[S]]], failed: list[Failed[S]]
    ) -> bool:
        complete, aside = True, set[str]()
        for start in range(0, len(plans), BULK_SIZE):
            chunk = plans[start : start + BULK_SIZE]
            written = await self.collection.write(self._operations(chunk, aside))
            complete = complete and written.complete
            aside |= written.refused.keys()
            self._notify([plan for plan in chunk if plan.id not in aside])
        for id in aside:
            await self._fold_singly(id, pending.pop(id), failed)
        return complete

    def _operations(self, plans: Sequence[WritePlan[S]], aside: set[str]) -> list[Insert | Update]:
        """The writes; `aside` gets the documents whose state cannot be written down at all."""
        operations: list[Insert | Update] = []
        for plan in plans:
            try:
                operations.append(self._mapping.write(plan, None, self.clock()))
            except Exception:
                aside.add(plan.id)
        return operations

    async def _fold_singly(self, id: str, steps: Sequence[Step[S]], failed: list[Failed[S]]) -> None:
        """One write per fact, so that only the one that makes the document impossible is given up."""
        for step in steps:
            try:
                await self.apply_step(id, step)
            except Unavailable:
                raise
            except Exception as error:
                failed.append((id, step, error))

    def _notify(self, plans: Sequence[WritePlan[S]]) -> None:
        """Wakes who waits. Where a bulk was incomplete this is too often, which is harmless."""
        unsent = tuple(plan.id for plan in plans if plan.entries)
        deadlines = self.deadlines.items()
        due = [(job, at) for plan in plans for job, deadline in deadlines if (at := deadline(plan.state))]
        if unsent or due:
            written = WriteNotification(unsent, tuple(due))
            for listener in self.listeners:
                listener(written)


def _settle(
    planned: Mapping[str, Planned[S]], pending: dict[str, Sequence[Step[S]]], failed: list[Failed[S]]
) -> list[WritePlan[S]]:
    """What is to be written. What failed goes from `pending` to `failed`."""
    for id, one in planned.items():
        failed.extend((id, step, error) for step, error in one.failed)
        dead = {step.cause for step, _ in one.failed}
        pending[id] = [step for step in pending[id] if step.cause not in dead]
    return [one.plan for one in planned.values() if one.plan]


async def _pause(round: int) -> None:
    """Before another try, of random length: who lost a race must not meet the same others again."""
    await asyncio.sleep(random.uniform(0, min(LONGEST_PAUSE_SECONDS, 0.01 * (round + 1))))


def _still_held(lease: Lease | None, document: Document | None) -> Lease | None:
    """The lease, if it is still this one: an outcome counts without it too, but must not end another's."""
    if lease is None or document is None:
        return None
    held = document.get("lease", {}).get(lease.job, {})
    return lease if held.get("n") == lease.n else None
