"""Rules of a bulk operation: the same work for many rows, each once, at a pace. Its rows lie in parts.

A bulk switch asks the customers of a file, first a few, then the rest; a selection sends the invitations that somebody
ticked on a page again, or cancels them, at once. What becomes of a row later (invited, opened, completed) is said by
its customer; here stands only whether it was done.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal, TypeVar

from shared.contracts.events import Actor, BulkSwitchBegun, BulkSwitchChanged, Event
from shared.domain.rules import Change, Refused, Rule

T = TypeVar("T")

BULK_KEY = "bulk-switches"
"""The key of these events, which concern no customer alone."""
MOST, ROWS_IN_PART = 10_000, 200
MOST_SELECTED = ROWS_IN_PART
DONE = "done"
DRAFT_KEPT = timedelta(days=1)
STEP_SECONDS = 10
"""How far apart two steps are, about, whatever the pace."""
MOST_IN_STEP = 20
"""Rows between two looks of whoever watches; a crash repeats at most these, and each of them counts once."""

Kind = Literal["switch", "resend", "cancel"]
State = Literal["draft", "running", "paused", "stopped", "ended"]
KEPT: Mapping[Kind, timedelta] = {
    "switch": timedelta(days=400),
    "resend": timedelta(days=30),
    "cancel": timedelta(days=30),
}


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a row cannot be asked. `code`: of the API, `message`: an English sentence (of a catalog)."""

    code: str
    message: str
    field: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A line of the file, or an invitation that was ticked."""

    line: int
    customer: str
    email: str
    name: str = ""
    locale: str = "en"
    reference: str | None = None
    problem: Problem | None = None
    outcome: str | None = None
    """None while it waits, `done`, or the code of why it was refused."""
    switch: int | None = None
    """The switch that was ticked, or that came of asking."""

    @property
    def waiting(self) -> bool:
        return self.problem is None and self.outcome is None


@dataclass(frozen=True, slots=True)
class RowOutcome:
    code: str
    switch: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Rows `number * ROWS_IN_PART` and following of an operation."""

    operation: str
    number: int
    rows: tuple[Row, ...]
    forget_at: datetime


@dataclass(frozen=True, slots=True)
class Pace:
    per_minute: int | None = 60
    """Rows a minute; None for all at once."""
    first: int = 10
    """Rows of the first wave; 0 for no waves."""
    pause: bool = True
    """Whether the rest waits after the first wave until somebody goes on."""

    @property
    def step(self) -> int:
        rows = MOST_IN_STEP if self.per_minute is None else self.per_minute * STEP_SECONDS // 60
        return max(1, min(MOST_IN_STEP, rows))

    def span(self, rows: int) -> timedelta:
        return timedelta(seconds=rows * 60 / self.per_minute) if self.per_minute else timedelta(0)


AT_ONCE = Pace(per_minute=None, first=0)


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
class BulkOperation:
    id: str
    kind: Kind
    by: Actor
    """Who brought it, then who began it."""
    count: int
    problems: int
    """Rows that the check found cannot be asked."""
    created_at: datetime
    forget_at: datetime
    name: str = ""
    state: State = "draft"
    pace: Pace = Pace()
    begun_at: datetime | None = None
    due_at: datetime | None = None
    first_wave: bool = False
    place: int = 0
    """The next row to be done."""
    done: int = 0
    """Of the rows before `place`; the same for `refused`."""
    refused: int = 0
    ended_at: datetime | None = None
    reminder: Reminder | None = None
    digest: str = ""
    """Of the command that brought it, where its id is made of that command's key."""

    @property
    def parts(self) -> int:
        return -(-self.count // ROWS_IN_PART)

    @property
    def good(self) -> int:
        return self.count - self.problems

    @property
    def settled(self) -> int:
        return self.done + self.refused

    @property
    def waiting(self) -> int:
        return self.good - self.settled

    @property
    def reminding(self) -> Reminder | None:
        return self.reminder if self.reminder and self.reminder.ended_at is None else None

    @property
    def most_now(self) -> int:
        """Rows of the next step: by the pace, and of the first wave no more than are left of it."""
        left = self.pace.first - self.settled if self.first_wave else self.waiting
        return max(1, min(self.pace.step, left))


def draft(
    id: str, *, kind: Kind, rows: Sequence[Row], by: Actor, now: datetime, name: str = "", digest: str = ""
) -> BulkOperation:
    return BulkOperation(
        id=id,
        kind=kind,
        name=name,
        by=by,
        count=len(rows),
        problems=sum(row.problem is not None for row in rows),
        created_at=now,
        forget_at=now + DRAFT_KEPT,
        digest=digest,
    )


def begun(operation: BulkOperation, pace: Pace, by: Actor, now: datetime) -> BulkOperation:
    running = replace(
        operation,
        state="running",
        pace=pace,
        by=by,
        begun_at=now,
        due_at=now,
        first_wave=pace.first > 0,
        forget_at=now + KEPT[operation.kind],
    )
    return running if running.waiting else _over(running, now)


def kept(there: T | None, new: T, now: datetime) -> Change[T] | None:
    """Of what is sent twice, the first stays."""
    return None if there else Change(new)


def kept_longer(part: Part | None, now: datetime) -> Change[Part] | None:
    """Of a bulk switch that begins: until then a part is kept a little longer than its draft."""
    return Change(replace(part, forget_at=now + KEPT["switch"])) if part else None


# --- commands to a bulk switch -----------------------------------------------------------------------------------


def begin(operation: BulkOperation | None, pace: Pace, by: Actor, now: datetime) -> Change[BulkOperation]:
    operation = known(operation)
    if operation.state != "draft":
        raise Refused("bulk_begun", "This bulk switch has begun already.")
    if not operation.good:
        raise Refused("bulk_empty", "No row of the file can be asked; correct the file and send it again.")
    event = BulkSwitchBegun(customer=BULK_KEY, bulk=operation.id, name=operation.name, count=operation.good, by=by)
    return Change(begun(operation, pace, by, now), (event,), {"bulk": operation.id})


def pause(operation: BulkOperation | None, by: Actor, now: datetime) -> Change[BulkOperation]:
    return _changed(replace(_going(operation), state="paused"), "paused", by)


def resume(operation: BulkOperation | None, by: Actor, now: datetime) -> Change[BulkOperation]:
    return _changed(replace(_going(operation), state="running", due_at=now), "resumed", by)


def stop(operation: BulkOperation | None, by: Actor, now: datetime) -> Change[BulkOperation]:
    """Who was invited stays invited; nobody else is. A reminder under way ends as well, also when all were asked."""
    operation = known(operation)
    if operation.reminding:
        over = operation.state in ("stopped", "ended")
        operation = replace(operation, reminder=replace(operation.reminding, ended_at=now))
        if over:
            return _changed(operation, "reminder_stopped", by)
    return _changed(replace(_going(operation), state="stopped", ended_at=now), "stopped", by)


def remind(operation: BulkOperation | None, by: Actor, now: datetime) -> Change[BulkOperation]:
    operation = known(operation)
    if not operation.done:
        raise Refused("bulk_nobody", "Nobody has been invited by this bulk switch yet.")
    if operation.reminding:
        raise Refused("bulk_reminding", "A reminder is on its way already; wait until it has ended.")
    number = operation.reminder.number + 1 if operation.reminder else 1
    reminder = Reminder(number=number, by=by, begun_at=now, due_at=now)
    answer = {"bulk": operation.id, "reminder": number}
    return Change(replace(operation, reminder=reminder), _said(operation, "reminded", by), answer)


COMMANDS: Mapping[str, Rule[BulkOperation, Actor]] = {
    "pause": pause,
    "resume": resume,
    "stop": stop,
    "remind": remind,
}


def unknown() -> Refused:
    return Refused("bulk_unknown", "There is no such bulk switch, or it was long ago.", status=404)


def known(operation: BulkOperation | None) -> BulkOperation:
    """Only a bulk switch is commanded; a selection is done at once."""
    if operation is None or operation.kind != "switch":
        raise unknown()
    return operation


def _going(operation: BulkOperation | None) -> BulkOperation:
    operation = known(operation)
    if operation.state == "draft":
        raise Refused("bulk_draft", "This bulk switch has not begun yet.")
    if operation.state in ("stopped", "ended"):
        raise Refused("bulk_ended", "This bulk switch has ended; nobody else is asked.")
    return operation


def _changed(operation: BulkOperation, what: str, by: Actor) -> Change[BulkOperation]:
    return Change(operation, _said(operation, what, by), {"bulk": operation.id, "state": operation.state})


def _said(operation: BulkOperation, what: str, by: Actor | None = None) -> tuple[Event, ...]:
    """A selection says nothing of itself: its customers do."""
    if operation.kind != "switch":
        return ()
    return (BulkSwitchChanged(customer=BULK_KEY, bulk=operation.id, name=operation.name, change=what, by=by),)


# --- what became of rows -----------------------------------------------------------------------------------------


def due(operation: BulkOperation) -> datetime | None:
    """When the next rows are looked at, to be done or to be reminded."""
    doing = operation.due_at if operation.state == "running" else None
    reminding = operation.reminding.due_at if operation.reminding else None
    return min(filter(None, (doing, reminding)), default=None)


def next_rows(part: Part, start: int, end: int, most: int) -> tuple[int, list[int]]:
    """Of the rows from `start` to `end` those of this part that are looked at now, by their place in it, and the place
    in the operation where it goes on."""
    first = part.number * ROWS_IN_PART
    end = min(end, first + len(part.rows))
    good = [at for at in range(start - first, end - first) if part.rows[at].problem is None]
    return (first + good[most] if len(good) > most else end), good[:most]


def settled(part: Part | None, outcomes: Mapping[int, RowOutcome], now: datetime) -> Change[Part] | None:
    """Takes in what became of some rows of a part, by their place in it; the first outcome of a row stays."""
    if part is None:
        return None
    rows = tuple(
        replace(row, outcome=outcomes[at].code, switch=outcomes[at].switch) if at in outcomes and row.waiting else row
        for at, row in enumerate(part.rows)
    )
    return Change(replace(part, rows=rows))


def advanced(
    operation: BulkOperation | None, start: int, end: int, outcomes: Sequence[RowOutcome], now: datetime
) -> Change[BulkOperation] | None:
    """The rows from `start` to `end` are done. Counts whatever somebody said meanwhile: they were asked."""
    if operation is None or operation.place != start or operation.state in ("draft", "ended"):
        return None
    done = sum(outcome.code == DONE for outcome in outcomes)
    moved = replace(
        operation,
        place=end,
        done=operation.done + done,
        refused=operation.refused + len(outcomes) - done,
        due_at=now + operation.pace.span(len(outcomes)),
    )
    if not moved.waiting and moved.state != "stopped":
        return Change(_over(moved, now), _said(moved, "ended"))
    if not moved.first_wave or moved.settled < moved.pace.first:
        return Change(moved)
    if moved.pace.pause and moved.state == "running":
        return Change(replace(moved, first_wave=False, state="paused"), _said(moved, "paused"))
    return Change(replace(moved, first_wave=False))


def _over(operation: BulkOperation, now: datetime) -> BulkOperation:
    return replace(operation, state="ended", first_wave=False, ended_at=now)


def reminded(
    operation: BulkOperation | None, reminder: Reminder, end: int, sent: int, now: datetime
) -> Change[BulkOperation] | None:
    """The rows from the reminder's place to `end` were looked at, unless it was stopped or went on meanwhile."""
    if operation is None or operation.reminding != reminder:
        return None
    moved = replace(
        reminder,
        place=end,
        sent=reminder.sent + sent,
        due_at=now + operation.pace.span(sent),
        ended_at=now if end >= operation.place else None,
    )
    return Change(replace(operation, reminder=moved))
