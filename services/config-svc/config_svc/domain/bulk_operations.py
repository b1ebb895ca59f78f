"""Rules of a bulk switch: customers of one file, asked at a pace, first a few, then the rest. Its rows lie in parts.

What becomes of a row later (invited, opened, completed) is said by its customer; here stands only whether it was asked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from shared.contracts.events import Actor, BulkSwitchBegun, BulkSwitchChanged
from shared.domain.rules import Change, Refused

BULK_KEY = "bulk-switches"
"""The key of these events, which concern no customer alone."""
MOST, ROWS_IN_PART = 10_000, 200
ASKED = "asked"
KEPT, DRAFT_KEPT = timedelta(days=400), timedelta(days=1)
SECONDS = 10
"""How far apart two steps are, about, whatever the pace."""
MOST_IN_STEP = 20

State = Literal["draft", "running", "paused", "stopped", "ended"]


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a row cannot be asked. `code`: of the API, `message`: an English sentence (of a catalog)."""

    code: str
    message: str
    field: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the file. `outcome`: None while it waits, `asked`, or the code of why it was refused."""

    line: int
    customer: str
    email: str
    name: str = ""
    locale: str = "en"
    reference: str | None = None
    problem: Problem | None = None
    outcome: str | None = None
    switch: int | None = None

    @property
    def waiting(self) -> bool:
        return self.problem is None and self.outcome is None


@dataclass(frozen=True, slots=True)
class RowOutcome:
    code: str
    switch: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Rows `number * ROWS_IN_PART` and following of a bulk."""

    bulk: str
    number: int
    rows: tuple[Row, ...]
    forget_at: datetime


@dataclass(frozen=True, slots=True)
class Pace:
    """`first`: rows of the first wave, 0 for no waves. `pause`: wait after it until somebody goes on."""

    per_minute: int = 60
    first: int = 10
    pause: bool = True

    @property
    def step(self) -> int:
        return max(1, min(MOST_IN_STEP, self.per_minute * SECONDS // 60))

    def span(self, rows: int) -> timedelta:
        return timedelta(seconds=rows * 60 / self.per_minute)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reminder:
    """One round through all rows; who has not answered gets the invitation again."""

    number: int
    by: Actor
    begun_at: datetime
    due_at: datetime
    place: int = 0
    sent: int = 0
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bulk:
    """`place`: the next row to be asked. `asked`, `refused`: of those before it; `problems`: found at the check.
    `digest`: of the command that brought it, where its id is made of that command's key."""

    id: str
    name: str
    by: Actor
    count: int
    problems: int
    created_at: datetime
    forget_at: datetime
    state: State = "draft"
    pace: Pace = Pace()
    begun_at: datetime | None = None
    begun_by: Actor | None = None
    due_at: datetime | None = None
    first_wave: bool = False
    place: int = 0
    asked: int = 0
    refused: int = 0
    ended_at: datetime | None = None
    reminder: Reminder | None = None
    digest: str = ""

    @property
    def parts(self) -> int:
        return -(-self.count // ROWS_IN_PART)

    @property
    def good(self) -> int:
        return self.count - self.problems

    @property
    def waiting(self) -> int:
        return self.good - self.asked - self.refused

    @property
    def reminding(self) -> Reminder | None:
        return self.reminder if self.reminder and self.reminder.ended_at is None else None

    @property
    def wave_left(self) -> int:
        """Rows that may still be asked before the first wave ends; all that wait where it is over."""
        left = self.pace.first - self.asked - self.refused
        return left if self.first_wave and self.pace.first else self.waiting


def draft(
    bulk: Bulk | None, id: str, name: str, rows: Sequence[Row], by: Actor, digest: str, now: datetime
) -> Change[Bulk] | None:
    """The same file sent twice is one bulk."""
    if bulk:
        return None
    problems = sum(row.problem is not None for row in rows)
    return Change(
        Bulk(
            id=id,
            name=name,
            by=by,
            count=len(rows),
            problems=problems,
            created_at=now,
            forget_at=now + DRAFT_KEPT,
            digest=digest,
        )
    )


def begin(bulk: Bulk | None, pace: Pace, by: Actor, now: datetime) -> Change[Bulk]:
    bulk = known(bulk)
    if bulk.state != "draft":
        raise Refused("bulk_begun", "This bulk switch has begun already.")
    if not bulk.good:
        raise Refused("bulk_empty", "No row of the file can be asked; correct the file and send it again.")
    begun = replace(
        bulk,
        state="running",
        pace=pace,
        begun_at=now,
        begun_by=by,
        due_at=now,
        first_wave=pace.first > 0,
        forget_at=now + KEPT,
    )
    return Change(
        begun,
        (BulkSwitchBegun(customer=BULK_KEY, bulk=bulk.id, name=bulk.name, count=bulk.good, by=by),),
        {"bulk": bulk.id},
    )


def kept_longer(part: Part | None, now: datetime) -> Change[Part] | None:
    """Of a bulk that begins: until then a part is kept a little longer than its draft."""
    return Change(replace(part, forget_at=now + KEPT)) if part else None


def settled(part: Part | None, outcomes: Mapping[int, RowOutcome], now: datetime) -> Change[Part] | None:
    """Takes in what became of some rows of a part, by their place in it; the first outcome of a row stays."""
    if part is None:
        return None
    rows = tuple(
        replace(row, outcome=outcomes[place].code, switch=outcomes[place].switch)
        if place in outcomes and row.waiting
        else row
        for place, row in enumerate(part.rows)
    )
    return Change(replace(part, rows=rows))


def advanced(
    bulk: Bulk | None, start: int, end: int, outcomes: Sequence[RowOutcome], now: datetime
) -> Change[Bulk] | None:
    """The rows from `start` to `end` are done. Counts whatever somebody said meanwhile: they were asked."""
    if bulk is None or bulk.place != start or bulk.state in ("draft", "ended"):
        return None
    asked = sum(outcome.code == ASKED for outcome in outcomes)
    moved = replace(
        bulk,
        place=end,
        asked=bulk.asked + asked,
        refused=bulk.refused + len(outcomes) - asked,
        due_at=now + bulk.pace.span(len(outcomes)),
    )
    if bulk.state in ("running", "paused") and not moved.waiting:
        return _ended(moved, now)
    return _wave_over(moved) if moved.first_wave and moved.wave_left <= 0 else Change(moved)


def _ended(bulk: Bulk, now: datetime) -> Change[Bulk]:
    return Change(replace(bulk, state="ended", first_wave=False, due_at=None, ended_at=now), (_changed(bulk, "ended"),))


def _wave_over(bulk: Bulk) -> Change[Bulk]:
    if bulk.pace.pause and bulk.state == "running":
        return Change(replace(bulk, first_wave=False, state="paused"), (_changed(bulk, "paused"),))
    return Change(replace(bulk, first_wave=False))


def pause(bulk: Bulk | None, by: Actor, now: datetime) -> Change[Bulk]:
    bulk = _going(bulk)
    return Change(replace(bulk, state="paused"), (_changed(bulk, "paused", by),), _answer(bulk, "paused"))


def resume(bulk: Bulk | None, by: Actor, now: datetime) -> Change[Bulk]:
    bulk = _going(bulk)
    return Change(
        replace(bulk, state="running", due_at=now), (_changed(bulk, "resumed", by),), _answer(bulk, "running")
    )


def stop(bulk: Bulk | None, by: Actor, now: datetime) -> Change[Bulk]:
    """Who was invited stays invited; nobody else is. A reminder under way ends as well, also when all were asked."""
    bulk = known(bulk)
    reminder = replace(bulk.reminding, ended_at=now) if bulk.reminding else bulk.reminder
    if bulk.reminding and bulk.state in ("stopped", "ended"):
        quiet = replace(bulk, reminder=reminder)
        return Change(quiet, (_changed(bulk, "reminder_stopped", by),), _answer(bulk, bulk.state))
    bulk = _going(bulk)
    stopped = replace(bulk, state="stopped", due_at=None, ended_at=now, reminder=reminder)
    return Change(stopped, (_changed(bulk, "stopped", by),), _answer(bulk, "stopped"))


def remind(bulk: Bulk | None, by: Actor, now: datetime) -> Change[Bulk]:
    bulk = known(bulk)
    if bulk.state == "draft" or not bulk.asked:
        raise Refused("bulk_nobody", "Nobody has been invited by this bulk switch yet.")
    if bulk.reminding:
        raise Refused("bulk_reminding", "A reminder is on its way already; wait until it has ended.")
    number = bulk.reminder.number + 1 if bulk.reminder else 1
    reminded = replace(bulk, reminder=Reminder(number=number, by=by, begun_at=now, due_at=now))
    return Change(reminded, (_changed(bulk, "reminded", by),), {"bulk": bulk.id, "reminder": number})


def reminded(bulk: Bulk | None, number: int, start: int, end: int, sent: int, now: datetime) -> Change[Bulk] | None:
    reminder = bulk.reminding if bulk else None
    if bulk is None or reminder is None or (reminder.number, reminder.place) != (number, start):
        return None
    moved = replace(
        reminder,
        place=end,
        sent=reminder.sent + sent,
        due_at=now + bulk.pace.span(sent),
        ended_at=now if end >= bulk.place else None,
    )
    return Change(replace(bulk, reminder=moved))


def known(bulk: Bulk | None) -> Bulk:
    if bulk is None:
        raise unknown()
    return bulk


def unknown() -> Refused:
    return Refused("bulk_unknown", "There is no such bulk switch, or it was long ago.", status=404)


def _going(bulk: Bulk | None) -> Bulk:
    bulk = known(bulk)
    if bulk.state == "draft":
        raise Refused("bulk_draft", "This bulk switch has not begun yet.")
    if bulk.state in ("stopped", "ended"):
        raise Refused("bulk_ended", "This bulk switch has ended; nobody else is asked.")
    return bulk


def _answer(bulk: Bulk, state: State) -> Mapping[str, str]:
    return {"bulk": bulk.id, "state": state}


def _changed(bulk: Bulk, what: str, by: Actor | None = None) -> BulkSwitchChanged:
    return BulkSwitchChanged(customer=BULK_KEY, bulk=bulk.id, name=bulk.name, change=what, by=by)


def asking_due(bulk: Bulk) -> datetime | None:
    return bulk.due_at if bulk.state == "running" else None


def reminding_due(bulk: Bulk) -> datetime | None:
    return bulk.reminding.due_at if bulk.reminding else None
