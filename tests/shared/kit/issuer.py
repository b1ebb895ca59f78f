"""A small OpenID Connect issuer for tests: answers over a fake transport, signs whatever claims a test wants."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any
from urllib.parse import parse_qs

import httpx
from joserfc import jws
from joserfc.jwk import ECKey, RSAKey

URL = "https://login.test/tenant/v2.0"
AUDIENCE = "api://tokenswitch"
NOW = datetime(2126, 3, 1, 12, 0, tzinfo=UTC)  # later than now, so that no server expires what a test keeps


@cache
def rsa(kid: str) -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": kid})


@cache
def ec(kid: str) -> ECKey:
    return ECKey.generate_key("P-256", {"kid": kid})


def claims(**more: Any) -> dict[str, Any]:
    """What a good access token says; None leaves a claim out."""
    now = int(NOW.timestamp())
    good = {
        "iss": URL,
        "aud": AUDIENCE,
        "iat": now,
        "nbf": now,
        "exp": now + 3600,
        "oid": "u-1",
        "sub": "s-1",
        "name": "Olga Operator",
        "preferred_username": "olga@provider.example",
        "roles": ["operator"],
    }
    return {name: value for name, value in (good | more).items() if value is not None}


def sign(body: Mapping[str, Any], key: RSAKey | ECKey | None = None, **header: Any) -> str:
    key = key or rsa("k1")
    head = {"alg": "ES256" if isinstance(key, ECKey) else "RS256", "kid": key.kid} | header
    head = {name: value for name, value in head.items() if value is not None}
    return jws.serialize_compact(head, json.dumps(body), key, algorithms=[head["alg"]])


@dataclass(kw_only=True)
class FakeIssuer:
    """`away`: answers nothing. `calls`: the paths asked for. `codes`: authorization code -> the id_token it gives."""

    keys: list[RSAKey | ECKey] = field(default_factory=lambda: [rsa("k1"), ec("k2")])
    issuer: str = URL
    away: bool = False
    calls: list[str] = field(default_factory=list)
    codes: dict[str, str] = field(default_factory=dict)
    forms: list[dict[str, str]] = field(default_factory=list)
    key_fields: dict[str, Any] = field(default_factory=dict)

    def transport(self) -> httpx.MockTransport:
        return httpx.MockTransport(self._answer)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        if self.away:
            raise httpx.ConnectError("refused")
        self.calls.append(request.url.path)
        if request.url.path.endswith("openid-configuration"):
            return httpx.Response(200, json=self._configuration())
        if request.url.path == "/token":
            return self._token(request)
        return httpx.Response(200, json={"keys": [k.as_dict(private=False) | self.key_fields for k in self.keys]})

    def _configuration(self) -> dict[str, str]:
        return {
            "issuer": self.issuer,
            "jwks_uri": "https://login.test/keys",
            "authorization_endpoint": "https://login.test/authorize",
            "token_endpoint": "https://login.test/token",
        }

    def _token(self, request: httpx.Request) -> httpx.Response:
        form = {name: values[0] for name, values in parse_qs(request.content.decode()).items()}
        self.forms.append(form)
        token = self.codes.pop(form["code"], None)
        if token is None:
            return httpx.Response(400, json={"error": "invalid_grant", "error_description": "no"})
        return httpx.Response(200, json={"id_token": token, "access_token": "a", "token_type": "Bearer"})
