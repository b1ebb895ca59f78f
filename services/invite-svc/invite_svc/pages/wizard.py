"""The wizard's page and its live part, for the one browser with the session."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, Request
from starlette.responses import RedirectResponse, Response

from invite_svc import domain
from invite_svc.domain import Attempt, Invitation
from invite_svc.pages import screens
from invite_svc.pages.layout import WIZARD, Desk
from invite_svc.pages.screens import Screen
from invite_svc.pages.sessions import Session, hashed
from shared.crypto.sealed_box import SealError
from shared.domain.rules import Refused
from shared.service.settings import LOCAL_HOSTS
from shared.web.csrf import require_csrf, set_cookie

CONTINUE_FORM, ASK_FORM = "continue", "ask"
PAGE, PART = "wizard_page.html", "state.html"
ENDS_POLLING = 286
SEALED_IN = {"code": ("DeviceCodeIssued", "user_code"), "sign_in": ("SignInReady", "url")}


class WizardPages:
    """What is sealed (code, address at Microsoft) is opened only here, for the page of the session it belongs to."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def router(self) -> APIRouter:
        router = APIRouter(include_in_schema=False)
        cookie, answering = self._desk.pages.cookie, self._desk.answering
        continues, asks = ([Depends(require_csrf(form, cookie))] for form in (CONTINUE_FORM, ASK_FORM))
        add = router.add_api_route
        add(WIZARD, self.page, methods=["GET"], response_model=None)
        add(f"{WIZARD}/state", self.part, methods=["GET"], response_model=None)
        add(
            f"{WIZARD}/continue",
            answering(self.go_on),
            methods=["POST"],
            response_model=None,
            dependencies=continues,
        )
        add(f"{WIZARD}/ask", answering(self.ask), methods=["POST"], response_model=None, dependencies=asks)
        return router

    async def page(self, request: Request) -> Response:
        return await self._shown(request, PAGE)

    async def part(self, request: Request) -> Response:
        """The live part alone, asked again and again."""
        return await self._shown(request, PART)

    async def go_on(self, request: Request) -> Response:
        """`Continue here`, on a page whose session went to another browser."""
        desk, session = self._desk, self._desk.session(request)
        if session is None:
            return RedirectResponse(WIZARD, 303)
        cookie = desk.sessions.begin(session.invitation_id, session.generation)
        await desk.change(session.invitation_id, domain.open_link, session.generation, hashed(cookie), None, True)
        response = RedirectResponse(WIZARD, 303)
        set_cookie(response, desk.pages.cookie, cookie, desk.pages.secure)
        return response

    async def ask(self, request: Request) -> Response:
        session = self._desk.session(request)
        if session is None:
            return RedirectResponse(WIZARD, 303)
        invitation = await self._desk.change(session.invitation_id, domain.ask_again)
        return self._desk.show(request, "asked.html", invitation)

    # --- what is shown ------------------------------------------------------------------------------------------

    async def _shown(self, request: Request, template: str) -> Response:
        try:
            session, invitation = await self._desk.mine(request)
            opened = self._opened(invitation)
            if opened is None:
                invitation, opened = await self._given_up(session, invitation), {}
        except Refused as refused:
            return await self._not_mine(request, template, refused.code)
        screen = screens.screen(invitation, self._desk.clock())
        return self._screen(request, template, screen, invitation, opened=opened)

    async def _not_mine(self, request: Request, template: str, why: str) -> Response:
        """No session, or one that was left: nothing of the sign-in is shown."""
        session = self._desk.session(request)
        invitation = await self._desk.invitation(session.invitation_id) if session else None
        if session is None or invitation is None:
            return self._screen(request, template, Screen("gone", final=True), None, status=403)
        over = screens.ended(invitation, session.generation, self._desk.clock()) is not None
        name = "ended" if over else "elsewhere"
        return self._screen(request, template, Screen(name, final=True), invitation, status=403)

    def _screen(
        self,
        request: Request,
        template: str,
        screen: Screen,
        invitation: Invitation | None,
        *,
        status: int = 200,
        opened: Mapping[str, str] | None = None,
    ) -> Response:
        desk, now = self._desk, self._desk.clock()
        say = desk.say(request, invitation)
        if template == PART:
            status = ENDS_POLLING if screen.final else 200
        session = desk.session(request)
        why = screens.ended(invitation, session.generation if session else None, now) if invitation else None
        return desk.show(
            request,
            template,
            invitation,
            status=status,
            screen=screen,
            why=why,
            opened=opened or {},
            steps=screens.steps(screen.name, say),
            ways=screens.ways(invitation) if invitation else [],
            notice=screens.notice(invitation, desk.settings.provider_name, say) if invitation else None,
            attempt=invitation.attempt if invitation else None,
            ask_at=f"{WIZARD}/ask",
        )

    # --- what is sealed -----------------------------------------------------------------------------------------

    def _opened(self, invitation: Invitation) -> dict[str, str] | None:
        """The code or the address at Microsoft; empty if there is none now; None if it cannot be read."""
        attempt = invitation.attempt
        if invitation.over or attempt is None or attempt.sealed is None or attempt.stage not in SEALED_IN:
            return {}
        if attempt.expires_at and attempt.expires_at <= self._desk.clock():
            return {}
        try:
            return self._read(invitation, attempt, attempt.sealed)
        except (SealError, KeyError):
            return None

    def _read(self, invitation: Invitation, attempt: Attempt, sealed: str) -> dict[str, str] | None:
        event, name = SEALED_IN[attempt.stage]
        found = self._desk.opener.open(
            sealed, customer=invitation.id, event=event, attempt=attempt.number, now=self._desk.clock()
        )
        value = found[name].reveal()
        url = value if name == "url" else attempt.verification_uri or ""
        if not _safe(url):
            return None
        return {"url": url} | ({"code": value} if name == "user_code" else {})

    async def _given_up(self, session: Session, invitation: Invitation) -> Invitation:
        """An attempt whose code cannot be read is a failed one that may be started again."""
        changed = await self._desk.change(session.invitation_id, domain.give_up, session.hashed, "unreadable")
        return changed or invitation


def _safe(url: str) -> bool:
    """Only addresses that a person may be sent to: https, or this very machine (development)."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOCAL_HOSTS)
