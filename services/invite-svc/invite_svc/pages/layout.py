"""What all pages of the wizard work with: the invitation of a request, rendering, changing, limits, refusals."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from fastapi import Request
from starlette.responses import RedirectResponse, Response

from invite_svc.domain import Invitation
from invite_svc.pages import screens
from invite_svc.pages.sessions import Session, Sessions
from invite_svc.pages.texts import REFUSALS
from invite_svc.settings import InviteSettings
from shared.crypto.invitation_links import Links
from shared.crypto.sealed_box import Opener, Sealer
from shared.domain.rules import Clock, Facts, Refused, Rule
from shared.http.client_address import client_address, counted_as
from shared.http.rate_limits import Limits
from shared.http.refusals import RefusedWith, TooMany
from shared.i18n.catalogs import N_
from shared.observability.logs import current_trace
from shared.store.store import Store
from shared.web.pages import Pages

Handler = Callable[[Request], Awaitable[Response]]

WIZARD, GUIDANCE = "/w", "/guidance"
FORM_PAGES = frozenset({f"{WIZARD}/device", f"{WIZARD}/app", f"{WIZARD}/trouble"})
WINDOW, DAY = timedelta(minutes=10), timedelta(days=1)
AGAIN = N_("Back to the sign-in")


@dataclass(frozen=True, kw_only=True)
class Desk:
    settings: InviteSettings
    store: Store[Invitation]
    pages: Pages
    sessions: Sessions
    links: Links
    sealer: Sealer
    opener: Opener
    limits: Limits
    clock: Clock

    # --- the invitation -----------------------------------------------------------------------------------------

    def session(self, request: Request) -> Session | None:
        return self.sessions.read(request.cookies.get(self.pages.cookie))

    async def invitation(self, id: str) -> Invitation | None:
        found = await self.store.get(id)
        return found.state if found else None

    async def mine(self, request: Request) -> tuple[Session, Invitation]:
        """The request's session and its invitation. Raises: Refused (`no_session`, `continue_here`)."""
        session = self.session(request)
        invitation = await self.invitation(session.invitation_id) if session else None
        if session is None or invitation is None:
            raise Refused("no_session", "Open the link in the mail again.", status=403)
        if invitation.session != session.hashed:
            raise Refused("continue_here", "This invitation is open in another browser.", status=403)
        return session, invitation

    async def change(self, id: str, rule: Rule[Invitation, *Facts], *facts: *Facts) -> Invitation | None:
        return (await self.store.apply(id, rule, *facts, trace=current_trace(), follows=True)).state

    async def count(self, request: Request, name: str, limit: int) -> None:
        """Raises: Refused (429)."""
        source = counted_as(client_address(request, self.settings.proxies))
        await self.limits.check(name, source, limit, WINDOW, self.clock())

    async def count_tenant(self, invitation: Invitation) -> None:
        """One more sign-in at this tenant, whoever begins it from wherever. Raises: Refused (429)."""
        limit = self.settings.starts_per_tenant
        try:
            await self.limits.check("tenant", invitation.tenant_id.lower(), limit, DAY, self.clock())
        except TooMany as error:
            detail = "Too many sign-ins were begun for this organisation today; try again tomorrow."
            raise RefusedWith("tenant_busy", detail, status=429, headers=error.headers) from None

    # --- answers ------------------------------------------------------------------------------------------------

    def say(self, request: Request, invitation: Invitation | None) -> Callable[[str], str]:
        return self.pages.gettext(self.pages.language(request, invitation.locale if invitation else None))

    def show(
        self,
        request: Request,
        template: str,
        invitation: Invitation | None,
        *,
        status: int = 200,
        **context: Any,
    ) -> Response:
        say = self.say(request, invitation)
        known = screens.about(invitation, self.settings.scopes, say) if invitation else {}
        return self.pages.render(
            request,
            template,
            status=status,
            language=invitation.locale if invitation else None,
            **(known | self.names() | context),
        )

    def names(self) -> dict[str, Any]:
        provider = self.settings.provider_name
        app = self.settings.entra_app_name or provider
        return {
            "provider": provider,
            "publisher": self.settings.entra_publisher,
            "app_name": app,
            "device_app_name": self.settings.entra_device_app_name or app,
        }

    def refusal(
        self,
        request: Request,
        code: str,
        status: int,
        invitation: Invitation | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """A refusal as a page of its own, with the way back to the wizard."""
        say = self.say(request, invitation)
        title, detail = REFUSALS[code]
        response = self.pages.error(
            request,
            status,
            say(title),
            say(detail),
            say(N_("Go on from the page of your invitation.")),
            action_url=WIZARD,
            action_label=say(AGAIN),
            language=invitation.locale if invitation else None,
        )
        response.headers.update(headers or {})
        return response

    def answering(self, handler: Handler) -> Handler:
        """The handler with its refusals as pages: where only the state is another, the wizard shows it."""

        async def answer(request: Request) -> Response:
            try:
                return await handler(request)
            except Refused as error:
                refused = error
            if refused.code not in REFUSALS:
                return RedirectResponse(WIZARD, 303)
            headers = refused.headers if isinstance(refused, RefusedWith) else {}
            session = self.session(request)
            invitation = await self.invitation(session.invitation_id) if session else None
            return self.refusal(request, refused.code, refused.status, invitation, headers=headers)

        return answer


def place(request: Request) -> str | None:
    """The page that a form was sent from: its own address, the link's page, or the wizard."""
    path = request.url.path
    if path.startswith("/i/"):
        return path.rpartition("/")[0] if path.count("/") > 2 else path
    return path if path in FORM_PAGES else WIZARD


async def field(request: Request, name: str) -> str:
    """One text field of a form; a file or nothing counts as empty."""
    value = (await request.form()).get(name)
    return value if isinstance(value, str) else ""


def texts(errors: Mapping[str, str], say: Callable[[str], str]) -> tuple[dict[str, str], Sequence[tuple[str, str]]]:
    """A form's errors in the reader's language: by field, and as pairs for the summary."""
    said = {name: say(error) for name, error in errors.items()}
    return said, list(said.items())
