"""The form of Microsoft's answers. What has it is an answer, also where it says no; what has not came from something in
between (a proxy, a gateway, a half-broken server), and Microsoft has not answered.

Sources: Microsoft's "OAuth 2.0 authorization code flow" and "OAuth 2.0 device authorization grant" (success and error
responses), "Microsoft Graph error responses and resource types"; OpenID Connect Discovery 1.0; RFC 7517.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

Body = Mapping[str, Any]
MAX_CLAIMS_CHARACTERS = 8192
_CLAIMS = re.compile(r'\bclaims="([^"]{1,12000})"')


def is_microsofts(call: str, status: int, body: Body) -> bool:
    """`call`: the endpoint, as `http_client.call_name` names it. Throttling and outages (429, 5xx) are no matter of
    form."""
    form = _SUCCESSES if status == 200 else _REFUSALS
    return form.get(call, _nothing)(status, body)


def _nothing(status: int, body: Body) -> bool:
    return False


def _texts(*names: str) -> Callable[[int, Body], bool]:
    return lambda status, body: all(isinstance(body.get(name), str) and body[name] for name in names)


def _keys(status: int, body: Body) -> bool:
    return isinstance(body.get("keys"), list) and bool(body["keys"])


def _oauth_refusal(status: int, body: Body) -> bool:
    """RFC 6749, 5.2, with Microsoft's own fields: its numbers, or the id of its trace."""
    numbers = body.get("error_codes")
    numbered = isinstance(numbers, list) and any(type(number) is int for number in numbers)
    traced = isinstance(body.get("trace_id"), str) and bool(body["trace_id"])
    return status in (400, 401) and isinstance(body.get("error"), str) and bool(body["error"]) and (numbered or traced)


def _graph_refusal(status: int, body: Body) -> bool:
    error = body.get("error")
    code = error.get("code") if isinstance(error, Mapping) else None
    return 400 <= status < 500 and isinstance(code, str) and bool(code)


_SUCCESSES: Mapping[str, Callable[[int, Body], bool]] = {
    "token": _texts("access_token", "token_type"),
    "device code": _texts("device_code", "user_code", "verification_uri"),
    "discovery": _texts("issuer", "token_endpoint", "jwks_uri"),
    "keys": _keys,
    "graph": lambda status, body: "error" not in body,
}
_REFUSALS: Mapping[str, Callable[[int, Body], bool]] = {
    "token": _oauth_refusal,
    "device code": _oauth_refusal,
    "discovery": _oauth_refusal,
    "keys": _oauth_refusal,
    "graph": _graph_refusal,
}


def challenged_claims(headers: Mapping[str, str]) -> str | None:
    """The claims that a resource demands of the next token, as JSON ("Claims challenges, claims requests and client
    capabilities"): from WWW-Authenticate, as it is or in base64. None: it demands nothing."""
    header = next((value for name, value in headers.items() if name.lower() == "www-authenticate"), "")
    match = _CLAIMS.search(header)
    return claims_request(_decoded(match.group(1))) if match else None


def claims_request(text: object) -> str | None:
    """Claims as they may be sent back to Microsoft: a JSON object, as text; None for anything else."""
    if not isinstance(text, str) or len(text) > MAX_CLAIMS_CHARACTERS:
        return None
    try:
        return text if isinstance(json.loads(text), dict) else None
    except (ValueError, RecursionError):
        return None


def _decoded(text: str) -> str:
    if text.startswith("{"):
        return text
    try:
        return base64.b64decode(text.replace("-", "+").replace("_", "/") + "=" * (-len(text) % 4)).decode()
    except ValueError:
        return ""
