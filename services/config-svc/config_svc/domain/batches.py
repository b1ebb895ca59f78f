"""Rules of a batch: one action for several invitations, each row with an outcome of its own. It ends once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from shared.contracts.events import Actor
from shared.domain.rules import Change

Action = Literal["resend", "cancel"]
ACTIONS: tuple[Action, ...] = ("resend", "cancel")
MOST = 200
DONE = "done"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One invitation. `outcome`: None while it waits, `done`, or the code of why it was refused."""

    customer: str
    switch: int
    name: str
    invitee: str
    outcome: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    id: str
    action: Action
    by: Actor
    rows: tuple[Row, ...]
    begun_at: datetime
    ended_at: datetime | None = None

    @property
    def waiting(self) -> tuple[int, ...]:
        """The places of the rows that still wait."""
        return tuple(place for place, row in enumerate(self.rows) if row.outcome is None)


def begin(
    batch: Batch | None, id: str, action: Action, rows: tuple[Row, ...], by: Actor, now: datetime
) -> Change[Batch] | None:
    """The same form sent twice is one batch."""
    return (
        None
        if batch
        else Change(Batch(id=id, action=action, by=by, rows=rows[:MOST], begun_at=now, ended_at=None if rows else now))
    )


def settle(batch: Batch | None, outcomes: Mapping[int, str], now: datetime) -> Change[Batch] | None:
    """Takes in what became of some rows; the first outcome of a row stays."""
    if batch is None or batch.ended_at:
        return None
    rows = tuple(
        replace(row, outcome=outcomes[place]) if row.outcome is None and place in outcomes else row
        for place, row in enumerate(batch.rows)
    )
    settled = replace(batch, rows=rows)
    return Change(settled if settled.waiting else replace(settled, ended_at=now))


def deadline(batch: Batch) -> datetime | None:
    """A batch is due until all its rows have an outcome."""
    return None if batch.ended_at else batch.begun_at
