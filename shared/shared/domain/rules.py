"""What a rule gives back, and the three kinds of errors: Refused, Unavailable, and everything else (a
bug)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar, TypeVarTuple

from shared.contracts.events import Event

S = TypeVar("S")
Facts = TypeVarTuple("Facts")

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The time in UTC, cut to milliseconds: what the database can keep, so that a state survives storing
    unchanged."""
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


@dataclass(frozen=True, slots=True)
class Change(Generic[S]):
    """A rule's decision: the new state, the events that say so, and for a command its answer (never a
    secret)."""

    state: S
    events: tuple[Event, ...] = ()
    answer: Mapping[str, Any] = field(default_factory=dict)


Rule = Callable[[S | None, *Facts, datetime], Change[S] | None]
"""Decides over one document: (its state or None, what happened, now) -> its change, or None where nothing changes."""


class Refused(Exception):
    """The caller must change something: becomes problem+json with this status, code, sentence and field."""

    def __init__(self, code: str, detail: str, *, status: int = 409, field: str | None = None) -> None:
        super().__init__(f"{code}: {detail}")
        self.code, self.detail, self.status, self.field = code, detail, status, field


class Unavailable(Exception):
    """Something outside is away: wait and try again; nothing was changed, or what was changed is repeatable.

    `retry_after` is in seconds, for the Retry-After header.
    """

    def __init__(self, part: str, detail: str = "", *, retry_after: int = 5) -> None:
        super().__init__(f"{part} is away{': ' + detail if detail else ''}")
        self.part, self.retry_after = part, retry_after
