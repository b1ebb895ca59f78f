"""The wizard's page and its live part, for the one browser with the session.

What is sealed (code, address at Microsoft) is opened only here, for the page of the session it belongs to.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from invite_svc.domain import attempts, invitations
from invite_svc.domain.model import Invitation
from invite_svc.pages import screens, sealed
from invite_svc.pages.dependencies import (
    BrowserSessions,
    CurrentInvitation,
    CurrentSession,
    MessageOpener,
    Now,
    Repository,
)
from invite_svc.pages.layout import WIZARD, WizardRoute, WizardView
from invite_svc.pages.screens import Screen
from invite_svc.pages.sessions import Session, hashed
from shared.domain.rules import Refused
from shared.web.csrf import require_csrf

router = APIRouter(prefix=WIZARD, route_class=WizardRoute, include_in_schema=False)
PAGE, LIVE_PART = "wizard_page.html", "state.html"
STOP_POLLING_STATUS = 286
"""htmx's answer to an element that polls: no more (htmx documentation, "Polling")."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WizardPage:
    """The wizard as the browser of a request may see it."""

    view: WizardView
    session: CurrentSession
    invitation: CurrentInvitation
    repository: Repository
    opener: MessageOpener
    now: Now

    async def show(self, template: str) -> Response:
        session, invitation = self.session, self.invitation
        if session is None or invitation is None:
            return self._screen(template, Screen("gone", final=True), None, status=403)
        if invitation.session != session.hashed:
            return self._left(template, session, invitation)
        try:
            opened = sealed.shown(self.opener, invitation, self.now)
        except sealed.Unreadable:
            opened = {}
            try:
                invitation = await self._give_up(session, invitation)
            except Refused:
                return self._left(template, session, invitation)
        return self._screen(template, screens.screen(invitation, self.now), invitation, opened=opened)

    async def _give_up(self, session: Session, invitation: Invitation) -> Invitation:
        """An attempt whose code cannot be read is a failed one that may be started again."""
        changed = await self.repository.apply(invitation.id, attempts.give_up, session.hashed, "unreadable")
        return changed or invitation

    def _left(self, template: str, session: Session, invitation: Invitation) -> Response:
        """The page of a session that was left: nothing of the sign-in is shown."""
        over = screens.ended(invitation, session.generation, self.now) is not None
        return self._screen(template, Screen("ended" if over else "elsewhere", final=True), invitation, status=403)

    def _screen(
        self,
        template: str,
        screen: Screen,
        invitation: Invitation | None,
        *,
        status: int = 200,
        opened: Mapping[str, str] | None = None,
    ) -> Response:
        say = self.view.say(invitation)
        if template == LIVE_PART:
            status = STOP_POLLING_STATUS if screen.final else 200
        generation = self.session.generation if self.session else None
        return self.view.show(
            template,
            invitation,
            status=status,
            screen=screen,
            why=screens.ended(invitation, generation, self.now) if invitation else None,
            opened=opened or {},
            steps=screens.steps(screen.name, say),
            ways=screens.ways(invitation) if invitation else [],
            notice=screens.notice(invitation, self.view.provider, say) if invitation else None,
            attempt=invitation.attempt if invitation else None,
            ask_at=f"{WIZARD}/ask",
        )


CurrentPage = Annotated[WizardPage, Depends()]


@router.get("")
async def show_page(page: CurrentPage) -> Response:
    return await page.show(PAGE)


@router.get("/state")
async def show_live_part(page: CurrentPage) -> Response:
    """The live part alone, asked again and again."""
    return await page.show(LIVE_PART)


@router.post("/continue", dependencies=[Depends(require_csrf("continue"))])
async def continue_here(
    session: CurrentSession, view: WizardView, repository: Repository, sessions: BrowserSessions
) -> Response:
    """`Continue here`, on a page whose session went to another browser."""
    if session is None:
        return view.to_wizard()
    cookie = sessions.begin(session.invitation_id, session.generation)
    await repository.apply(session.invitation_id, invitations.open_link, session.generation, hashed(cookie), None, True)
    return view.to_wizard(session_cookie=cookie)


@router.post("/ask", dependencies=[Depends(require_csrf("ask"))])
async def ask(session: CurrentSession, view: WizardView, repository: Repository) -> Response:
    if session is None:
        return view.to_wizard()
    return view.show("asked.html", await repository.apply(session.invitation_id, invitations.ask_again))
