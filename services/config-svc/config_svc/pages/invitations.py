"""Pending Invitations: the list that moves by itself, its export, and what is done to one row."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, get_args
from urllib.parse import parse_qsl, urlencode

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from config_svc.api.overviews import csv_answer
from config_svc.pages.forms import KEY, Filled, filled, form_command
from config_svc.pages.layout import Frame
from config_svc.queries import lists
from config_svc.schemas import views
from config_svc.schemas.customers import InvitationState, ResendBody, Sort
from config_svc.texts import state_texts
from shared.domain.rules import Refused
from shared.http.idempotency import action_key
from shared.i18n.catalogs import N_
from shared.identity.bearer import OPERATOR, VIEWER
from shared.identity.portal_sign_in import own_path
from shared.identity.sessions import Session
from shared.store.write_plan import Command

PAGE = 30
HOME = "/invitations"
STATES = get_args(InvitationState)
SORTS = get_args(Sort)
SAME_COPY_SECONDS = 10
_ROW = re.compile(r"([A-Za-z0-9._~-]{1,64})/([1-9]\d{0,8})(?:/(\d{1,9}))?")


@dataclass(frozen=True, slots=True)
class RowName:
    """Which invitation a button or a tick means: its customer, its switch, and the generation that was shown."""

    customer: str
    switch: int
    generation: int = 0

    @classmethod
    def read(cls, text: str) -> RowName | None:
        found = _ROW.fullmatch(text)
        return cls(found[1], int(found[2]), int(found[3] or 0)) if found else None


class InvitationPages:
    def __init__(self, frame: Frame) -> None:
        self._frame, self._application, self._customers = frame, frame.application, frame.application.customers

    def add_to(self, router: APIRouter) -> None:
        add = self._frame.add
        add(router, HOME, self.page, VIEWER)
        add(router, f"{HOME}/rows", self.rows, VIEWER)
        add(router, f"{HOME}.csv", self.csv, VIEWER)
        add(router, f"{HOME}/resend", self.resend, OPERATOR, form="row-resend")
        add(router, f"{HOME}/link", self.link, OPERATOR, form="row-link")

    # --- reading -------------------------------------------------------------------------------------------------

    async def page(self, request: Request, session: Session) -> Response:
        return await self._show(request, session, _filter(request))

    async def rows(self, request: Request, session: Session) -> Response:
        """The part that moves by itself."""
        context = await self._context(_filter(request))
        return self._frame.show(request, session, "invitations_rows.html", active="invitations", **context)

    async def csv(self, request: Request, session: Session) -> Response:
        wanted = _filter(request)
        return csv_answer(self._application, lists.invitations(wanted["state"], wanted["q"], wanted["sort"]))

    async def _show(
        self, request: Request, session: Session, wanted: dict[str, str], error: Refused | None = None
    ) -> Response:
        flash = (self._frame.problem(request, error),) if error else ()
        return self._frame.show(
            request,
            session,
            "invitations.html",
            active="invitations",
            status=error.status if error else 200,
            flash=flash,
            states=STATES,
            **await self._context(wanted),
        )

    async def _context(self, wanted: dict[str, str]) -> dict[str, Any]:
        now, cursor = self._application.clock(), wanted.get("cursor")
        bare = {name: text for name, text in wanted.items() if name != "cursor"}
        page = await self._application.lists.page(
            lists.invitations(wanted["state"], wanted["q"], wanted["sort"]), PAGE, cursor
        )
        return {
            "rows": [(row.state, views.invitation(row, now)) for row in page.rows if row.state.switch],
            "wanted": wanted,
            "sorts": _sorts(bare),
            "filtered": bool(wanted["q"]) or wanted["state"] != "all",
            "delayed": lambda since: state_texts.is_delayed(since, now),
            "next": address(bare, cursor=page.next) if page.next else None,
            "previous": address(bare, cursor=page.previous) if page.previous else None,
            "csv": address(bare, path=f"{HOME}.csv"),
            "here": address(bare, cursor=cursor),
            "live": address(bare, path=f"{HOME}/rows", cursor=cursor),
        }

    # --- one row -------------------------------------------------------------------------------------------------

    async def resend(self, request: Request, session: Session) -> Response:
        form = await filled(request)
        try:
            row = _meant(form)
            command = self._command(request, form, session, "resend", row)
            await self._customers.resend(row.customer, ResendBody(switch=row.switch), session.actor, command)
        except Refused as error:
            return await self._show(request, session, _came_from(form), error)
        return self._frame.back(form, HOME, "resent")

    async def link(self, request: Request, session: Session) -> Response:
        """The invitation's address: to the page's script, which copies it, or as a page of its own."""
        form = await filled(request)
        try:
            row = _meant(form)
            moment = self._application.clock().timestamp() // SAME_COPY_SECONDS
            command = self._command(request, form, session, "link", row, moment)
            _, link = await self._customers.link(row.customer, row.switch, session.actor, command)
        except Refused as error:
            return await self._show(request, session, _came_from(form), error)
        if "application/json" in request.headers.get("accept", ""):
            return JSONResponse({"link": link.reveal()})
        found = await self._customers.get(row.customer)
        back = own_path(form.text("back")) if form.text("back") else HOME
        return self._frame.show(
            request, session, "link.html", active="invitations", customer=found.state, link=link.reveal(), back=back
        )

    def _command(self, request: Request, form: Filled, session: Session, what: str, *parts: object) -> Command:
        """A button pressed twice is one request, until what it acts on has changed."""
        key = action_key(session.actor.id, what, *parts)
        return form_command(request, Filled({"row": [form.text("row")], KEY: [key]}), session.actor.id)


def _meant(form: Filled) -> RowName:
    """Raises: Refused (422), for a form that no page of ours sent."""
    row = RowName.read(form.text("row"))
    if row is None:
        raise Refused("row_missing", N_("No invitation was named."), status=422, field="row")
    return row


# --- addresses -------------------------------------------------------------------------------------------------------


def _filter(request: Request) -> dict[str, str]:
    return wanted(request.query_params)


def _came_from(form: Filled) -> dict[str, str]:
    """The list that a form was on."""
    return wanted(dict(parse_qsl(own_path(form.text("back")).partition("?")[2])))


def wanted(asked: Any) -> dict[str, str]:
    state, sort, cursor = asked.get("state", ""), asked.get("sort", ""), asked.get("cursor")
    found = {
        "q": asked.get("q", "")[:200].strip(),
        "state": state if state in STATES else "all",
        "sort": sort if sort in SORTS else "-created",
    }
    return found | ({"cursor": cursor} if cursor else {})


def _sorts(bare: dict[str, str]) -> dict[str, dict[str, str]]:
    """For each sortable column the address that sorts by it, the other way round if it is sorted already."""
    found = {}
    for name in ("created", "expires", "name"):
        down, up = bare["sort"] == f"-{name}", bare["sort"] == name
        turned = name if down else f"-{name}" if up or name == "created" else name
        found[name] = {
            "url": address(bare | {"sort": turned}),
            "sorted": "ascending" if up else "descending" if down else "",
        }
    return found


def address(bare: dict[str, str], *, path: str = HOME, cursor: str | None = None) -> str:
    """An address of the list."""
    said = {name: text for name, text in bare.items() if text} | ({"cursor": cursor} if cursor else {})
    return f"{path}?{urlencode(said)}"
