"""A document of MongoDB <-> what rules see: states, plans, and the one guarded write that a plan becomes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Generic, TypeVar

from pydantic import TypeAdapter

from shared.store.operations import Document, Insert, Update
from shared.store.write_plan import ANSWERS_KEPT, SEEN_KEPT, LoadedDocument, OutboxEntry, WritePlan

S = TypeVar("S")

Deadline = Callable[[Any], "datetime | None"]
Derived = Callable[[Any], Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Lease:
    """Held by one worker over one job of one document; `n` tells one holder from the next."""

    job: str
    n: int
    until: datetime


_adapter: Callable[[Any], TypeAdapter[Any]] = cache(TypeAdapter)
"""Made once for a type: for a large state that takes longer than many reads."""


class DocumentMapping(Generic[S]):
    """How one collection's states are kept: their type, the deadlines in them, the fields to search by."""

    def __init__(self, state_type: type[S], deadlines: Mapping[str, Deadline], derived: Derived | None) -> None:
        self.deadlines = deadlines
        self._derived = derived
        self._adapter: TypeAdapter[S] = _adapter(state_type)

    def state(self, document: Document) -> S:
        return self._adapter.validate_python(document["state"])

    def loaded(self, id: str, document: Document | None) -> LoadedDocument[S]:
        if document is None:
            return LoadedDocument(id=id)
        return LoadedDocument(
            id=id,
            version=document["version"],
            state=self.state(document),
            seen=frozenset(document.get("seen", ())),
            unsent=len(document.get("outbox", ())),
            answers=tuple(document.get("answers", ())),
        )

    def write(self, plan: WritePlan[S], release: Lease | None, now: datetime) -> Insert | Update:
        """The write of a plan; it ends the lease `release` as well, if that is still the one."""
        if plan.version == 0:
            return self._insert(plan)
        due = self._due(plan.state)
        fields = self._fields(plan) | {f"due.{job}": at for job, at in due.items() if at}
        where: Document = {"_id": plan.id, "version": plan.version}
        if release:
            fields[f"lease.{release.job}.until"] = now
            where[f"lease.{release.job}.n"] = release.n
        change: Document = {"$set": fields}
        gone = {f"due.{job}": "" for job, at in due.items() if not at}
        if release:
            gone[f"lease.{release.job}.by"] = ""
        if gone:
            change["$unset"] = gone
        if pushed := _pushed(plan):
            change["$push"] = pushed
        return Update(where, change)

    def _insert(self, plan: WritePlan[S]) -> Insert:
        lists: Document = {
            "outbox": [_kept(entry) for entry in plan.entries],
            "seen": list(plan.causes),
            "answers": [dict(plan.answer)] if plan.answer else [],
            "due": {job: at for job, at in self._due(plan.state).items() if at},
        }
        return Insert({"_id": plan.id, **self._fields(plan), **lists})

    def _fields(self, plan: WritePlan[S]) -> Document:
        state = self._adapter.dump_python(plan.state)
        fields: Document = {"version": plan.version + 1, "state": state}
        if self._derived:
            fields["index"] = dict(self._derived(plan.state))
        if plan.trace:
            fields["trace"] = plan.trace
        if plan.entries:
            fields["unsent"] = plan.entries[0].at
        return fields

    def _due(self, state: S) -> dict[str, datetime | None]:
        return {job: deadline(state) for job, deadline in self.deadlines.items()}


def _kept(entry: OutboxEntry) -> Document:
    """By hand: `asdict` copies deeply, which was the largest part of a fold's cost."""
    return {
        "id": entry.id,
        "type": entry.type,
        "at": entry.at,
        "key": entry.key,
        "body": entry.body,
        "trace": entry.trace,
    }


def _pushed(plan: WritePlan[Any]) -> Document:
    pushed: Document = {}
    if plan.entries:
        pushed["outbox"] = {"$each": [_kept(entry) for entry in plan.entries]}
    if plan.causes:
        pushed["seen"] = {"$each": list(plan.causes), "$slice": -SEEN_KEPT}
    if plan.answer:
        pushed["answers"] = {"$each": [dict(plan.answer)], "$slice": -ANSWERS_KEPT}
    return pushed
