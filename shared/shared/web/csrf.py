"""Cookies, and the token that proves that a form came from our own page."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Awaitable, Callable

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from shared.i18n.marks import N_

CSRF_FIELD = "csrf"
CSRF_HEADER = "X-CSRF-Token"
_PURPOSE = b"tokenswitch/csrf/1"

CSRF_TITLE = N_("This form is no longer valid")
CSRF_DETAIL = N_("The page was open for too long, or cookies are blocked. Nothing was changed.")
CSRF_TODO = N_("Go back, reload the page and send the form again. Cookies must be allowed for this site.")
CSRF_AGAIN = N_("Open the page again")


class CsrfRefused(HTTPException):
    """A form without the token of the page it claims to come from."""

    def __init__(self) -> None:
        super().__init__(403, f"{CSRF_DETAIL} {CSRF_TODO}")


def cookie_name(service: str, https: bool) -> str:
    """Cookies ignore ports, so each service has its own name; under https no other host can set it."""
    return f"__Host-ts-{service}" if https else f"ts-{service}"


def form_cookie_name(cookie: str) -> str:
    """The cookie that forms are bound to before there is a session."""
    return f"{cookie}-form"


def set_cookie(response: Response, name: str, value: str, secure: bool, max_age: int | None = None) -> None:
    response.set_cookie(name, value, max_age=max_age, path="/", secure=secure, httponly=True, samesite="lax")


def delete_cookie(response: Response, name: str, secure: bool) -> None:
    response.delete_cookie(name, path="/", secure=secure, httponly=True, samesite="lax")


def csrf_token(cookie_value: str, form: str) -> str:
    """The token of one form for the holder of one HttpOnly cookie, whose value must be random."""
    if not cookie_value:
        raise ValueError("a form's token needs the value of a cookie")
    key = hmac.digest(cookie_value.encode(), _PURPOSE, hashlib.sha256)
    return urlsafe_b64encode(hmac.digest(key, form.encode(), hashlib.sha256)).rstrip(b"=").decode()


class Csrf:
    """The `csrf` of one page: makes its forms' tokens, and the cookie for them if there is none yet."""

    def __init__(self, request: Request, cookie: str) -> None:
        self._value = next(iter(_cookie_values(request, cookie)), "")
        self.minted = ""

    def __call__(self, form: str) -> str:
        if not self._value:
            self._value = self.minted = secrets.token_urlsafe(32)
        return csrf_token(self._value, form)


def require_csrf(form: str) -> Callable[[Request], Awaitable[None]]:
    """A dependency that lets only our own form through, `Depends(require_csrf("switch"))`, in an application with
    `Pages`. Raises: CsrfRefused."""

    async def check(request: Request) -> None:
        cookie, token = request.app.state.pages.cookie, await _token(request)
        # Both cookies count: a page opened before the session began is still our page.
        if not any(_same(csrf_token(value, form), token) for value in _cookie_values(request, cookie)):
            raise CsrfRefused()

    return check


def _cookie_values(request: Request, cookie: str) -> list[str]:
    found = (request.cookies.get(name) for name in (cookie, form_cookie_name(cookie)))
    return [value for value in found if value]


def _same(ours: str, theirs: str) -> bool:
    return hmac.compare_digest(ours.encode(), theirs.encode())


async def _token(request: Request) -> str:
    header = request.headers.get(CSRF_HEADER)
    if header:
        return header
    value = (await request.form()).get(CSRF_FIELD)
    return value if isinstance(value, str) else ""
