"""One document as the store keeps it, and the pure planning of its next write: fold steps over a state."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Generic, TypeVar

from shared.contracts.cloudevents import encode
from shared.contracts.events import Event
from shared.domain.rules import Change, Refused, Unavailable

S = TypeVar("S")

SEEN_KEPT = 200
ANSWERS_KEPT = 20
MAX_EVENT_BYTES = 256 * 1024
MAX_UNSENT = 100


@dataclass(frozen=True, slots=True)
class Command:
    """An outside command: its idempotency key, the digest of what was asked, and the status of its answer."""

    key: str
    digest: str
    status: int = 202


@dataclass(frozen=True, slots=True, kw_only=True)
class Step(Generic[S]):
    """`rule(state, *facts, now)`, to be folded in. `cause`: the event id (or `<id>/due/<lane>/<n>`) that is taken in at
    most once."""

    rule: Callable[..., Change[S] | None]
    facts: tuple[Any, ...] = ()
    cause: str | None = None
    trace: str | None = None
    origin: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded(Generic[S]):
    """A document as read. `version` 0 and `state` None: there is none yet."""

    id: str
    version: int = 0
    state: S | None = None
    seen: frozenset[str] = frozenset()
    unsent: int = 0
    answers: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An event in the outbox: what goes onto the wire is fixed when it is written."""

    id: str
    type: str
    at: datetime
    key: str
    body: str
    trace: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan(Generic[S]):
    """The next write of one document."""

    id: str
    version: int
    state: S
    entries: tuple[Entry, ...] = ()
    causes: tuple[str, ...] = ()
    answer: Mapping[str, Any] | None = None
    trace: str | None = None


@dataclass(frozen=True, slots=True)
class Planned(Generic[S]):
    """`plan` None: nothing is to be written. `failed`: steps whose rule raised, with the error."""

    plan: Plan[S] | None = None
    failed: tuple[tuple[Step[S], Exception], ...] = ()


@dataclass(slots=True, kw_only=True)
class _Folding(Generic[S]):
    state: S | None
    entries: list[Entry] = field(default_factory=list)
    causes: list[str] = field(default_factory=list)
    changed: bool = False
    trace: str | None = None


class TooLarge(Refused):
    """An event over 256 kB: a change that would emit it is a bug, or input that no edge check stopped."""

    def __init__(self, type_name: str, size: int) -> None:
        super().__init__(
            "too_large",
            f"This would make an event {type_name} of {size} bytes; only {MAX_EVENT_BYTES} are allowed.",
            status=413,
        )


def plan_fold(loaded: Loaded[S], steps: Sequence[Step[S]], source: str, now: datetime) -> Planned[S]:
    """Folds facts in order. One whose rule raises is left out: it would raise again (dead letter)."""
    folding = _Folding(state=loaded.state)
    failed: list[tuple[Step[S], Exception]] = []
    for step in steps:
        if step.cause in loaded.seen or step.cause in folding.causes:
            continue
        try:
            _take(folding, loaded, step, source, now)
        except Exception as error:  # a pure rule that fails will fail again
            failed.append((step, error))
    return Planned(_plan(folding, loaded), tuple(failed))


def plan_command(loaded: Loaded[S], step: Step[S], command: Command | None, source: str, now: datetime) -> Planned[S]:
    """One step whose refusal the caller hears. A command answered before is not decided again."""
    if step.cause is not None and step.cause in loaded.seen:
        return Planned()
    if command and loaded.unsent >= MAX_UNSENT:
        raise Unavailable("Kafka", "too many events of this customer wait to be sent", retry_after=30)
    folding = _Folding(state=loaded.state)
    change = _take(folding, loaded, step, source, now)
    plan = _plan(folding, loaded)
    if plan is None or command is None:
        return Planned(plan)
    answer = {
        "key": command.key,
        "digest": command.digest,
        "status": command.status,
        "body": dict(change.answer if change else {}),
    }
    return Planned(replace(plan, answer=answer))


def answered(loaded: Loaded[S], command: Command | None) -> Mapping[str, Any] | None:
    """The kept answer of a command that came before. Raises: Refused, if its key was for something else."""
    if command is None:
        return None
    for answer in loaded.answers:
        if answer["key"] != command.key:
            continue
        if answer["digest"] == command.digest:
            return answer
        raise reused()
    return None


def reused() -> Refused:
    return Refused(
        "idempotency_key_reused",
        "This Idempotency-Key was used for another request; use a new key for a new request.",
        status=422,
        field="Idempotency-Key",
    )


def _take(folding: _Folding[S], loaded: Loaded[S], step: Step[S], source: str, now: datetime) -> Change[S] | None:
    change = step.rule(folding.state, *step.facts, now)
    entries = _entries(change.events, folding, loaded=loaded, step=step, source=source, now=now) if change else []
    if step.cause is not None:
        folding.causes.append(step.cause)
    if change is None:
        return None
    folding.entries.extend(entries)
    folding.state = change.state
    folding.changed = True
    folding.trace = step.trace or folding.trace
    return change


def _entries(
    events: Sequence[Event],
    folding: _Folding[S],
    loaded: Loaded[S],
    step: Step[S],
    source: str,
    now: datetime,
) -> list[Entry]:
    first = len(folding.entries)
    prefix = f"{source}/{loaded.id}/{loaded.version + 1}"
    made = [
        Entry(
            id=f"{prefix}/{first + n}",
            type=type(event).__name__,
            at=now,
            key=event.key,
            body=encode(event),
            trace=step.trace,
        )
        for n, event in enumerate(events)
    ]
    for entry in made:
        if (size := len(entry.body.encode())) > MAX_EVENT_BYTES:
            raise TooLarge(entry.type, size)
    return made


def _plan(folding: _Folding[S], loaded: Loaded[S]) -> Plan[S] | None:
    if not folding.changed or folding.state is None:
        return None
    entries, causes = tuple(folding.entries), tuple(folding.causes)
    return Plan(
        id=loaded.id, version=loaded.version, state=folding.state, entries=entries, causes=causes, trace=folding.trace
    )
