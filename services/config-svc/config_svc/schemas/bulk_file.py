"""The file of a bulk switch: CSV (comma or semicolon) or rows of JSON, every line checked before anybody is asked."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from config_svc.domain import switches
from config_svc.domain.bulk_operations import MOST, Problem, Row
from config_svc.domain.model import Customer, SwitchTerms
from config_svc.schemas.customers import EMAIL_TEXT, ID_TEXT, SwitchBody, customer_id, field_of, message_of
from shared.domain.rules import Refused
from shared.i18n.marks import N_

COLUMNS = ("customer", "admin_email", "admin_name", "locale", "reference")
NEEDED = COLUMNS[:2]
NAMES: Mapping[str, str] = {
    "id": "customer",
    "customer_id": "customer",
    "email": "admin_email",
    "name": "admin_name",
    "language": "locale",
}
"""Other names of columns that people write."""
LONGEST = 320
MOST_COLUMNS, LONGEST_HEADING, MOST_LINES = 100, 10_000, 10 * MOST
TWICE = N_("This customer stands in an earlier line already.")
UNREADABLE = N_("This line has more cells than the heading.")


@dataclass(frozen=True, slots=True)
class Line:
    """A line as it was sent. `extra`: it has cells that no column names."""

    number: int
    values: Mapping[str, str]
    extra: bool = False


def read_csv(body: bytes) -> list[Line]:
    """Raises: Refused (422), where the file as a whole cannot be read; it says what is wanted."""
    text = _text(body)
    first = text[:LONGEST_HEADING].partition("\n")[0]
    delimiter = max((",", ";", "\t"), key=first.count)
    if first.count(delimiter) > MOST_COLUMNS or len(first) == LONGEST_HEADING:
        raise Refused("bulk_heading", f"The first line is no heading of at most {MOST_COLUMNS} columns.", status=422)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        heading = [_column(name) for name in next(reader, [])]
        if missing := [name for name in NEEDED if name not in heading]:
            raise Refused(
                "bulk_heading",
                f"The first line must name the columns {', '.join(NEEDED)} (and may name "
                f"{', '.join(COLUMNS[2:])}); {', '.join(missing)} is missing.",
                status=422,
            )
        if twice := [name for name in COLUMNS if heading.count(name) > 1]:
            raise Refused(
                "bulk_heading",
                f"The first line names {', '.join(twice)} twice (also by another name); leave one of the columns out.",
                status=422,
            )
        return bounded(
            Line(reader.line_num, dict(zip(heading, cells, strict=False)), any(cells[len(heading) :]))
            for cells in _some(reader)
            if any(cell.strip() for cell in cells)
        )
    except csv.Error as error:
        raise Refused("bulk_csv", f"Line {reader.line_num} is not CSV ({error}).", status=422) from None


def _some(reader: Any) -> Iterator[list[str]]:
    """Its lines, empty ones too, but no more than a file of this kind may have."""
    for cells in reader:
        if reader.line_num > MOST_LINES:
            raise Refused(
                "bulk_too_long",
                f"The file has more than {MOST_LINES} lines; leave empty ones out, or split it.",
                status=422,
            )
        yield cells


def _text(body: bytes) -> str:
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Refused(
            "bulk_encoding", f"The file is not UTF-8 (byte {error.start}); save it as CSV UTF-8.", status=422
        ) from None


def _column(name: str) -> str:
    plain = name.strip().lower().replace(" ", "_")
    return NAMES.get(plain, plain)


def bounded(lines: Iterable[Line]) -> list[Line]:
    kept: list[Line] = []
    for line in lines:
        kept.append(line)
        if len(kept) > MOST:
            raise Refused("bulk_too_long", f"A bulk switch may have {MOST} customers at most; split it.", status=422)
    if not kept:
        raise Refused(
            "bulk_empty", "There is no customer in it; send a heading and a line for each customer.", status=422
        )
    return kept


def rows_of(lines: Sequence[Line]) -> list[Row]:
    """Each line as a row; what is wrong with it by itself is its problem."""
    seen: set[str] = set()
    return [_row(line, seen) for line in lines]


def _row(line: Line, seen: set[str]) -> Row:
    values = {name: (line.values.get(name) or "").strip()[:LONGEST] for name in COLUMNS}
    row = Row(
        line=line.number,
        customer=values["customer"],
        email=values["admin_email"],
        name=values["admin_name"],
        locale=values["locale"] or "en",
        reference=values["reference"] or None,
    )
    problem = next(_flaws(line, row, seen), None)
    seen.add(row.customer)
    if problem:
        return replace(row, problem=problem)
    body = body_of(row)
    return replace(row, email=str(body.admin_email), name=body.admin_name, reference=body.reference)


def _flaws(line: Line, row: Row, seen: set[str]) -> Iterator[Problem]:
    if line.extra:
        yield Problem("invalid", UNREADABLE)
    try:
        customer_id(row.customer)
    except ValueError:
        yield Problem("invalid", ID_TEXT, "customer")
    if row.customer in seen:
        yield Problem("bulk_twice", TWICE, "customer")
    if not row.email:
        yield Problem("invalid", EMAIL_TEXT, "admin_email")
    try:
        body_of(row)
    except ValidationError as error:
        wrong = error.errors(include_input=False, include_url=False, include_context=False)[0]
        yield Problem("invalid", message_of(wrong), field_of(wrong))


def body_of(row: Row) -> SwitchBody:
    return SwitchBody(
        to="token", admin_email=row.email, admin_name=row.name, locale=row.locale, reference=row.reference
    )


def checked(rows: Iterable[Row], customers: Mapping[str, Customer], asked: SwitchTerms, now: datetime) -> list[Row]:
    """What speaks against a row today, by the rule that will be asked: found before anybody is invited."""
    return [row if row.problem else replace(row, problem=_refusal(row, customers, asked, now)) for row in rows]


def _refusal(row: Row, customers: Mapping[str, Customer], asked: SwitchTerms, now: datetime) -> Problem | None:
    try:
        switches.request(customers.get(row.customer), replace(asked, invitee=body_of(row).invitee), now)
    except Refused as error:
        return Problem(error.code, error.detail, error.field or "customer")
    return None
