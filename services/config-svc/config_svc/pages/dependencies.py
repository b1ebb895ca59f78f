"""What pages depend on: who is signed in with which role, the application, the layout, and a form with its token."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends, Header, Request

from config_svc.pages.forms import SubmittedForm, read
from config_svc.pages.layout import PortalLayout
from shared.identity.bearer import ADMIN, OPERATOR, demand
from shared.identity.portal_sign_in import Operators
from shared.identity.sessions import Session
from shared.web.csrf import require_csrf

# --- who is signed in ------------------------------------------------------------------------------------------------


async def _signed_in(request: Request) -> Session:
    """Whoever signed in may view. Raises: SignInNeeded, which leads to the sign-in."""
    operators: Operators = request.app.state.operators
    request.state.session = session = await operators.operator()(request)
    return session


ViewerSession = Annotated[Session, Depends(_signed_in)]


def _signed_in_as(role: str) -> Callable[[ViewerSession], Awaitable[Session]]:
    async def check(session: ViewerSession) -> Session:
        demand(session.identity, role)
        return session

    return check


OperatorSession = Annotated[Session, Depends(_signed_in_as(OPERATOR))]
AdminSession = Annotated[Session, Depends(_signed_in_as(ADMIN))]


# --- what it works with ----------------------------------------------------------------------------------------------


async def _layout(request: Request, session: ViewerSession) -> PortalLayout:
    return PortalLayout(request, session)


async def _by_htmx(hx_request: Annotated[str, Header()] = "") -> bool:
    """Our script asks: for a part of a page instead of the page."""
    return hx_request == "true"


Layout = Annotated[PortalLayout, Depends(_layout)]
ByHtmx = Annotated[bool, Depends(_by_htmx)]


def submitted(name: str) -> Callable[[Request, ViewerSession], Awaitable[SubmittedForm]]:
    """The form of that name, sent from our own page. Roles are asked for before: the session is the first parameter."""

    async def check(request: Request, session: ViewerSession) -> SubmittedForm:
        await require_csrf(name)(request)
        return await read(request, session.actor.id)

    return check
