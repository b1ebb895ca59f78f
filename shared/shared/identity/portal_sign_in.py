"""Operators' sign-in for pages: the routes under /auth, a session of our own, and the dependency that asks for it."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Awaitable, Callable, Sequence
from urllib.parse import quote, unquote, urlencode, urlsplit

from fastapi import APIRouter, Depends, FastAPI, Request
from starlette.responses import RedirectResponse, Response

from shared.crypto.secret import Secret
from shared.domain.rules import Clock, Refused, utc_now
from shared.http.client_address import Network, client_address
from shared.http.problems import problem, wants_page
from shared.i18n.marks import N_
from shared.identity.authorization_code import Client, SignIn, derived, failed
from shared.identity.bearer import ORDER, demand, identity_of
from shared.identity.oidc import Issuer
from shared.identity.sessions import Session, Sessions
from shared.identity.token_verifier import TokenRefused
from shared.web.csrf import delete_cookie, require_csrf, set_cookie
from shared.web.pages import Pages

log = logging.getLogger(__name__)

SIGN_IN, CALLBACK, SIGN_OUT, SIGNED_OUT = "/auth/sign-in", "/auth/callback", "/auth/sign-out", "/auth/signed-out"
SIGN_OUT_FORM = "sign-out"
PENDING_SECONDS = 15 * 60


class SignInNeeded(Exception):
    """No session, or one that has ended."""


class Operators:
    """The sign-in of one service; its session cookie is `pages.cookie`, so that forms' tokens are bound to it.

    The form to sign out: POST /auth/sign-out with the token `csrf("sign-out")`.
    """

    def __init__(
        self,
        issuer: Issuer,
        sessions: Sessions,
        pages: Pages,
        *,
        client_id: str,
        client_secret: Secret[str],
        portal_url: str,
        proxies: Sequence[Network] = (),
        clock: Clock = utc_now,
    ) -> None:
        self.issuer, self.sessions, self._pages = issuer, sessions, pages
        self._sign_in_at = SignIn(issuer, Client(client_id, client_secret, f"{portal_url}{CALLBACK}"))
        self._pending_cookie = f"{pages.cookie}-signin"
        self._proxies, self._clock = proxies, clock

    # --- what routes depend on ---------------------------------------------------------------------------------

    def operator(self, role: str = ORDER[0]) -> Callable[[Request], Awaitable[Session]]:
        """A dependency: the session of an operator with this role. Pages without one lead to the sign-in."""

        async def check(request: Request) -> Session:
            session = await self.session(request)
            if session is None:
                raise SignInNeeded
            demand(session.identity, role)
            request.state.identity, request.state.caller = session.identity, session.actor.id
            return session

        return check

    async def session(self, request: Request) -> Session | None:
        """The session of a request, if there is one."""
        address = client_address(request, self._proxies)
        return await self.sessions.find(request.cookies.get(self._pages.cookie), self._clock(), address)

    # --- routes ------------------------------------------------------------------------------------------------

    def install(self, app: FastAPI) -> None:
        """The routes, and the way to the sign-in for pages without a session."""
        app.include_router(self.router())
        app.add_exception_handler(SignInNeeded, self._lead_to_sign_in)

    def router(self) -> APIRouter:
        router = APIRouter(include_in_schema=False)
        ours = [Depends(require_csrf(SIGN_OUT_FORM))]
        router.add_api_route(SIGN_IN, self._sign_in, methods=["GET"], response_model=None)
        router.add_api_route(CALLBACK, self._callback, methods=["GET"], response_model=None)
        router.add_api_route(SIGN_OUT, self._sign_out, methods=["POST"], response_model=None, dependencies=ours)
        router.add_api_route(SIGNED_OUT, self._signed_out, methods=["GET"], response_model=None)
        return router

    async def _sign_in(self, request: Request) -> Response:
        seed = secrets.token_urlsafe(32)
        response = RedirectResponse(await self._sign_in_at.authorization_url(seed), 303)
        path = quote(own_path(request.query_params.get("next")), safe="")
        set_cookie(response, self._pending_cookie, f"{seed}.{path}", self._pages.secure, PENDING_SECONDS)
        return response

    async def _callback(self, request: Request) -> Response:
        """Finishes a sign-in, once, in the browser that began it."""
        try:
            response = await self._finish(request)
        except Refused as error:
            response = self._again(request, error)
        delete_cookie(response, self._pending_cookie, self._pages.secure)
        return response

    async def _finish(self, request: Request) -> Response:
        now = self._clock()
        seed, _, path = request.cookies.get(self._pending_cookie, "").partition(".")
        code = self._sign_in_at.code(request.query_params, seed)
        if not await self.sessions.use_up(derived(seed, "state"), now):
            raise failed(N_("This sign-in was finished already."))
        claims = await self._sign_in_at.redeem(code, seed, now)
        try:
            identity = identity_of(claims, client_address(request, self._proxies))
        except TokenRefused:
            raise failed(N_("The sign-in service did not accept the sign-in.")) from None
        demand(identity, ORDER[0])
        await self.sessions.end(request.cookies.get(self._pages.cookie))
        response = RedirectResponse(own_path(unquote(path)), 303)
        set_cookie(response, self._pages.cookie, await self.sessions.begin(identity, now), self._pages.secure)
        log.info("operator %s signed in", identity.actor.id)
        return response

    async def _sign_out(self, request: Request) -> Response:
        await self.sessions.end(request.cookies.get(self._pages.cookie))
        response = RedirectResponse(SIGNED_OUT, 303)
        delete_cookie(response, self._pages.cookie, self._pages.secure)
        return response

    async def _signed_out(self, request: Request) -> Response:
        todo = N_("Your sign-in at the sign-in service itself goes on; close the browser on a shared computer.")
        return self._message(request, 200, N_("You are signed out"), N_("Your session here has ended."), todo)

    def _again(self, request: Request, error: Refused) -> Response:
        if error.status == 403:
            return self._pages.error(request, 403)
        return self._message(request, error.status, N_("You are not signed in"), error.detail, N_("Sign in again."))

    def _message(self, request: Request, status: int, title: str, detail: str, todo: str) -> Response:
        say = self._pages.gettext(self._pages.language(request))
        link = {"action_url": SIGN_IN, "action_label": say(N_("Sign in"))}
        return self._pages.error(request, status, say(title), say(detail), say(todo), **link)

    async def _lead_to_sign_in(self, request: Request, error: Exception) -> Response:
        """The sign-in, then back to where the operator was (after a form: to the first page)."""
        htmx = request.headers.get("hx-request") == "true"
        if not htmx and not wants_page(request):
            return problem(401, "session_missing", "Your session has ended; sign in again.")
        came = f"{request.url.path}?{request.url.query}" if request.url.query else request.url.path
        path = own_path(came) if request.method == "GET" and not htmx else "/"
        target = f"{SIGN_IN}?{urlencode({'next': path})}"
        return Response(status_code=401, headers={"HX-Redirect": target}) if htmx else RedirectResponse(target, 303)


def own_path(text: str | None) -> str:
    """A path of this site to return to, or `/`: never another host, scheme or the sign-in itself."""
    if not text or len(text) > 1000 or not text.isprintable() or "\\" in text:
        return "/"
    try:
        parts = urlsplit(text)
    except ValueError:
        return "/"
    own = not parts.scheme and not parts.netloc and text.startswith("/") and not text.startswith("//")
    return text if own and not parts.path.startswith("/auth/") else "/"
