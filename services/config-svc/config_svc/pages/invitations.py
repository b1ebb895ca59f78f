"""Pending Invitations: the list that moves by itself, its export, and what is done to one row."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Annotated, Any, get_args
from urllib.parse import parse_qsl

from fastapi import APIRouter, Depends, Header, Query
from starlette.responses import JSONResponse, Response

from config_svc.application import App, Application
from config_svc.pages.addresses import ListQuery, Search, one_of
from config_svc.pages.dependencies import Layout, OperatorSession, ViewerSession, submitted
from config_svc.pages.forms import KEY, SubmittedForm
from config_svc.pages.layout import PortalLayout, PortalRoute, redirect_back
from config_svc.queries import csv_export, lists
from config_svc.schemas.customers import InvitationState, ResendBody, Sort
from config_svc.schemas.views import InvitationView
from config_svc.texts import state_texts
from shared.domain.rules import Refused
from shared.http.idempotency import action_key
from shared.i18n.marks import N_
from shared.identity.portal_sign_in import own_path
from shared.store.write_plan import Command

PAGE = 30
HERE, ROWS, CSV = "/invitations", "/invitations/rows", "/invitations.csv"
STATES, SORTS = get_args(InvitationState), get_args(Sort)
SAME_COPY_SECONDS = 10
_ROW = re.compile(r"([A-Za-z0-9._~-]{1,64})/([1-9]\d{0,8})(?:/(\d{1,9}))?")

router = APIRouter(route_class=PortalRoute, include_in_schema=False)
ResendForm = Annotated[SubmittedForm, Depends(submitted("row-resend"))]
LinkForm = Annotated[SubmittedForm, Depends(submitted("row-link"))]


class InvitationsQuery(ListQuery):
    q: Search = ""
    state: Annotated[str, one_of(STATES, "all")] = "all"
    sort: Annotated[str, one_of(SORTS, "-created")] = "-created"

    @property
    def wanted(self) -> lists.Query:
        return lists.invitations(self.state, self.q, self.sort)


Asked = Annotated[InvitationsQuery, Query()]


@dataclass(frozen=True, slots=True)
class RowName:
    """Which invitation a button or a tick means: its customer, its switch, and the generation that was shown."""

    customer: str
    switch: int
    generation: int = 0

    @classmethod
    def read(cls, text: str) -> RowName | None:
        parts = _ROW.fullmatch(text)
        return cls(parts[1], int(parts[2]), int(parts[3] or 0)) if parts else None


# --- reading ---------------------------------------------------------------------------------------------------------


@router.get(HERE)
async def invitations(session: ViewerSession, application: App, layout: Layout, query: Asked) -> Response:
    return await _show(application, layout, query)


@router.get(ROWS)
async def rows(session: ViewerSession, application: App, layout: Layout, query: Asked) -> Response:
    """The part that moves by itself."""
    return layout.show("invitations_rows.html", active="invitations", **await _context(application, query))


@router.get(CSV)
async def csv(session: ViewerSession, application: App, query: Asked) -> Response:
    return csv_export.invitations(application.lists.every(query.wanted), application.clock)


async def _show(
    application: Application, layout: PortalLayout, query: InvitationsQuery, refusal: Refused | None = None
) -> Response:
    context = await _context(application, query)
    return layout.show("invitations.html", active="invitations", refusal=refusal, states=STATES, **context)


async def _context(application: Application, query: InvitationsQuery) -> dict[str, Any]:
    now, cursor = application.clock(), query.cursor or None
    page = await application.lists.page(query.wanted, PAGE, cursor)
    return {
        "rows": [(row.state, InvitationView.of(row, now)) for row in page.rows if row.state.switch],
        "wanted": query,
        "sorts": _sorts(query),
        "filtered": bool(query.q) or query.state != "all",
        "delayed": lambda since: state_texts.is_delayed(since, now),
        "next": query.page(HERE, page.next),
        "previous": query.page(HERE, page.previous),
        "csv": query.address(CSV),
        "here": query.address(HERE, cursor=cursor),
        "live": query.address(ROWS, cursor=cursor),
    }


def _sorts(query: InvitationsQuery) -> dict[str, dict[str, str]]:
    """For each sortable column the address that sorts by it, the other way round if it is sorted already."""
    sorts = {}
    for name in ("created", "expires", "name"):
        down, up = query.sort == f"-{name}", query.sort == name
        turned = name if down else f"-{name}" if up or name == "created" else name
        sorts[name] = {
            "url": query.address(HERE, sort=turned),
            "sorted": "ascending" if up else "descending" if down else "",
        }
    return sorts


# --- one row ---------------------------------------------------------------------------------------------------------


@router.post(f"{HERE}/resend")
async def resend(session: OperatorSession, form: ResendForm, application: App, layout: Layout) -> Response:
    try:
        row = _row(form)
        command = _command(form, "resend", row)
        await application.customers.resend(row.customer, ResendBody(switch=row.switch), session.actor, command)
    except Refused as refusal:
        return await _show(application, layout, _came_from(form), refusal)
    return redirect_back(form.text("back"), HERE, "resent")


@router.post(f"{HERE}/link")
async def link(
    session: OperatorSession, form: LinkForm, application: App, layout: Layout, accept: Annotated[str, Header()] = ""
) -> Response:
    """The invitation's address: to the page's script, which copies it, or as a page of its own."""
    try:
        row = _row(form)
        command = _command(form, "link", row, application.clock().timestamp() // SAME_COPY_SECONDS)
        _, link = await application.customers.link(row.customer, row.switch, session.actor, command)
    except Refused as refusal:
        return await _show(application, layout, _came_from(form), refusal)
    if "application/json" in accept:
        return JSONResponse({"link": link.reveal()})
    customer = (await application.customers.get(row.customer)).state
    back = own_path(form.text("back")) if form.text("back") else HERE
    return layout.show("invitation_link.html", active="invitations", customer=customer, link=link.reveal(), back=back)


def _row(form: SubmittedForm) -> RowName:
    """Raises: Refused (422), for a form that no page of ours sent."""
    row = RowName.read(form.text("row"))
    if row is None:
        raise Refused("row_missing", N_("No invitation was named."), status=422, field="row")
    return row


def _command(form: SubmittedForm, *what: object) -> Command:
    """A button pressed twice is one request, until what it acts on has changed."""
    values = {"row": [form.text("row")], KEY: [action_key(form.caller, *what)]}
    return replace(form, values=values).command


def _came_from(form: SubmittedForm) -> InvitationsQuery:
    """The list that a form was on."""
    return InvitationsQuery.model_validate(dict(parse_qsl(own_path(form.text("back")).partition("?")[2])))
