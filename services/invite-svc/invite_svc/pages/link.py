"""The pages of the link in the mail: who asks for what, begin, continue here, ask for a new invitation.

Reached with the link alone: nothing here shows a code, and only a form's POST changes anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from starlette.responses import Response

from invite_svc.domain import invitations
from invite_svc.domain.model import Invitation
from invite_svc.pages import screens
from invite_svc.pages.dependencies import (
    Browser,
    BrowserSessions,
    CurrentSession,
    InvitationLink,
    Now,
    Repository,
)
from invite_svc.pages.forms import OpenForm
from invite_svc.pages.layout import WizardRoute, WizardView
from invite_svc.pages.sessions import hashed
from invite_svc.pages.texts import NO_LINK
from shared.domain.rules import Refused
from shared.web.csrf import require_csrf

router = APIRouter(route_class=WizardRoute, include_in_schema=False)


@router.api_route("/", methods=["GET", "HEAD"])
async def front(view: WizardView) -> Response:
    return view.error(404, NO_LINK)


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkPage:
    """The page of one link, as the browser that opened it may see it."""

    view: WizardView
    link: InvitationLink
    session: CurrentSession
    browser: Browser
    now: Now

    def show(self, invitation: Invitation | None) -> Response:
        if invitation is None:
            return self.view.show("waiting.html", None)
        path = f"/i/{self.view.request.path_params['link']}"
        why = screens.ended(invitation, self.link.generation, self.now)
        if why is not None:
            return self.view.show("ended.html", invitation, status=410, why=why, ask_at=f"{path}/ask")
        own = self.has_session_of(invitation) or (self.browser is not None and self.browser == invitation.browser)
        elsewhere = invitation.session is not None and not own
        return self.view.show("invitation.html", invitation, elsewhere=elsewhere, begun=own, start_at=f"{path}/start")

    def has_session_of(self, invitation: Invitation) -> bool:
        return self.session is not None and self.session.hashed == invitation.session


CurrentLinkPage = Annotated[LinkPage, Depends()]


@router.api_route("/i/{link}", methods=["GET", "HEAD"])
async def show_link(request: Request, link: InvitationLink, page: CurrentLinkPage, repository: Repository) -> Response:
    """Shows the invitation. Mail scanners may come here as often as they like."""
    invitation = await repository.get(link.invitation_id)
    if "hx-request" in request.headers:  # the waiting page asks whether there is something to show
        return Response(status_code=204, headers={"HX-Refresh": "true"} if invitation else {})
    return page.show(invitation)


@router.post("/i/{link}/start", dependencies=[Depends(require_csrf("open"))])
async def start(
    link: InvitationLink,
    page: CurrentLinkPage,
    repository: Repository,
    sessions: BrowserSessions,
    form: Annotated[OpenForm, Form()],
) -> Response:
    """The session begins in this browser."""
    invitation = await repository.get(link.invitation_id)
    if invitation and page.has_session_of(invitation):
        return page.view.to_wizard()
    cookie = sessions.begin(link.invitation_id, link.generation)
    try:
        beginning = (link.generation, hashed(cookie), page.browser, form.take_over == "yes")
        await repository.apply(link.invitation_id, invitations.open_link, *beginning)
    except Refused:
        return page.show(await repository.get(link.invitation_id))
    return page.view.to_wizard(session_cookie=cookie)


@router.post("/i/{link}/ask", dependencies=[Depends(require_csrf("ask"))])
async def ask(link: InvitationLink, view: WizardView, repository: Repository) -> Response:
    """`Ask for a new invitation`: once an hour is enough, and that is not said."""
    return view.show("asked.html", await repository.apply(link.invitation_id, invitations.ask_again))
