"""Bulk switches: check a file, begin, look, pause, go on, stop, remind; the result as rows or CSV."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from config_svc.api import examples
from config_svc.api.dependencies import IdempotentCommand, Operator, Viewer, WantsCsv
from config_svc.api.problems import problems
from config_svc.application import App
from config_svc.domain.bulk_operations import Row
from config_svc.queries import csv_export
from config_svc.schemas import bulk_file, bulk_operations
from config_svc.schemas.bulk_operations import (
    BulkBody,
    BulkRows,
    BulkRowView,
    BulkSwitchAccepted,
    BulkSwitchChanged,
    BulkSwitches,
    BulkSwitchView,
    BulkTerms,
    CheckBody,
    CheckView,
    LineProblem,
    ReminderAccepted,
    RowState,
)
from shared.domain.rules import Refused
from shared.http.idempotency import action_key
from shared.http.pagination import Limit
from shared.http.problems import Strict, problem

B = TypeVar("B", bound=Strict)
LARGEST, LARGEST_JSON = 8_000_000, 4_000_000
MOST_FAULTS = 1000
"""So many faults of a body are looked at; each is an object of its own, and a body may have a million."""
PATHS = ("/bulk-switches", "/bulk-switches/check")
BulkId = Annotated[str, Path(pattern=r"^[0-9a-f]{40}$", description="As the bulk switch was answered with.")]
States = Annotated[list[RowState], Query(description="Only rows in these states.")]
Place = Annotated[int, Query(ge=0, le=100_000, description="`next` of the page before.")]
PerMinute = Annotated[int, Query(ge=1, le=600)]
CSV = "customer,admin_email,admin_name,locale,reference\ncontoso,admin@contoso.example,Avery Admin,de,TICKET-17\n"
BULK = "0" * 40
CHECKED = CheckView(
    rows=2,
    good=1,
    problems=(
        LineProblem(
            line=3,
            customer="fabrikam",
            code="switch_running",
            detail="Switch 1 is still running; cancel or resend it.",
            field="customer",
        ),
    ),
)


def _body(model: type[Strict], example: Mapping[str, Any]) -> dict[str, Any]:
    """Either kind of body, for the OpenAPI document; the row's schema stands where it is used."""
    schema = model.model_json_schema()
    row = schema.pop("$defs")["RowBody"]
    schema["properties"]["rows"]["items"] = row
    return {
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": schema, "example": example},
                "text/csv": {"schema": {"type": "string"}, "example": CSV},
            },
        }
    }


def _taken(example: BulkSwitchAccepted) -> examples.Responses:
    return examples.answer(example, "Taken.", status=202)


def _command(example: BulkSwitchAccepted) -> dict[str, Any]:
    """What the commands to a bulk switch have in common."""
    return {
        "status_code": 202,
        "description": "Role: operator. Codes: `bulk_unknown`, `bulk_draft`, `bulk_ended`, `bulk_nobody`, "
        "`bulk_reminding`.",
        "responses": _taken(example) | problems(400, 404, 409),
    }


CHANGED = BulkSwitchChanged(bulk=BULK, state="paused")
router = APIRouter(tags=["Bulk switch"])


@router.post(
    "/bulk-switches/check",
    summary="Check a whole file; nobody is asked and nothing is kept",
    responses=examples.answer(CHECKED, "Taken.") | problems(415, 422),
    openapi_extra=_body(CheckBody, {"rows": bulk_operations.EXAMPLE["rows"]}),
)
async def post_check(request: Request, by: Operator, app: App) -> CheckView:
    """Role: operator. Every problem by line: of the line itself, and what the switch would be refused for."""
    body = await request.body()
    csv = _is_csv(request)
    lines = await asyncio.to_thread(bulk_file.read_csv, body) if csv else _json(CheckBody, body).lines
    return CheckView.of(await app.bulk_operations.check(lines, by))


@router.post(
    "/bulk-switches",
    status_code=202,
    summary="Begin a bulk switch",
    response_model=BulkSwitchAccepted,
    responses=_taken(BulkSwitchAccepted(bulk=BULK)) | problems(400, 409, 415, 422),
    openapi_extra=_body(BulkBody, bulk_operations.EXAMPLE),
)
async def post_bulk(
    request: Request,
    by: Operator,
    app: App,
    command: IdempotentCommand,
    name: Annotated[str, Query(max_length=100, description="With CSV; in JSON it stands in the body.")] = "",
    per_minute: PerMinute = 60,
    first: Annotated[int, Query(ge=0, le=10_000)] = 10,
    pause_after_first: bool = True,
    skip_problems: bool = False,
) -> BulkSwitchAccepted | Response:
    """Role: operator. 10,000 rows at most. The same Idempotency-Key is the same bulk switch, however often it is
    sent; it goes on by itself. Codes: `bulk_problems` (with all of them, nobody was asked), `bulk_heading`,
    `bulk_csv`, `bulk_encoding`, `bulk_empty`, `bulk_too_long`."""
    if _is_csv(request):
        lines = await asyncio.to_thread(bulk_file.read_csv, await request.body())
        query = {
            "name": name,
            "per_minute": per_minute,
            "first": first,
            "pause_after_first": pause_after_first,
            "skip_problems": skip_problems,
        }
        terms = _json(BulkTerms, json.dumps(query).encode())
    else:
        terms = body = _json(BulkBody, await request.body())
        lines = body.lines
    id = action_key(by.id, "bulk", command.key)
    rows = await app.bulk_operations.take(id, lines, terms, by, command)
    return _refused(rows) if rows else BulkSwitchAccepted(bulk=id)


@router.get(
    "/bulk-switches",
    summary="The newest bulk switches",
    responses=examples.answer(BulkSwitches(items=(examples.bulk_switch(),))) | problems(422),
)
async def list_bulks(by: Viewer, app: App, limit: Limit = 50) -> BulkSwitches:
    """Role: viewer. Without numbers by state; those stand at each one."""
    newest = await app.bulk_operations.read.newest(limit)
    return BulkSwitches(items=tuple(BulkSwitchView.of(operation, {}) for operation in newest))


@router.get(
    "/bulk-switches/{id}",
    summary="How far a bulk switch is",
    responses=examples.answer(examples.bulk_switch()) | problems(404),
)
async def get_bulk(id: BulkId, by: Viewer, app: App) -> BulkSwitchView:
    """Role: viewer. `counts` are of all rows as they stand now, and add up to `all`; seconds old at most."""
    operation = await app.bulk_operations.read.bulk_switch(id)
    return BulkSwitchView.of(operation, await app.bulk_operations.read.counts(operation))


@router.get(
    "/bulk-switches/{id}/rows",
    summary="Its rows as they stand now",
    response_model=BulkRows,
    responses=examples.json_or_csv(examples.bulk_rows(), csv_export.BULK_SWITCH) | problems(404, 422),
)
async def get_rows(
    id: BulkId,
    by: Viewer,
    app: App,
    csv: WantsCsv,
    state: States = [],  # noqa: B006
    limit: Limit = 50,
    place: Place = 0,
) -> BulkRows | Response:
    """Role: viewer. A page may be short or empty although there are more rows: go on while `next` is not null.
    Who has not answered: `state=requested&state=invited&state=opened`."""
    read, states = app.bulk_operations.read, frozenset(state)
    operation = await read.bulk_switch(id)
    if csv:
        return csv_export.bulk_switch(read.every(operation, states))
    rows, next = await read.rows(operation, states, place, limit)
    return BulkRows(items=tuple(BulkRowView.of(row) for row in rows), next=next)


@router.post("/bulk-switches/{id}/pause", summary="Ask nobody else for now", **_command(CHANGED))
async def pause_bulk(id: BulkId, by: Operator, command: IdempotentCommand, app: App) -> BulkSwitchChanged:
    return BulkSwitchChanged.model_validate(await app.bulk_operations.command(id, "pause", by, command))


@router.post("/bulk-switches/{id}/resume", summary="Go on", **_command(CHANGED))
async def resume_bulk(id: BulkId, by: Operator, command: IdempotentCommand, app: App) -> BulkSwitchChanged:
    return BulkSwitchChanged.model_validate(await app.bulk_operations.command(id, "resume", by, command))


@router.post("/bulk-switches/{id}/stop", summary="Ask nobody else; who was invited stays invited", **_command(CHANGED))
async def stop_bulk(id: BulkId, by: Operator, command: IdempotentCommand, app: App) -> BulkSwitchChanged:
    return BulkSwitchChanged.model_validate(await app.bulk_operations.command(id, "stop", by, command))


@router.post(
    "/bulk-switches/{id}/remind",
    summary="Send the invitation again to all who have not answered",
    **_command(ReminderAccepted(bulk=BULK, reminder=1)),
)
async def remind_bulk(id: BulkId, by: Operator, command: IdempotentCommand, app: App) -> ReminderAccepted:
    return ReminderAccepted.model_validate(await app.bulk_operations.command(id, "remind", by, command))


def _refused(rows: Sequence[Row]) -> Response:
    check = CheckView.of(rows)
    detail = f"{len(check.problems)} of {len(rows)} rows have problems; correct them, or send skip_problems."
    return problem(422, "bulk_problems", detail, **check.model_dump())


def _is_csv(request: Request) -> bool:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in ("text/csv", "application/json"):
        raise Refused("content_type", "Send text/csv or application/json.", status=415, field="Content-Type")
    return kind == "text/csv"


def _json(model: type[B], body: bytes) -> B:
    if len(body) > LARGEST_JSON:
        raise Refused(
            "too_large", f"The body is larger than {LARGEST_JSON} bytes; send it as CSV, or in parts.", status=413
        )
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        if error.error_count() > MOST_FAULTS:
            raise Refused(
                "invalid",
                f"{error.error_count()} things are wrong with this body; compare one row with the API's description.",
                status=422,
            ) from None
        found = error.errors(include_input=False, include_url=False)
        raise RequestValidationError([_in_body(wrong) for wrong in found]) from None


def _in_body(wrong: ErrorDetails) -> dict[str, Any]:
    return {**wrong, "loc": ("body", *wrong["loc"])}
