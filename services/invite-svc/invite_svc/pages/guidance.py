"""What a customer's security people want to know of our applications: which they are, how to allow and remove them."""

from __future__ import annotations

from urllib.parse import urlsplit

from fastapi import APIRouter, Request
from starlette.responses import Response

from invite_svc.pages import screens
from invite_svc.pages.layout import GUIDANCE, WIZARD, Desk


class GuidancePage:
    """Open to everybody and the same for all: the ids of an application are public, and nothing else is shown."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def router(self) -> APIRouter:
        router = APIRouter(include_in_schema=False)
        router.add_api_route(GUIDANCE, self.guidance, methods=["GET", "HEAD"], response_model=None)
        return router

    async def guidance(self, request: Request) -> Response:
        desk, settings = self._desk, self._desk.settings
        session = desk.session(request)
        invitation = await desk.invitation(session.invitation_id) if session else None
        say = desk.say(request, invitation)
        return desk.pages.render(
            request,
            "guidance.html",
            language=invitation.locale if invitation else None,
            **desk.names(),
            client_id=settings.entra_client_id,
            device_client_id=settings.entra_device_client_id,
            host=urlsplit(settings.invite_url).netloc,
            permissions=screens.permissions(settings.scopes, say),
            back=WIZARD if invitation else None,
        )
