"""Bulk Switch: a file is checked and shown with every problem, begun at a pace, and watched: who has not answered.

Several invitations at once: what is about to happen, then how far it is, with an outcome for each row.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, BeforeValidator, Field
from starlette.datastructures import UploadFile
from starlette.responses import RedirectResponse, Response

from config_svc.application import App, Application
from config_svc.domain.bulk_operations import MOST, MOST_SELECTED, Kind, Row
from config_svc.domain.model import Customer
from config_svc.pages.addresses import ListQuery, one_of
from config_svc.pages.customer import STOP_ASKING
from config_svc.pages.dependencies import Layout, OperatorSession, ViewerSession, submitted
from config_svc.pages.forms import KEY, SubmittedForm, check
from config_svc.pages.invitations import HERE as INVITATIONS
from config_svc.pages.invitations import RowName
from config_svc.pages.layout import PortalLayout, PortalRoute
from config_svc.queries import csv_export
from config_svc.queries.bulk_operations import UNANSWERED
from config_svc.schemas import bulk_file
from config_svc.schemas.bulk_operations import Counts, PaceBody, Shown
from config_svc.schemas.customers import REQUIRED
from config_svc.schemas.customers import name as checked_name
from config_svc.texts.refusal_texts import TEXTS, texts
from shared.domain.rules import Refused
from shared.http.idempotency import action_key
from shared.identity.portal_sign_in import own_path

HERE, PAGE, NEWEST = "/bulk-switches", 50, 50
SELECTIONS = f"{INVITATIONS}/batches"
GROUPS: Mapping[str, tuple[str, ...]] = {
    "": (),
    "problem": ("problem",),
    "waiting": ("waiting",),
    "refused": ("refused",),
    "unanswered": UNANSWERED,
    "authenticating": ("authenticating",),
    "completed": ("completed",),
    "over": ("cancelled", "expired", "failed", "replaced"),
}
ALWAYS = ("", "waiting", "unanswered", "completed")
DONE = {"pause": "paused", "resume": "resumed", "stop": "stopped", "remind": "reminding"}
EXAMPLE = "customer,admin_email,admin_name,locale,reference\ncontoso,admin@contoso.example,Avery Admin,en,TICKET-17\n"
LONGEST_TEXT = 500_000

router = APIRouter(route_class=PortalRoute, include_in_schema=False)
FileForm = Annotated[SubmittedForm, Depends(submitted("bulk-file"))]
BulkForm = Annotated[SubmittedForm, Depends(submitted("bulk"))]
SelectionForm = Annotated[SubmittedForm, Depends(submitted("selection"))]


def _number(text: str) -> int | str:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 7 else text


def _place(text: str) -> int:
    place = _number(text)
    return min(MOST, place) if isinstance(place, int) else 0


class RowsQuery(ListQuery):
    """Which rows are shown: those of a group of states, from a place on."""

    state: Annotated[str, one_of(GROUPS)] = ""
    place: Annotated[int, BeforeValidator(_place)] = Field(0, exclude=True)


Asked = Annotated[RowsQuery, Query()]


# --- the file --------------------------------------------------------------------------------------------------------


@router.get(HERE)
async def bulk_switches(session: ViewerSession, application: App, layout: Layout) -> Response:
    newest = await application.bulk_operations.read.newest(NEWEST)
    return layout.show("bulk_switches.html", active="bulk_operations", operations=newest)


@router.get(f"{HERE}/new")
async def new(session: OperatorSession, application: App, layout: Layout) -> Response:
    return _file_form(layout, {"name": application.clock().date().isoformat()}, {}, secrets.token_hex(16))


@router.post(HERE)
async def draft(
    request: Request, session: OperatorSession, form: FileForm, application: App, layout: Layout
) -> Response:
    """Checks the file and keeps it as a draft: nobody is asked yet."""
    commands, key, errors = application.bulk_operations, form.text(KEY) or secrets.token_hex(16), {}
    try:
        name = checked_name(form.text("name"))
    except ValueError as error:
        name, errors["name"] = "", layout.gettext(str(error))
    body = await _file(request, form)
    if not body.strip():
        errors["file"] = layout.gettext(REQUIRED)
    try:
        lines = [] if errors else await asyncio.to_thread(bulk_file.read_csv, body)
        rows = await commands.check(lines, session.actor) if lines else []
    except Refused as refusal:
        errors["file"] = f"{' '.join(texts(refusal, layout.gettext))} ({refusal.detail})"
    if errors:
        return _file_form(layout, form.shown(), errors, key, status=422)
    id = action_key(session.actor.id, "bulk", key, name, hashlib.sha256(body).hexdigest())
    await commands.draft(id, name, rows, session.actor)
    return RedirectResponse(f"{HERE}/{id}", 303)


async def _file(request: Request, form: SubmittedForm) -> bytes:
    """The chosen file, else what was pasted."""
    upload = (await request.form()).get("file")
    body = await upload.read() if isinstance(upload, UploadFile) else b""
    return body or form.text("text").encode()


def _file_form(
    layout: PortalLayout, values: Mapping[str, Any], errors: Mapping[str, str], key: str, status: int = 200
) -> Response:
    return layout.show(
        "bulk_switch_new.html",
        active="bulk_operations",
        values=values,
        errors=errors,
        new_key=key,
        example=EXAMPLE,
        longest=LONGEST_TEXT,
        most=MOST,
        status=status,
    )


# --- a bulk switch ---------------------------------------------------------------------------------------------------


@router.get(f"{HERE}/{{id}}")
async def bulk_switch(id: str, session: ViewerSession, application: App, layout: Layout, query: Asked) -> Response:
    return await _show(id, application, layout, query, "bulk_switch.html")


@router.get(f"{HERE}/{{id}}/state")
async def bulk_switch_state(
    id: str, session: ViewerSession, application: App, layout: Layout, query: Asked
) -> Response:
    return await _show(id, application, layout, query, "bulk_switch_state.html")


@router.get(f"{HERE}/{{id}}/result.csv")
async def bulk_switch_csv(id: str, session: ViewerSession, application: App) -> Response:
    read = application.bulk_operations.read
    return csv_export.bulk_switch(read.every(await read.bulk_switch(id)))


async def _show(
    id: str, application: Application, layout: PortalLayout, query: RowsQuery, template: str, **more: Any
) -> Response:
    read = application.bulk_operations.read
    operation = await read.bulk_switch(id)
    counts = await read.counts(operation)
    rows, after = await read.rows(operation, frozenset(GROUPS[query.state]), query.place, PAGE)
    here, pace = f"{HERE}/{id}", operation.pace
    values = {"per_minute": pace.per_minute, "first": pace.first, "after": "wait" if pace.pause else "go"}
    context: dict[str, Any] = {
        "operation": operation,
        "counts": counts,
        "rows": [(shown, _why(shown, layout.gettext)) for shown in rows],
        "tabs": [(name, query.address(here, state=name), count) for name, count in _tabs(counts)],
        "group": query.state,
        "next": query.address(here, place=str(after)) if after is not None else None,
        "first": query.address(here) if query.place else None,
        "live": query.address(f"{here}/state", place=str(query.place or "")),
        "csv": f"{here}/result.csv",
        "values": values,
        "errors": {},
    }
    return layout.show(template, active="bulk_operations", **(context | more))


def _tabs(counts: Counts) -> list[tuple[str, int]]:
    groups = GROUPS.items()
    counted = [(name, sum(counts.get(state, 0) for state in states or ["all"])) for name, states in groups]
    return [(name, count) for name, count in counted if count or name in ALWAYS]


def _why(shown: Shown, gettext: Callable[[str], str]) -> str:
    """Why this row was not done, in the reader's language."""
    problem = shown.row.problem
    if problem:
        return _sentence(problem.code, gettext) if problem.code in TEXTS else gettext(problem.message)
    return _sentence(shown.row.outcome or "", gettext) if shown.state == "refused" else ""


def _sentence(code: str, gettext: Callable[[str], str]) -> str:
    return " ".join(texts(Refused(code, ""), gettext)).strip()


@router.post(f"{HERE}/{{id}}/begin")
async def begin(id: str, session: OperatorSession, form: BulkForm, application: App, layout: Layout) -> Response:
    given = {name: _number(form.text(name)) for name in ("per_minute", "first")}
    body, errors = check(PaceBody, given | {"pause_after_first": form.text("after") != "go"}, layout.gettext)
    if body is None:
        more = {"values": form.shown(), "errors": errors, "status": 422}
        return await _show(id, application, layout, RowsQuery.model_validate({}), "bulk_switch.html", **more)
    await application.bulk_operations.begin(id, body.pace, session.actor, form.command)
    return RedirectResponse(f"{HERE}/{id}?done=begun", 303)


@router.post(f"{HERE}/{{id}}/pause")
@router.post(f"{HERE}/{{id}}/resume")
@router.post(f"{HERE}/{{id}}/stop")
@router.post(f"{HERE}/{{id}}/remind")
async def command(id: str, session: OperatorSession, form: BulkForm, application: App) -> Response:
    verb = form.action.rpartition("/")[2]
    await application.bulk_operations.command(id, verb, session.actor, form.command)
    return RedirectResponse(f"{HERE}/{id}?done={DONE[verb]}", 303)


# --- several invitations at once -------------------------------------------------------------------------------------


class SelectionQuery(BaseModel):
    do: str = ""
    row: list[str] = []
    back: str = ""


@router.get(f"{INVITATIONS}/selected")
async def selected(
    session: OperatorSession, application: App, layout: Layout, query: Annotated[SelectionQuery, Query()]
) -> Response:
    """Nothing is done yet: who is meant, and who is left out and why."""
    meant = await _meant(application, query.row)
    return layout.show(
        "selection_confirm.html",
        active="invitations",
        kind=_kind(query.do),
        rows=[(row, customer, _sentence(code, layout.gettext)) for row, customer, code in meant],
        count=sum(not code for *_, code in meant),
        new_key=secrets.token_hex(16),
        back=_back(query.back),
    )


@router.post(SELECTIONS)
async def select(session: OperatorSession, form: SelectionForm, application: App) -> Response:
    rows = [row for row, _, code in await _meant(application, form.many("row")) if not code]
    id = action_key(session.actor.id, "selection", form.text(KEY) or secrets.token_hex(16))
    await application.bulk_operations.select(id, _kind(form.text("do")), rows, session.actor)
    return RedirectResponse(f"{SELECTIONS}/{id}?back={quote(_back(form.text('back')), safe='')}", 303)


@router.get(f"{SELECTIONS}/{{id}}")
async def selection(id: str, session: ViewerSession, application: App, layout: Layout, back: str = "") -> Response:
    context = await _selection(id, application, layout, back)
    return layout.show("selection.html", active="invitations", **context)


@router.get(f"{SELECTIONS}/{{id}}/state")
async def selection_state(
    id: str, session: ViewerSession, application: App, layout: Layout, back: str = ""
) -> Response:
    context = await _selection(id, application, layout, back)
    status = STOP_ASKING if context["operation"].ended_at else 200
    return layout.show("selection_state.html", active="invitations", status=status, **context)


async def _selection(id: str, application: Application, layout: PortalLayout, back: str) -> dict[str, Any]:
    read = application.bulk_operations.read
    operation = await read.selection(id)
    rows, _ = await read.rows(operation, frozenset(), 0, MOST_SELECTED)
    return {
        "operation": operation,
        "counts": await read.counts(operation),
        "rows": [(shown, _why(shown, layout.gettext)) for shown in rows],
        "back": _back(back),
    }


async def _meant(application: Application, names: Sequence[str]) -> list[tuple[Row, Customer, str]]:
    """The invitations of these names as they are now, in order; each with the code of what speaks against it."""
    wanted = list(dict.fromkeys(name for text in names[:MOST_SELECTED] if (name := RowName.read(text))))
    customers = await application.lists.named(name.customer for name in wanted)
    meant = []
    for line, name in enumerate(wanted, 1):
        customer = customers.get(name.customer)
        switch = customer.switch if customer and not customer.removed else None
        if customer and switch and switch.invitee:
            row = Row(line=line, customer=customer.id, email=switch.invitee.email, switch=name.switch)
            code = "switch_stale" if switch.number != name.switch else "" if switch.live else "switch_ended"
            meant.append((row, customer, code))
    return meant


def _kind(text: str) -> Kind:
    return "cancel" if text == "cancel" else "resend"


def _back(text: str) -> str:
    path = own_path(text)
    return path if path.partition("?")[0] == INVITATIONS else INVITATIONS
