"""How the wizard's pages are rendered: in the reader's language, with what every page says; refusals as pages too."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.routing import APIRoute
from starlette.responses import RedirectResponse, Response

from invite_svc.domain.model import Invitation
from invite_svc.pages import screens
from invite_svc.pages.dependencies import WrongLink, current_invitation, current_session
from invite_svc.pages.texts import REFUSALS, WRONG_LINK, ErrorText
from invite_svc.settings import InviteSettings
from shared.domain.rules import Refused
from shared.http.refusals import RefusedWith
from shared.i18n.marks import N_
from shared.web.csrf import set_cookie
from shared.web.pages import Pages

WIZARD, GUIDANCE = "/w", "/guidance"
FORM_PAGES = frozenset({f"{WIZARD}/device", f"{WIZARD}/app", f"{WIZARD}/trouble"})
BACK_TO_SIGN_IN = N_("Back to the sign-in")


class View:
    """Renders the pages that answer one request."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self._pages: Pages = request.app.state.pages
        self._settings: InviteSettings = request.app.state.settings

    @property
    def provider(self) -> str:
        """The name of the service provider who invites."""
        return self._settings.provider_name

    def say(self, invitation: Invitation | None = None) -> Callable[[str], str]:
        """Translates into the language of the page."""
        return self._pages.gettext(self._pages.language(self.request, invitation.locale if invitation else None))

    def show(self, template: str, invitation: Invitation | None, *, status: int = 200, **context: Any) -> Response:
        known = screens.about(invitation, self._settings.scopes, self.say(invitation)) if invitation else {}
        return self._pages.render(
            self.request,
            template,
            status=status,
            language=invitation.locale if invitation else None,
            **(known | self._names() | context),
        )

    def _names(self) -> dict[str, Any]:
        app = self._settings.entra_app_name or self.provider
        return {
            "provider": self.provider,
            "publisher": self._settings.entra_publisher,
            "app_name": app,
            "device_app_name": self._settings.entra_device_app_name or app,
        }

    def error(
        self, status: int, text: ErrorText, invitation: Invitation | None = None, *, with_way_back: bool = False
    ) -> Response:
        """A page that says what is wrong and what to do; `with_way_back`: with a link to the wizard's page."""
        say = self.say(invitation)
        action = {"action_url": WIZARD, "action_label": say(BACK_TO_SIGN_IN)} if with_way_back else {}
        return self._pages.error(
            self.request,
            status,
            say(text.title),
            say(text.detail),
            say(text.todo),
            language=invitation.locale if invitation else None,
            **action,
        )

    def to_wizard(self, session_cookie: str | None = None) -> Response:
        """Leads on to the wizard's page; `session_cookie`: with the session that begins."""
        response = RedirectResponse(WIZARD, 303)
        if session_cookie:
            set_cookie(response, self._pages.cookie, session_cookie, self._pages.secure)
        return response


WizardView = Annotated[View, Depends()]


class WizardRoute(APIRoute):
    """Shows refusals as pages: of their own, or the wizard's, where only the state of the invitation refuses."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().get_route_handler()

        async def handle(request: Request) -> Response:
            try:
                return await handler(request)
            except WrongLink as error:
                with_way_back = await current_session(request) is not None
                return View(request).error(error.status, WRONG_LINK, with_way_back=with_way_back)
            except Refused as error:
                return await _refused(request, error)

        return handle


async def _refused(request: Request, refused: Refused) -> Response:
    view = View(request)
    if refused.code not in REFUSALS:
        return view.to_wizard()
    invitation = await current_invitation(request)
    response = view.error(refused.status, REFUSALS[refused.code], invitation, with_way_back=True)
    response.headers.update(refused.headers if isinstance(refused, RefusedWith) else {})
    return response


def form_page(request: Request) -> str | None:
    """The page that a form was sent from: its own address, the link's page, or the wizard."""
    path = request.url.path
    if path.startswith("/i/"):
        return path.rpartition("/")[0] if path.count("/") > 2 else path
    return path if path in FORM_PAGES else WIZARD
