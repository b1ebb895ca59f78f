"""MSAL's answers as values of ours."""

from __future__ import annotations

import json
import logging
import time
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from auth_svc.microsoft.errors import EntraAway, EntraRefused
from auth_svc.microsoft.flows import Redeemed, Token
from shared.crypto.secret import Secret

log = logging.getLogger(__name__)

_OUR_OWN = ("secret_wrong", "secret_expired", "client_refused")


def of_ours(error: EntraRefused | EntraAway) -> EntraRefused | EntraAway:
    """Where our own secret is refused no customer has lost anything: it waits until ours is mended."""
    if error.reason not in _OUR_OWN:
        return error
    log.error(
        "Microsoft refuses our own application (AADSTS %s): renew ENTRA_CLIENT_SECRET_FILE",
        error.quote.aadsts,
    )
    return EntraAway("client_refused", error.quote, retry_after=60)


def redeemed(client_id: str, said: Mapping[str, Any], cache: Any, nonce: str | None) -> Redeemed:
    scopes = tuple(str(said.get("scope", "")).split())
    return Redeemed(
        client_id=client_id,
        id_token=Secret(str(said.get("id_token", ""))),
        access_token=Secret(str(said["access_token"])),
        cache=Secret(cache.serialize()),
        scopes=scopes,
        home_tenant=_home(said.get("client_info")),
        nonce=nonce,
    )


def _home(client_info: object) -> str | None:
    """The tenant that the account belongs to; None if it is not said."""
    text = client_info if isinstance(client_info, str) else ""
    try:
        found = json.loads(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (ValueError, RecursionError):
        return None
    utid = found.get("utid") if isinstance(found, dict) else None
    return utid.lower() if isinstance(utid, str) else None


def token(said: Mapping[str, Any], cache: Secret[str] | None) -> Token:
    expires = datetime.fromtimestamp(int(time.time()) + int(said.get("expires_in", 0)), UTC)
    return Token(Secret(str(said["access_token"])), expires, cache)
