"""What pages depend on: who is signed in with which role, the application, the layout, and what an address asks for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Depends, Request
from pydantic import AfterValidator, BaseModel, Field

from config_svc.application import Application
from config_svc.pages.forms import SubmittedForm, read
from config_svc.pages.layout import PortalLayout
from shared.identity.bearer import ADMIN, OPERATOR, demand
from shared.identity.portal_sign_in import Operators
from shared.identity.sessions import Session
from shared.web.csrf import require_csrf

# --- who is signed in ------------------------------------------------------------------------------------------------


async def signed_in(request: Request) -> Session:
    """Whoever signed in may view. Raises: SignInNeeded, which leads to the sign-in."""
    operators: Operators = request.app.state.operators
    request.state.session = session = await operators.operator()(request)
    return session


ViewerSession = Annotated[Session, Depends(signed_in)]


def signed_in_as(role: str) -> Callable[[ViewerSession], Awaitable[Session]]:
    async def check(session: ViewerSession) -> Session:
        demand(session.identity, role)
        return session

    return check


OperatorSession = Annotated[Session, Depends(signed_in_as(OPERATOR))]
AdminSession = Annotated[Session, Depends(signed_in_as(ADMIN))]


# --- what it works with ----------------------------------------------------------------------------------------------


async def application(request: Request) -> Application:
    found: Application = request.app.state.application
    return found


async def layout(request: Request, session: ViewerSession) -> PortalLayout:
    return PortalLayout(request, session)


App = Annotated[Application, Depends(application)]
Layout = Annotated[PortalLayout, Depends(layout)]


def submitted(name: str) -> Callable[[Request, ViewerSession], Awaitable[SubmittedForm]]:
    """The form of that name, sent from our own page. Roles are asked for before: the session is the first parameter."""

    async def check(request: Request, session: ViewerSession) -> SubmittedForm:
        await require_csrf(name, request.app.state.pages.cookie)(request)
        return await read(request, session.actor.id)

    return check


# --- what its address asks for ---------------------------------------------------------------------------------------

Search = Annotated[str, AfterValidator(lambda text: text[:200].strip())]


def one_of(known: Iterable[str], default: str = "") -> AfterValidator:
    """An address may be old or typed by hand: what it cannot mean counts as not given."""
    return AfterValidator(lambda text: text if text in known else default)


class ListQuery(BaseModel):
    """What a list is asked for: the filters, whose fields a list adds; what is no filter is a field with `exclude`."""

    cursor: str | None = Field(None, exclude=True)

    @property
    def filters(self) -> dict[str, str]:
        return self.model_dump(by_alias=True)

    def address(self, path: str, **changes: str | None) -> str:
        """The list's first page with these filters, or as `changes` say."""
        query = {name: text for name, text in (self.filters | changes).items() if text}
        return f"{path}?{urlencode(query)}" if query else path

    def page(self, path: str, cursor: str | None) -> str | None:
        """The page at a cursor, where there is one."""
        return None if cursor is None else self.address(path, cursor=cursor)
