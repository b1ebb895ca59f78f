"""One sign-in at an OpenID Connect issuer: authorization code with PKCE, state and nonce, for a confidential client.

State, nonce and verifier are derived from one random seed that only the browser's cookie holds, so nothing is kept for
a sign-in that is never finished.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import httpx

from shared.crypto.secret import Secret
from shared.domain.rules import Refused, Unavailable
from shared.i18n.marks import N_
from shared.identity.oidc import TIMEOUT_SECONDS, Issuer
from shared.identity.token_verifier import TokenRefused

log = logging.getLogger(__name__)

SCOPES = "openid profile email"


@dataclass(frozen=True, slots=True)
class Client:
    """Our registration at the issuer."""

    id: str
    secret: Secret[str]
    redirect: str
    """The address of our own that the issuer sends the browser back to."""


class SignIn:
    """Asks, and takes the answer."""

    def __init__(self, issuer: Issuer, client: Client) -> None:
        self._issuer, self._client = issuer, client

    async def authorization_url(self, seed: str) -> str:
        """The address at the issuer that the browser is sent to. Raises: Unavailable."""
        authorize = await self._issuer.endpoint("authorization_endpoint")
        asked = {
            "client_id": self._client.id,
            "response_type": "code",
            "response_mode": "query",
            "redirect_uri": self._client.redirect,
            "scope": SCOPES,
            "state": derived(seed, "state"),
            "nonce": derived(seed, "nonce"),
            "code_challenge": _b64(hashlib.sha256(derived(seed, "verifier").encode()).digest()),
            "code_challenge_method": "S256",
        }
        return f"{authorize}{'&' if '?' in authorize else '?'}{urlencode(asked)}"

    def code(self, answer: Mapping[str, str], seed: str) -> str:
        """The authorization code of the answer to this browser's own authorization_url. Raises: Refused."""
        ours = hmac.compare_digest(answer.get("state", "").encode(), derived(seed, "state").encode())
        if not seed or not ours or answer.get("iss", self._issuer.url) != self._issuer.url:
            raise failed(N_("The sign-in took too long, or was begun in another browser."))
        if "error" in answer:
            log.warning("the issuer refused a sign-in: %s", _error_code(answer["error"]))
            raise failed(N_("The sign-in was cancelled, or the sign-in service refused it."))
        if not answer.get("code"):
            raise failed(N_("The sign-in service did not accept the sign-in."))
        return answer["code"]

    async def redeem(self, code: str, seed: str, now: datetime) -> dict[str, Any]:
        """The verified claims of the id_token for a code. Raises: Refused, Unavailable."""
        answer = await self._ask(code, derived(seed, "verifier"))
        token = answer.get("id_token")
        if not isinstance(token, str):
            log.error("the issuer gives no id_token: %s", _error_code(answer.get("error")))
            raise failed(N_("The sign-in service did not accept the sign-in."))
        try:
            return await self._issuer.verify(token, self._client.id, now, nonce=derived(seed, "nonce"))
        except TokenRefused as error:
            log.error("the issuer's id_token does not count: %s", error)
            raise failed(N_("The sign-in service's answer does not belong to this sign-in.")) from None

    async def _ask(self, code: str, verifier: str) -> dict[str, Any]:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._client.redirect,
            "client_id": self._client.id,
            "client_secret": self._client.secret.reveal(),
            "code_verifier": verifier,
        }
        url = await self._issuer.endpoint("token_endpoint")
        try:
            response = await asyncio.wait_for(self._issuer.client.post(url, data=form), TIMEOUT_SECONDS)
            answer = response.json()
        except (httpx.HTTPError, TimeoutError, ValueError, RecursionError) as error:
            raise Unavailable("the sign-in service", type(error).__name__) from None
        if response.status_code >= 500 or not isinstance(answer, dict):
            raise Unavailable("the sign-in service", f"it answers {response.status_code}")
        return answer


def failed(detail: str) -> Refused:
    return Refused("sign_in_failed", detail, status=400)


def derived(seed: str, purpose: str) -> str:
    return _b64(hmac.digest(seed.encode(), f"tokenswitch/sign-in/{purpose}/1".encode(), hashlib.sha256))


def _b64(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def _error_code(code: object) -> str:
    """An error code for the log: what is no code is left out."""
    return "".join(letter for letter in str(code)[:60] if letter.isascii() and (letter.isalnum() or letter in "_-."))
