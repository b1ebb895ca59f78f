"""Across customers: Authentication Status, and the event stream for the pages."""

from __future__ import annotations

from urllib.parse import urlencode

from fastapi import APIRouter, Request
from starlette.responses import Response

from config_svc import lists
from config_svc.pages import words
from config_svc.pages.frame import Frame
from config_svc.sse import EventStream
from shared.auth import VIEWER
from shared.sessions import Session

PAGE = 50
HEALTH = ("failed", "expiring", "checking", "unknown", "successful")


class OverviewPages:
    def __init__(self, frame: Frame) -> None:
        self._frame, self._parts = frame, frame.parts

    def add_to(self, router: APIRouter) -> None:
        add = self._frame.add
        add(router, "/status", self.status, VIEWER)
        add(router, "/events", self.events, VIEWER)

    async def status(self, request: Request, session: Session) -> Response:
        asked, say, now = request.query_params, self._frame.say(request), self._parts.clock()
        chosen = asked.get("status", "")
        chosen = chosen if chosen in HEALTH else ""
        page = await self._parts.lists.page(lists.health(chosen or None), PAGE, asked.get("cursor"))
        rows = [
            (row.state, words.problem(row.state.failure.reason if row.state.failure else None, say),
             words.secret_note(row.state, now)) for row in page.rows
        ]  # fmt: skip
        wanted = {"status": chosen} if chosen else {}
        return self._frame.show(
            request, session, "status.html", active="status", rows=rows, chosen=chosen, choices=HEALTH,
            next=_address(wanted, path="/status", cursor=page.next),
            previous=_address(wanted, path="/status", cursor=page.previous),
        )  # fmt: skip

    async def events(self, request: Request, session: Session) -> Response:
        last, customer = request.headers.get("last-event-id"), request.query_params.get("customer")
        return EventStream(self._parts.streams.events(last, customer, session.actor.id))


def _address(wanted: dict[str, str], *, path: str, cursor: str | None = "") -> str | None:
    """An address of the list; None where there is no such page."""
    if cursor is None:
        return None
    said = {name: text for name, text in wanted.items() if text} | ({"cursor": cursor} if cursor else {})
    return f"{path}?{urlencode(said)}" if said else path
