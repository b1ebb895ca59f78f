"""Across customers: the event stream for the pages."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from config_svc.pages.layout import Frame
from config_svc.stream.sse import EventStream
from shared.identity.bearer import VIEWER
from shared.identity.sessions import Session


class OverviewPages:
    def __init__(self, frame: Frame) -> None:
        self._frame, self._application = frame, frame.application

    def add_to(self, router: APIRouter) -> None:
        self._frame.add(router, "/events", self.events, VIEWER)

    async def events(self, request: Request, session: Session) -> Response:
        last, customer = request.headers.get("last-event-id"), request.query_params.get("customer")
        return EventStream(self._application.streams.events(last, customer, session.actor.id))
