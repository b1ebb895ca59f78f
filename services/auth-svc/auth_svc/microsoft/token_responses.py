"""Microsoft's token responses (RFC 6749, 5.1), as MSAL gives them, read into our values. Refusals: `errors`."""

from __future__ import annotations

import json
import logging
import time
from base64 import urlsafe_b64decode
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from msal import SerializableTokenCache, TokenCache

from auth_svc.microsoft.errors import EntraRefused, EntraUnavailable
from auth_svc.microsoft.interfaces import Redeemed, Token
from shared.crypto.secret import Secret

log = logging.getLogger(__name__)
OWN_SECRET_RETRY_SECONDS = 60

_OUR_OWN_SECRET = ("secret_wrong", "secret_expired", "client_refused")
"""What `invalid_client` says of a secret: AADSTS7000215, 7000222, or no number at all."""
Ask = Callable[[bool, str | None], Mapping[str, Any]]
"""A token by force or from the cache, with the claims that were demanded. Raises: EntraRefused, EntraUnavailable."""


def defer_if_ours(error: EntraRefused | EntraUnavailable) -> EntraRefused | EntraUnavailable:
    """Where our own secret is refused no customer has lost anything: it waits until ours is mended."""
    if error.reason not in _OUR_OWN_SECRET:
        return error
    log.error(
        "Microsoft refuses our own application (AADSTS %s): renew ENTRA_CLIENT_SECRET_FILE",
        error.details.aadsts,
    )
    return EntraUnavailable("client_refused", error.details, retry_after=OWN_SECRET_RETRY_SECONDS)


def blame_tenant(error: EntraRefused | EntraUnavailable) -> EntraRefused | EntraUnavailable:
    """A public client has no secret: what would be said of one is said of the application in that tenant."""
    return EntraRefused("app_refused", error.details) if error.reason in _OUR_OWN_SECRET else error


def ask_twice(ask: Ask, force: bool, claims: str | None) -> Mapping[str, Any]:
    """Asks; once more, by force, where the refusal may be a challenge: it demands claims that were not sent, or it is
    AADSTS70000, which passes now and then."""
    try:
        return ask(force, claims)
    except EntraRefused as error:
        demanded = error.claims if error.claims != claims else None
        if demanded is None and error.reason != "token_damaged":
            raise
        return ask(True, demanded or claims)


def living_token(cache: TokenCache, scopes: tuple[str, ...]) -> Token | None:
    """The access token in the cache that lives longest, to its very end: MSAL gives none in its last five minutes."""
    now = int(time.time())
    found = cache.search(TokenCache.CredentialType.ACCESS_TOKEN, target=list(scopes), query={})
    best = max(found, key=lambda entry: int(entry["expires_on"]), default=None)
    if best is None or int(best["expires_on"]) <= now:
        return None
    return Token(Secret(str(best["secret"])), datetime.fromtimestamp(int(best["expires_on"]), UTC))


def read_redemption(
    client_id: str, response: Mapping[str, Any], cache: SerializableTokenCache, nonce: str | None
) -> Redeemed:
    scopes = tuple(str(response.get("scope", "")).split())
    return Redeemed(
        client_id=client_id,
        id_token=Secret(str(response.get("id_token", ""))),
        access_token=Secret(str(response["access_token"])),
        cache=Secret(cache.serialize()),
        scopes=scopes,
        home_tenant=_home(response.get("client_info")),
        nonce=nonce,
    )


def _home(client_info: object) -> str | None:
    """The tenant that the account belongs to; None if it is not said."""
    text = client_info if isinstance(client_info, str) else ""
    try:
        decoded = json.loads(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (ValueError, RecursionError):
        return None
    utid = decoded.get("utid") if isinstance(decoded, dict) else None
    return utid.lower() if isinstance(utid, str) else None


def read_token(response: Mapping[str, Any], cache: Secret[str] | None) -> Token:
    expires = datetime.fromtimestamp(int(time.time()) + int(response.get("expires_in", 0)), UTC)
    return Token(Secret(str(response["access_token"])), expires, cache)
