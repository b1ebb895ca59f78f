"""The event stream for the pages: what happens to all customers, or to one."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header
from starlette.responses import Response

from config_svc.application import App
from config_svc.pages.dependencies import ViewerSession
from config_svc.pages.layout import PortalRoute
from config_svc.stream.sse import EventStream

router = APIRouter(route_class=PortalRoute, include_in_schema=False)


@router.get("/events")
async def events(
    session: ViewerSession,
    application: App,
    customer: str | None = None,
    last_event_id: Annotated[str | None, Header()] = None,
) -> Response:
    return EventStream(application.streams.events(last_event_id, customer, session.actor.id))
