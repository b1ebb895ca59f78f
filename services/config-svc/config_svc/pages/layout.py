"""The portal's layout: navigation, who is signed in, what was just done, and refusals as a page or a message."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, urlencode

from fastapi import Request
from fastapi.routing import APIRoute
from starlette.responses import RedirectResponse, Response

from config_svc.domain.model import Customer
from config_svc.texts.refusal_texts import DONE, texts
from shared.domain.rules import Refused
from shared.http.idempotency import action_key
from shared.http.refusals import RefusedWith
from shared.i18n.marks import N_
from shared.identity.bearer import ADMIN, OPERATOR, VIEWER
from shared.identity.portal_sign_in import SIGN_OUT_FORM, own_path
from shared.identity.sessions import Session
from shared.web.pages import NavGroup, NavItem, Pages

CUSTOMERS = "/customers"

NAVIGATION = (
    NavGroup((NavItem(label=N_("Customers"), url=CUSTOMERS, key="customers", icon="customers"),)),
    NavGroup(
        (NavItem(label=N_("M365 Configuration"), url="/m365", key="customer", icon="settings"),), N_("Configuration")
    ),
    NavGroup(
        (
            NavItem(label=N_("Pending Invitations"), url="/invitations", key="invitations", icon="mail"),
            NavItem(label=N_("Authentication Status"), url="/status", key="status", icon="shield"),
            NavItem(label=N_("Bulk Switch"), url="/bulk-switches", key="bulk_operations", icon="customers"),
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


class PortalLayout:
    """The layout of one request, in the reader's language."""

    def __init__(self, request: Request, session: Session) -> None:
        self._request, self.session = request, session
        self._pages: Pages = request.app.state.pages
        self.gettext = self._pages.gettext(self._pages.language(request))

    def show(
        self, template: str, *, active: str, status: int = 200, refusal: Refused | None = None, **context: Any
    ) -> Response:
        """A page. `active`: the key of its entry in the navigation; `refusal` stands on top, with its status."""
        actor = self.session.actor
        known: dict[str, Any] = {
            "nav": _navigation(context.get("customer")),
            "active": active,
            "user": actor.name,
            "role": self.gettext(next(name for role, name in ROLES if self.session.has(role))),
            "q": None,
            "now": self._request.app.state.application.clock(),
            "sign_out_form": SIGN_OUT_FORM,
            "is_operator": self.session.has(OPERATOR),
            "is_admin": self.session.has(ADMIN),
            "key": lambda *parts: action_key(actor.id, *parts),
            "flash": [*self._done(), *self._message(refusal)],
        }
        status = refusal.status if refusal else status
        return self._pages.render(self._request, template, status=status, **(known | context))

    def _done(self) -> Sequence[dict[str, str]]:
        """What was just done, named in the address by a word that we know."""
        text = DONE.get(self._request.query_params.get("done", ""))
        return [{"text": self.gettext(text), "kind": "success", "todo": ""}] if text else []

    def _message(self, refusal: Refused | None) -> Sequence[dict[str, str]]:
        if refusal is None:
            return []
        what, todo = texts(refusal, self.gettext)
        return [{"text": what, "kind": "danger", "todo": todo}]

    def refused(self, refusal: Refused) -> Response:
        """A refusal as a page of its own, with a way on."""
        what, todo = texts(refusal, self.gettext)
        title = N_("There is nothing here") if refusal.status == 404 else N_("This was not done")
        response = self.show(
            "refused.html", active="", status=refusal.status, title=self.gettext(title), what=what, todo=todo
        )
        response.headers.update(refusal.headers if isinstance(refusal, RefusedWith) else {})
        return response


class PortalRoute(APIRoute):
    """A route whose refusals are pages in the layout, once it is known who is signed in."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handle_refusals(request: Request) -> Response:
            try:
                return await handle(request)
            except Refused as refusal:
                if not hasattr(request.state, "session"):
                    raise
                return PortalLayout(request, request.state.session).refused(refusal)

        return handle_refusals


def redirect_back(path: str, default: str, done: str) -> Response:
    """After a form: to the page that it was on, with a word on what was done."""
    path, _, query = (own_path(path) if path else default).partition("?")
    kept = [(name, text) for name, text in parse_qsl(query) if name != "done"]
    return RedirectResponse(f"{path}?{urlencode([*kept, ('done', done)])}", 303)


def _navigation(customer: Customer | None) -> Sequence[NavGroup]:
    """With a customer chosen, M365 Configuration is that customer's."""
    if customer is None:
        return NAVIGATION
    first, configuration, *rest = NAVIGATION
    (item,) = configuration.items
    chosen = replace(item, url=f"{CUSTOMERS}/{customer.id}")
    return first, replace(configuration, items=(chosen,)), *rest
