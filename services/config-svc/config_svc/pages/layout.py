"""What all pages of the portal share: navigation, the operator, roles, tokens of forms, refusals, messages."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qsl, urlencode

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from config_svc.application import Application
from config_svc.domain.model import Customer
from config_svc.pages.forms import Filled
from config_svc.texts.refusal_texts import DONE, texts
from shared.domain.rules import Refused
from shared.http.idempotency import action_key
from shared.i18n.catalogs import N_
from shared.identity.bearer import ADMIN, OPERATOR, VIEWER, demand
from shared.identity.portal_sign_in import SIGN_OUT_FORM, Operators, own_path
from shared.identity.sessions import Session
from shared.web.csrf import require_csrf
from shared.web.pages import NavGroup, NavItem, Pages

Handler = Callable[[Request, Session], Awaitable[Response]]
HOME = "/customers"

NAVIGATION = (
    NavGroup((NavItem(label=N_("Customers"), url=HOME, key="customers", icon="customers"),)),
    NavGroup((NavItem(label=N_("M365 Configuration"), url="/m365", key="m365", icon="settings"),), N_("Configuration")),
    NavGroup(
        (
            NavItem(label=N_("Pending Invitations"), url="/invitations", key="invitations", icon="mail"),
            NavItem(label=N_("Authentication Status"), url="/status", key="status", icon="shield"),
            NavItem(label=N_("Bulk Switch"), url="/bulk-switches", key="bulks", icon="customers"),
        ),
        N_("Multitenant"),
    ),
    NavGroup(
        (
            NavItem(label=N_("Live"), url="/live", key="live", icon="live"),
            NavItem(label=N_("Audit"), url="/audit", key="audit", icon="audit"),
            NavItem(label=N_("Settings"), url="/settings", key="settings", icon="settings"),
        ),
        N_("Operations"),
    ),
)
ROLES = ((ADMIN, N_("Administrator")), (OPERATOR, N_("Operator")), (VIEWER, N_("Viewer")))


@dataclass(frozen=True)
class Frame:
    """Given to every page."""

    application: Application
    pages: Pages
    operators: Operators

    # --- routes --------------------------------------------------------------------------------------------------

    def add(self, router: APIRouter, path: str, handler: Handler, role: str, *, form: str | None = None) -> None:
        """A page (GET), or what takes the form of that name (POST)."""
        method = "GET" if form is None else "POST"
        router.add_api_route(path, self._guarded(handler, role, form), methods=[method], response_model=None)

    def _guarded(self, handler: Handler, role: str, form: str | None) -> Callable[[Request], Awaitable[Response]]:
        signed_in = self.operators.operator(VIEWER)
        ours = require_csrf(form, self.pages.cookie) if form else None

        async def answer(request: Request) -> Response:
            session = await signed_in(request)
            try:
                demand(session.identity, role)
                if ours is not None:
                    await ours(request)
                return await handler(request, session)
            except Refused as error:
                return self.refused(request, session, error)

        return answer

    # --- answers -------------------------------------------------------------------------------------------------

    def say(self, request: Request) -> Callable[[str], str]:
        return self.pages.gettext(self.pages.language(request))

    def show(
        self,
        request: Request,
        session: Session,
        template: str,
        *,
        active: str,
        status: int = 200,
        flash: tuple[Mapping[str, str], ...] = (),
        **context: Any,
    ) -> Response:
        caller = session.actor.id
        known: dict[str, Any] = {
            "nav": _navigation(context.get("customer")),
            "active": active,
            "user": session.actor.name,
            "role": self.say(request)(_role(session)),
            "q": None,
            "now": self.application.clock(),
            "sign_out_form": SIGN_OUT_FORM,
            "is_operator": session.has(OPERATOR),
            "is_admin": session.has(ADMIN),
            "key": lambda *parts: action_key(caller, *parts),
            "flash": (*self._done(request), *flash),
        }
        return self.pages.render(request, template, status=status, **(known | context))

    def _done(self, request: Request) -> tuple[Mapping[str, str], ...]:
        """What was just done, named in the address by a word that we know."""
        text = DONE.get(request.query_params.get("done", ""))
        return ({"text": self.say(request)(text), "kind": "success", "todo": ""},) if text else ()

    def refused(self, request: Request, session: Session, error: Refused) -> Response:
        """A refusal as a page of its own, with a way on."""
        say = self.say(request)
        what, todo = texts(error, say)
        title = N_("There is nothing here") if error.status == 404 else N_("This was not done")
        response = self.show(
            request, session, "refused.html", active="", status=error.status, title=say(title), what=what, todo=todo
        )
        response.headers.update(getattr(error, "headers", {}))
        return response

    def problem(self, request: Request, error: Refused) -> Mapping[str, str]:
        """A refusal as a message on the page that it concerns."""
        what, todo = texts(error, self.say(request))
        return {"text": what, "kind": "danger", "todo": todo}

    def back(self, form: Filled, default: str, done: str) -> Response:
        """After a form: to where the operator was, with a word on what was done."""
        path, _, query = (own_path(form.text("back")) if form.text("back") else default).partition("?")
        said = [(name, text) for name, text in parse_qsl(query) if name != "done"]
        return RedirectResponse(f"{path}?{urlencode([*said, ('done', done)])}", 303)


def _role(session: Session) -> str:
    """The highest role of who is signed in, in words."""
    return next(name for role, name in ROLES if session.has(role))


def _navigation(customer: Customer | None) -> Sequence[NavGroup]:
    """With a customer chosen, M365 Configuration is that customer's."""
    if customer is None:
        return NAVIGATION
    first, configuration, *rest = NAVIGATION
    (item,) = configuration.items
    chosen = replace(item, url=f"{HOME}/{customer.id}")
    return first, replace(configuration, items=(chosen,)), *rest
