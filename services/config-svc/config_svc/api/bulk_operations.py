"""Bulk switches: check a file, begin, look, pause, go on, stop, remind; the result as rows or CSV."""

# No postponed annotations here: FastAPI reads them, and the dependencies in them are local names.

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, TypeVar

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from pydantic_core import ErrorDetails, to_jsonable_python
from starlette.responses import JSONResponse, Response

from config_svc.api import examples
from config_svc.api.common import problems
from config_svc.api.switches import Keyed
from config_svc.application import Application
from config_svc.commands.bulk_operations import BulkCommands
from config_svc.domain.bulk_operations import BulkOperation, Row
from config_svc.queries import csv_export
from config_svc.queries.bulk_operations import BulkReads
from config_svc.schemas import bulk_file, bulk_operations
from config_svc.schemas.bulk_file import Line
from config_svc.schemas.bulk_operations import CELLS, BulkBody, CheckBody
from shared.contracts.events import Actor
from shared.domain.rules import Refused
from shared.http.idempotency import action_key
from shared.http.pagination import Limit
from shared.http.problems import Strict, problem
from shared.identity.bearer import OPERATOR, VIEWER, require
from shared.store.write_plan import Command, reused

B = TypeVar("B", CheckBody, BulkBody)
LARGEST, LARGEST_JSON = 8_000_000, 4_000_000
MOST_FAULTS = 1000
"""So many faults of a body are looked at; each is an object of its own, and a body may have a million."""
PATHS = ("/bulk-switches", "/bulk-switches/check")
BulkId = Annotated[str, Path(pattern=r"^[0-9a-f]{40}$", description="As the bulk switch was answered with.")]
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
States = Annotated[list[RowState], Query(description="Only rows in these states.")]
Place = Annotated[int, Query(ge=0, le=100_000, description="`next` of the page before.")]
PerMinute = Annotated[int, Query(ge=1, le=600)]
CSV = "customer,admin_email,admin_name,locale,reference\ncontoso,admin@contoso.example,Avery Admin,de,TICKET-17\n"
FOUND = {
    "rows": 2,
    "good": 1,
    "problems": [
        {
            "line": 3,
            "customer": "fabrikam",
            "code": "switch_running",
            "detail": "Switch 1 is still running; cancel or resend it.",
            "field": "customer",
        }
    ],
}


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


def router(application: Application) -> APIRouter:
    routes = APIRouter(tags=["Bulk switch"])
    viewer, operator = Depends(require(VIEWER)), Depends(require(OPERATOR))
    commands, read = application.bulk_operations, application.bulk_operations.read

    @routes.post(
        "/bulk-switches/check",
        summary="Check a whole file; nobody is asked and nothing is kept",
        responses={200: _example(FOUND), **problems(415, 422)},
        openapi_extra=_body(CheckBody, {"rows": bulk_operations.EXAMPLE["rows"]}),
    )
    async def post_check(request: Request, by: Annotated[Actor, operator]) -> dict[str, Any]:
        """Role: operator. Every problem by line: of the line itself, and what the switch would be refused for."""
        body = await request.body()
        csv = _is_csv(request)
        lines = await asyncio.to_thread(bulk_file.read_csv, body) if csv else _json(CheckBody, body).lines
        return bulk_operations.checked(await commands.check(lines, by))

    @routes.post(
        "/bulk-switches",
        status_code=202,
        summary="Begin a bulk switch",
        response_model=None,
        responses={202: _example({"bulk": "0" * 40}), **problems(400, 409, 415, 422)},
        openapi_extra=_body(BulkBody, bulk_operations.EXAMPLE),
    )
    async def post_bulk(
        request: Request,
        by: Annotated[Actor, operator],
        command: Keyed,
        name: Annotated[str, Query(max_length=100, description="With CSV; in JSON it stands in the body.")] = "",
        per_minute: PerMinute = 60,
        first: Annotated[int, Query(ge=0, le=10_000)] = 10,
        pause_after_first: bool = True,
        skip_problems: bool = False,
    ) -> Response:
        """Role: operator. 10,000 rows at most. The same Idempotency-Key is the same bulk switch, however often it is
        sent; it goes on by itself. Codes: `bulk_problems` (with all of them, nobody was asked), `bulk_heading`,
        `bulk_csv`, `bulk_encoding`, `bulk_empty`, `bulk_too_long`."""
        if _is_csv(request):
            lines = await asyncio.to_thread(bulk_file.read_csv, await request.body())
            said = {
                "name": name,
                "per_minute": per_minute,
                "first": first,
                "pause_after_first": pause_after_first,
                "skip_problems": skip_problems,
                "rows": [{"customer": "-"}],
            }
            body = _json(BulkBody, json.dumps(said).encode())
        else:
            body = _json(BulkBody, await request.body())
            lines = body.lines
        return await _begun(commands, lines, body, by, command)

    @routes.get(
        "/bulk-switches",
        summary="The newest bulk switches",
        responses={200: examples.answered({"items": [examples.bulk()]}), **problems(422)},
    )
    async def list_bulks(by: Annotated[Actor, viewer], limit: Limit = 50) -> dict[str, Any]:
        """Role: viewer. Without numbers by state; those stand at each one."""
        newest = await read.newest(limit)
        return {"items": [to_jsonable_python(bulk_operations.bulk(operation, {})) for operation in newest]}

    @routes.get(
        "/bulk-switches/{id}",
        summary="How far a bulk switch is",
        responses={200: examples.answered(examples.bulk()), **problems(404)},
    )
    async def get_bulk(id: BulkId, by: Annotated[Actor, viewer]) -> dict[str, Any]:
        """Role: viewer. `counts` are of all rows as they stand now, and add up to `all`; seconds old at most."""
        operation = await read.bulk_switch(id)
        return bulk_operations.bulk(operation, await read.counts(operation))

    @routes.get(
        "/bulk-switches/{id}/rows",
        summary="Its rows as they stand now",
        response_model=None,
        responses={
            200: examples.answered(examples.bulk_rows(), "A page; with `Accept: text/csv` all rows."),
            **problems(404, 422),
        },
    )
    async def get_rows(
        request: Request,
        id: BulkId,
        by: Annotated[Actor, viewer],
        state: States = [],  # noqa: B006
        limit: Limit = 50,
        place: Place = 0,
    ) -> Response:
        """Role: viewer. A page may be short or empty although there are more rows: go on while `next` is not null.
        Who has not answered: `state=requested&state=invited&state=opened`."""
        operation = await read.bulk_switch(id)
        if "text/csv" in request.headers.get("accept", ""):
            return result(read, operation, frozenset(state))
        rows, next = await read.rows(operation, frozenset(state), place, limit)
        return JSONResponse(to_jsonable_python({"items": [bulk_operations.row(row) for row in rows], "next": next}))

    for verb, what in (
        ("pause", "Ask nobody else for now"),
        ("resume", "Go on"),
        ("stop", "Ask nobody else; who was invited stays invited"),
        ("remind", "Send the invitation again to all who have not answered"),
    ):
        _command(routes, commands, verb, what, operator)
    return routes


def _command(routes: APIRouter, commands: BulkCommands, verb: str, what: str, operator: Any) -> None:
    async def post(id: BulkId, by: Annotated[Actor, operator], command: Keyed) -> Mapping[str, Any]:
        return await commands.command(id, verb, by, command)

    post.__name__ = f"{verb}_bulk"
    answer = {"bulk": "0" * 40, **({"reminder": 1} if verb == "remind" else {"state": "paused"})}
    routes.add_api_route(
        f"/bulk-switches/{{id}}/{verb}",
        post,
        methods=["POST"],
        status_code=202,
        summary=what,
        description="Role: operator. Codes: `bulk_unknown`, `bulk_draft`, `bulk_ended`, `bulk_nobody`, "
        "`bulk_reminding`.",
        responses={202: _example(answer), **problems(400, 404, 409)},
    )


async def _begun(
    commands: BulkCommands, lines: Sequence[Line], body: BulkBody, by: Actor, command: Command
) -> Response:
    id = action_key(by.id, "bulk", command.key)
    there = await commands.read.find(id)
    if there and there.digest not in ("", command.digest):
        raise reused()
    if not there:
        rows = await commands.check(lines, by)
        flawed = any(row.problem for row in rows) and not body.skip_problems
        if flawed and not await commands.read.find(id):  # else the first try came through meanwhile
            return _refused(rows)
        if not flawed:
            await commands.draft(id, body.name, rows, by, command.digest)
    try:
        return JSONResponse(dict(await commands.begin(id, body.pace, by, command)), 202)
    except Refused as error:
        if error.code != "bulk_begun":
            raise
        return JSONResponse({"bulk": id}, 202)  # by this very key, which its id is made of


def _refused(rows: Sequence[Row]) -> Response:
    found = bulk_operations.checked(rows)
    detail = f"{len(found['problems'])} of {len(rows)} rows have problems; correct them, or send skip_problems."
    return problem(422, "bulk_problems", detail, **found)


def result(read: BulkReads, operation: BulkOperation, states: frozenset[str] = frozenset()) -> Response:
    """The result file."""
    lines = (bulk_operations.row(shown) async for shown in read.every(operation, states))
    return csv_export.answer(csv_export.table(lines, CELLS), "bulk-switch")


def _is_csv(request: Request) -> bool:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in ("text/csv", "application/json"):
        raise Refused("content_type", "Send text/csv or application/json.", status=415, field="Content-Type")
    return kind == "text/csv"


def _json(model: type[B], body: bytes) -> B:
    if len(body) > LARGEST_JSON:
        raise Refused(
            "too_large", f"The body is larger than {LARGEST_JSON} bytes; send it as CSV, or in application.", status=413
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


def _example(answer: Mapping[str, Any]) -> dict[str, Any]:
    return {"description": "Taken.", "content": {"application/json": {"example": answer}}}
