"""One document as the store keeps it, and the pure planning of its next write: fold steps over a state."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
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
    """A command from outside, which is decided once however often it comes."""

    key: str
    """Its idempotency key."""
    digest: str
    """Of what was asked: the same key for something else is refused."""
    status: int = 202
    """The status of its answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step(Generic[S]):
    """`rule(state, *facts, now)`, to be folded in."""

    rule: Callable[..., Change[S] | None]
    facts: tuple[Any, ...] = ()
    cause: str | None = None
    """The event's id (or `<id>/due/<job>/<n>`), which is taken in at most once."""
    trace: str | None = None
    """What is said belongs to this trace."""
    origin: Any = None
    """Where it comes from, for whoever hears that it failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedDocument(Generic[S]):
    """A document as read. `version` 0 and `state` None: there is none yet."""

    id: str
    version: int = 0
    state: S | None = None
    seen: frozenset[str] = frozenset()
    """Causes that were taken in, the last `SEEN_KEPT`."""
    unsent: int = 0
    """How many events wait in its outbox."""
    answers: tuple[Mapping[str, Any], ...] = ()
    """Of commands, the last `ANSWERS_KEPT`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxEntry:
    """An event in the outbox: what goes onto the wire is fixed when it is written."""

    id: str
    type: str
    at: datetime
    key: str
    body: str
    trace: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WritePlan(Generic[S]):
    """The next write of one document."""

    id: str
    version: int
    """The one that it is written over."""
    state: S
    entries: tuple[OutboxEntry, ...] = ()
    causes: tuple[str, ...] = ()
    """To be remembered as seen."""
    answer: Mapping[str, Any] | None = None
    """To be kept for when the command comes again."""
    trace: str | None = None


@dataclass(frozen=True, slots=True)
class Planned(Generic[S]):
    """`plan` None: nothing is to be written. `failed`: steps whose rule raised, with the error."""

    plan: WritePlan[S] | None = None
    failed: tuple[tuple[Step[S], Exception], ...] = ()
    unguarded: bool = False
    """Something was decided that no write will guard: a failure, or that nothing changes. It holds only if what was
    read is what stands there."""


class TooLarge(Refused):
    """An event over 256 kB: a change that would emit it is a bug, or input that no edge check stopped."""

    def __init__(self, type_name: str, size: int) -> None:
        super().__init__(
            "too_large",
            f"This would make an event {type_name} of {size} bytes; only {MAX_EVENT_BYTES} are allowed.",
            status=413,
        )


class _Fold(Generic[S]):
    """Steps over one document, and the write that they come to."""

    def __init__(self, loaded: LoadedDocument[S], source: str, now: datetime) -> None:
        self._loaded, self._source, self._now = loaded, source, now
        self._state = loaded.state
        self._entries: list[OutboxEntry] = []
        self._causes: list[str] = []
        self._changed = False
        self._trace: str | None = None

    def knows(self, cause: str | None) -> bool:
        return cause in self._loaded.seen or cause in self._causes

    def decide(self, step: Step[S]) -> Change[S] | None:
        """Raises: what the rule raises, TooLarge; then nothing of the step stays."""
        change = step.rule(self._state, *step.facts, self._now)
        entries = [*self._emit(change.events, step.trace)] if change else []
        if step.cause is not None:
            self._causes.append(step.cause)
        if change is not None:
            self._entries += entries
            self._state, self._changed, self._trace = change.state, True, step.trace or self._trace
        return change

    def _emit(self, events: Sequence[Event], trace: str | None) -> Iterator[OutboxEntry]:
        prefix = f"{self._source}/{self._loaded.id}/{self._loaded.version + 1}"
        for number, event in enumerate(events, start=len(self._entries)):
            name, body = type(event).__name__, encode(event)
            if (size := len(body.encode())) > MAX_EVENT_BYTES:
                raise TooLarge(name, size)
            yield OutboxEntry(id=f"{prefix}/{number}", type=name, at=self._now, key=event.key, body=body, trace=trace)

    def plan(self) -> WritePlan[S] | None:
        """None: nothing has changed."""
        if not self._changed or self._state is None:
            return None
        return WritePlan(
            id=self._loaded.id,
            version=self._loaded.version,
            state=self._state,
            entries=tuple(self._entries),
            causes=tuple(self._causes),
            trace=self._trace,
        )


def plan_fold(loaded: LoadedDocument[S], steps: Sequence[Step[S]], source: str, now: datetime) -> Planned[S]:
    """Folds facts in order. One whose rule raises is left out: it would raise again (dead letter)."""
    fold = _Fold(loaded, source, now)
    failed: list[tuple[Step[S], Exception]] = []
    decided = False
    for step in steps:
        if fold.knows(step.cause):
            continue
        decided = True
        try:
            fold.decide(step)
        except Exception as error:  # a pure rule that fails will fail again
            failed.append((step, error))
    plan = fold.plan()
    return Planned(plan, tuple(failed), unguarded=bool(failed) or (decided and plan is None))


def plan_command(
    loaded: LoadedDocument[S], step: Step[S], command: Command | None, source: str, now: datetime
) -> Planned[S]:
    """One step whose refusal the caller hears. A command answered before is not decided again."""
    if step.cause is not None and step.cause in loaded.seen:
        return Planned()
    if command and loaded.unsent >= MAX_UNSENT:
        raise Unavailable("Kafka", "too many events of this customer wait to be sent", retry_after=30)
    fold = _Fold(loaded, source, now)
    change = fold.decide(step)
    plan = fold.plan()
    if plan is None or command is None:
        return Planned(plan, unguarded=plan is None)
    body = dict(change.answer if change else {})
    answer = {"key": command.key, "digest": command.digest, "status": command.status, "body": body}
    return Planned(replace(plan, answer=answer))


def answered(loaded: LoadedDocument[S], command: Command | None) -> Mapping[str, Any] | None:
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
