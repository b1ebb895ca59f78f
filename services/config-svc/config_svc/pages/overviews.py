"""Across customers: Pending Invitations, and the event stream for the pages."""

from __future__ import annotations

from typing import get_args
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from starlette.responses import Response

from config_svc import lists, views
from config_svc.api.overviews import csv_answer
from config_svc.inputs import InvitationState, Sort
from config_svc.pages import words
from config_svc.pages.frame import Frame
from config_svc.sse import EventStream
from shared.auth import VIEWER
from shared.sessions import Session

PAGE = 50
STATES = get_args(InvitationState)
SORTS = get_args(Sort)


class OverviewPages:
    def __init__(self, frame: Frame) -> None:
        self._frame, self._parts = frame, frame.parts

    def add_to(self, router: APIRouter) -> None:
        add = self._frame.add
        add(router, "/invitations", self.invitations, VIEWER)
        add(router, "/invitations.csv", self.csv, VIEWER)
        add(router, "/events", self.events, VIEWER)

    async def invitations(self, request: Request, session: Session) -> Response:
        wanted, now = _wanted(request), self._parts.clock()
        query = lists.invitations(wanted["state"], wanted["q"], wanted["sort"])
        page = await self._parts.lists.page(query, PAGE, request.query_params.get("cursor"))
        rows = [(row.state, views.invitation(row, now)) for row in page.rows if row.state.switch]
        return self._frame.show(
            request, session, "invitations.html", active="invitations", rows=rows, wanted=wanted, states=STATES,
            delayed=lambda since: words.is_delayed(since, now),
            sorts=_sorts(wanted), filtered=bool(wanted["q"]) or wanted["state"] != "all",
            next=_address(wanted, cursor=page.next), previous=_address(wanted, cursor=page.previous),
            csv=_address(wanted, path="/invitations.csv"), here=_address(wanted),
        )  # fmt: skip

    async def csv(self, request: Request, session: Session) -> Response:
        wanted = _wanted(request)
        return csv_answer(self._parts, lists.invitations(wanted["state"], wanted["q"], wanted["sort"]))

    async def events(self, request: Request, session: Session) -> Response:
        last, customer = request.headers.get("last-event-id"), request.query_params.get("customer")
        return EventStream(self._parts.streams.events(last, customer, session.actor.id))


def _wanted(request: Request) -> dict[str, str]:
    asked = request.query_params
    state, sort = asked.get("state", ""), asked.get("sort", "")
    return {
        "q": asked.get("q", "")[:200].strip(),
        "state": state if state in STATES else "all",
        "sort": sort if sort in SORTS else "-created",
    }


def _sorts(wanted: dict[str, str]) -> dict[str, dict[str, str]]:
    """For each sortable column the address that sorts by it, the other way round if it is sorted already."""
    found = {}
    for name in ("created", "expires", "name"):
        down = wanted["sort"] == f"-{name}"
        up = wanted["sort"] == name
        turned = name if down else f"-{name}" if up or name == "created" else name
        found[name] = {
            "url": _address(wanted | {"sort": turned}) or "",
            "sorted": "ascending" if up else "descending" if down else "",
        }
    return found


def _address(wanted: dict[str, str], *, path: str = "/invitations", cursor: str | None = "") -> str | None:
    """An address of the list; None where there is no such page."""
    if cursor is None:
        return None
    said = {name: text for name, text in wanted.items() if text} | ({"cursor": cursor} if cursor else {})
    return f"{path}?{urlencode(said)}" if said else path
