"""What programs may send for a bulk switch, as JSON; and how bulk switches and their rows are shown to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field

from config_svc.domain.bulk_operations import MOST, BulkOperation, Pace, Reminder, Row, State
from config_svc.domain.model import Customer
from config_svc.schemas.bulk_file import Line
from config_svc.schemas.customers import Name
from config_svc.schemas.views import API, View
from shared.contracts.events import Actor
from shared.http.problems import Strict

PER_MINUTE = Annotated[int, Field(ge=1, le=600, strict=True)]
FIRST = Annotated[int, Field(ge=0, le=MOST, strict=True)]
EXAMPLE: Any = {
    "name": "Autumn",
    "per_minute": 60,
    "first": 10,
    "pause_after_first": True,
    "skip_problems": False,
    "rows": [
        {
            "customer": "contoso",
            "admin_email": "admin@contoso.example",
            "admin_name": "Avery Admin",
            "locale": "de",
            "reference": "TICKET-17",
        }
    ],
}
RowState = Literal[
    "problem",
    "waiting",
    "refused",
    "requested",
    "invited",
    "opened",
    "authenticating",
    "completed",
    "cancelled",
    "expired",
    "failed",
    "replaced",
]
Counts = Mapping[str, int]
"""All rows by their state now; they add up to `all`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A row as it stands now. `state`: `problem`, `waiting`, `refused`, a switch's state, or `replaced` by another."""

    place: int
    row: Row
    state: str
    customer: Customer | None


class RowBody(Strict):
    """One customer. Its fields are checked together with all others, so that every problem is named at once."""

    customer: str = ""
    admin_email: str = ""
    admin_name: str = ""
    locale: str = ""
    reference: str | None = None


class CheckBody(Strict):
    """Rows to look at; nothing is kept."""

    rows: Annotated[tuple[RowBody, ...], Field(min_length=1, max_length=MOST)]

    model_config = ConfigDict(json_schema_extra={"examples": [{"rows": EXAMPLE["rows"]}]})

    @property
    def lines(self) -> list[Line]:
        return [Line(number, _texts(row)) for number, row in enumerate(self.rows, 1)]


class PaceBody(Strict):
    """How fast. `first`: rows of the first wave (0: no waves); after it the rest waits for `resume`, or goes on."""

    per_minute: PER_MINUTE = 60
    first: FIRST = 10
    pause_after_first: Annotated[bool, Field(strict=True)] = True

    @property
    def pace(self) -> Pace:
        return Pace(self.per_minute, self.first, self.pause_after_first)


class BulkTerms(PaceBody):
    """With `skip_problems` the good rows are asked and the others listed as problems."""

    name: Name
    skip_problems: Annotated[bool, Field(strict=True)] = False


class BulkBody(BulkTerms, CheckBody):
    """A bulk switch to token. With `skip_problems` the good rows are asked and the others listed as problems."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})


def _texts(row: RowBody) -> Mapping[str, str]:
    return {name: value or "" for name, value in row.model_dump().items()}


class LineProblem(View):
    """Why a line cannot be asked: by itself, or what the switch would be refused for."""

    line: int
    customer: str
    code: str
    detail: str
    field: str | None


class CheckView(View):
    """What a check found: all problems by line."""

    rows: int
    good: int
    problems: tuple[LineProblem, ...]

    @classmethod
    def of(cls, rows: Sequence[Row]) -> Self:
        problems = tuple(
            LineProblem(
                line=row.line,
                customer=row.customer,
                code=row.problem.code,
                detail=row.problem.message,
                field=row.problem.field,
            )
            for row in rows
            if row.problem
        )
        return cls(rows=len(rows), good=len(rows) - len(problems), problems=problems)


class ReminderView(View):
    """One round through all rows; who has not answered gets the invitation again."""

    number: int
    by: str
    begun_at: datetime
    ended_at: datetime | None
    sent: int

    @classmethod
    def of(cls, reminder: Reminder) -> Self:
        return cls._made(reminder, by=_person(reminder.by))


class BulkSwitchLinks(View):
    """Addresses below this host."""

    self: str
    rows: str
    page: str

    @classmethod
    def of(cls, id: str) -> Self:
        here = f"{API}/bulk-switches/{id}"
        return cls(self=here, rows=f"{here}/rows", page=f"/bulk-switches/{id}")


class BulkSwitchView(View):
    """How far a bulk switch is."""

    id: str
    name: str
    state: State
    by: str
    created_at: datetime
    begun_at: datetime | None
    ended_at: datetime | None
    per_minute: int
    first: int
    """Rows of the first wave; 0 for no waves."""
    pause_after_first: bool
    first_wave: bool
    """Whether its first wave is asked now."""
    counts: dict[str, int]
    """All rows by their state now; they add up to `all`. Empty in a list."""
    reminder: ReminderView | None
    links: BulkSwitchLinks

    @classmethod
    def of(cls, operation: BulkOperation, counts: Counts) -> Self:
        return cls._made(
            operation,
            by=_person(operation.by),
            per_minute=operation.pace.per_minute,
            first=operation.pace.first,
            pause_after_first=operation.pace.pause,
            counts=counts,
            reminder=ReminderView.of(operation.reminder) if operation.reminder else None,
            links=BulkSwitchLinks.of(operation.id),
        )


class BulkSwitches(View):
    """The newest bulk switches."""

    items: tuple[BulkSwitchView, ...]


class BulkRowView(View):
    """A row as it stands now."""

    line: int
    customer: str
    customer_name: str | None
    admin_email: str
    admin_name: str
    locale: str
    reference: str | None
    state: RowState
    problem: str | None
    """The code of why it was not asked."""
    detail: str | None
    switch: int | None
    state_since: datetime | None

    @classmethod
    def of(cls, shown: Shown) -> Self:
        row, customer = shown.row, shown.customer
        switch = customer.switch if customer and customer.switch and customer.switch.number == row.switch else None
        since = (switch.ended_at or switch.opened_at or switch.invited_at or switch.requested_at) if switch else None
        refused = row.outcome if shown.state == "refused" else None
        return cls._made(
            row,
            customer_name=customer.name if customer else None,
            admin_email=row.email,
            admin_name=row.name,
            state=shown.state,
            problem=row.problem.code if row.problem else refused,
            detail=row.problem.message if row.problem else None,
            state_since=since,
        )


class BulkRows(View):
    """A page of rows."""

    items: tuple[BulkRowView, ...]
    next: int | None
    """The `place` of the next page; null on the last one."""


class BulkSwitchAccepted(View):
    """Which bulk switch it is."""

    bulk: str


class BulkSwitchChanged(BulkSwitchAccepted):
    """What state it is in now."""

    state: State


class ReminderAccepted(BulkSwitchAccepted):
    """`reminder`: the number of the reminder."""

    reminder: int


def _person(actor: Actor) -> str:
    return actor.name or actor.email or actor.id
