"""What programs may send for a bulk switch, as JSON; and how bulk switches and their rows are shown to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import ConfigDict, Field

from config_svc.domain.bulk_operations import MOST, BulkOperation, Pace, Row
from config_svc.domain.model import Customer
from config_svc.schemas.bulk_file import Line
from config_svc.schemas.customers import Name
from config_svc.schemas.views import API
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
CELLS = (
    "line",
    "customer",
    "customer_name",
    "admin_email",
    "admin_name",
    "locale",
    "reference",
    "state",
    "problem",
    "detail",
    "switch",
    "state_since",
)


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


class BulkBody(PaceBody, CheckBody):
    """A bulk switch to token. With `skip_problems` the good rows are asked and the others listed as problems."""

    name: Name
    skip_problems: Annotated[bool, Field(strict=True)] = False

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})


def _texts(row: RowBody) -> Mapping[str, str]:
    return {name: value or "" for name, value in row.model_dump().items()}


def problem_of(row: Row) -> dict[str, Any] | None:
    found = row.problem
    return {"code": found.code, "detail": found.message, "field": found.field} if found else None


def checked(rows: Sequence[Row]) -> dict[str, Any]:
    """What a check found: all problems by line."""
    wrong = [{"line": row.line, "customer": row.customer, **(problem_of(row) or {})} for row in rows if row.problem]
    return {"rows": len(rows), "good": len(rows) - len(wrong), "problems": wrong}


def bulk(operation: BulkOperation, counts: Counts) -> dict[str, Any]:
    reminder = operation.reminder
    return {
        "id": operation.id,
        "name": operation.name,
        "state": operation.state,
        "by": _person(operation.by),
        "created_at": operation.created_at,
        "begun_at": operation.begun_at,
        "ended_at": operation.ended_at,
        "per_minute": operation.pace.per_minute,
        "first": operation.pace.first,
        "pause_after_first": operation.pace.pause,
        "first_wave": operation.first_wave,
        "counts": dict(counts),
        "reminder": {
            "number": reminder.number,
            "by": _person(reminder.by),
            "begun_at": reminder.begun_at,
            "ended_at": reminder.ended_at,
            "sent": reminder.sent,
        }
        if reminder
        else None,
        "links": {
            "self": f"{API}/bulk-switches/{operation.id}",
            "rows": f"{API}/bulk-switches/{operation.id}/rows",
            "page": f"/bulk-switches/{operation.id}",
        },
    }


def _person(actor: Actor) -> str:
    return actor.name or actor.email or actor.id


def row(shown: Shown) -> dict[str, Any]:
    """A row as it stands now. `problem`: the code of why it was not asked."""
    line, customer = shown.row, shown.customer
    switch = customer.switch if customer and customer.switch and customer.switch.number == line.switch else None
    since = (switch.ended_at or switch.opened_at or switch.invited_at or switch.requested_at) if switch else None
    refused = line.outcome if shown.state == "refused" else None
    return {
        "line": line.line,
        "customer": line.customer,
        "customer_name": customer.name if customer else None,
        "admin_email": line.email,
        "admin_name": line.name,
        "locale": line.locale,
        "reference": line.reference,
        "state": shown.state,
        "problem": line.problem.code if line.problem else refused,
        "detail": line.problem.message if line.problem else None,
        "switch": line.switch,
        "state_since": since,
    }
