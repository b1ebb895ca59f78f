"""What the wizard's routes depend on: what the service provides (`Service.provide`), and who a request comes from.

All are `async`: FastAPI hands others to a thread, for each request.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from fastapi import Depends, Request

from invite_svc.domain.model import Invitation
from invite_svc.pages import screens
from invite_svc.pages.limits import WizardLimits
from invite_svc.pages.repository import InvitationRepository
from invite_svc.pages.sessions import Session, Sessions, hashed
from invite_svc.settings import InviteSettings
from shared.contracts.events import Method
from shared.crypto.invitation_links import Link, Links
from shared.crypto.sealed_box import Opener, Sealer
from shared.domain.rules import Refused
from shared.web.csrf import form_cookie_name


def _provided(name: str) -> Any:
    async def value(request: Request) -> Any:
        return getattr(request.app.state, name)

    return Depends(value)


Settings = Annotated[InviteSettings, _provided("settings")]
Repository = Annotated[InvitationRepository, _provided("repository")]
BrowserSessions = Annotated[Sessions, _provided("sessions")]
MessageSealer = Annotated[Sealer, _provided("sealer")]
MessageOpener = Annotated[Opener, _provided("opener")]
Limits = Annotated[WizardLimits, _provided("limits")]


async def _now(request: Request) -> datetime:
    now: datetime = request.app.state.clock()
    return now


Now = Annotated[datetime, Depends(_now)]

# --- the link in the mail ---------------------------------------------------------------------------------------


class WrongLink(Refused):
    """An address that is none of our links: the same whatever is wrong with it."""

    def __init__(self) -> None:
        super().__init__("link_unknown", "This link is not valid.", status=404)


async def _link(request: Request, link: str) -> Link:
    """Raises: WrongLink, TooMany."""
    links: Links = request.app.state.links
    limits: WizardLimits = request.app.state.limits
    if (known := links.read(link)) is not None:
        return known
    await limits.count_wrong_link(request)
    raise WrongLink


InvitationLink = Annotated[Link, Depends(_link)]

# --- the browser session ----------------------------------------------------------------------------------------


async def current_session(request: Request) -> Session | None:
    """The session that the request's cookie states, whether or not it is still the invitation's."""
    sessions: Sessions = request.app.state.sessions
    return sessions.read(request.cookies.get(request.app.state.pages.cookie))


async def _browser(request: Request) -> str | None:
    """The hash of the cookie that marks a browser before it has a session."""
    cookie = request.cookies.get(form_cookie_name(request.app.state.pages.cookie))
    return hashed(cookie) if cookie else None


Browser = Annotated[str | None, Depends(_browser)]
CurrentSession = Annotated[Session | None, Depends(current_session)]


async def current_invitation(request: Request) -> Invitation | None:
    """The invitation that the request's session began with."""
    repository: InvitationRepository = request.app.state.repository
    session = await current_session(request)
    return await repository.get(session.invitation_id) if session else None


CurrentInvitation = Annotated[Invitation | None, Depends(current_invitation)]


@dataclass(frozen=True, slots=True)
class Visit:
    """The one browser session that may go on with an invitation."""

    session: Session
    invitation: Invitation


async def current_visit(session: CurrentSession, invitation: CurrentInvitation) -> Visit:
    """Raises: Refused (`no_session`, `continue_here`)."""
    if session is None or invitation is None:
        raise Refused("no_session", "Open the link in the mail again.", status=403)
    if invitation.session != session.hashed:
        raise Refused("continue_here", "This invitation is open in another browser.", status=403)
    return Visit(session, invitation)


CurrentVisit = Annotated[Visit, Depends(current_visit)]


async def _open_visit(visit: CurrentVisit, now: Now) -> Visit:
    """Raises: Refused, where only the wizard's page has something to show."""
    name = screens.screen(visit.invitation, now).name
    if name in ("done", "ended", "finishing"):
        raise Refused(f"invitation_{name}", "This invitation has ended.")
    return visit


OpenVisit = Annotated[Visit, Depends(_open_visit)]


def _offering(method: Method) -> Callable[[Visit], Awaitable[Visit]]:
    async def offered(visit: OpenVisit) -> Visit:
        if method not in visit.invitation.methods:
            raise Refused("method_not_offered", "This way is not offered by this invitation.", status=422)
        return visit

    return offered


DeviceCodeVisit = Annotated[Visit, Depends(_offering("device_code"))]
AppRegistrationVisit = Annotated[Visit, Depends(_offering("app_registration"))]
