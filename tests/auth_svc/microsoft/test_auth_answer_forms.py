"""What is Microsoft's answer and what only came in its place; the claims that a resource demands."""

from __future__ import annotations

import json
from base64 import b64encode, urlsafe_b64encode
from typing import Any

import pytest

from auth_svc.microsoft.answer_forms import challenged_claims, claims_request, is_microsofts

TOKEN = {"token_type": "Bearer", "expires_in": 3599, "access_token": "a.b.c"}
REFUSED = {"error": "invalid_grant", "error_codes": [50173], "trace_id": "t", "correlation_id": "c"}
CODE = {"device_code": "d", "user_code": "u", "verification_uri": "https://microsoft.com/devicelogin"}
CONFIGURATION = {"issuer": "https://x/v2.0", "token_endpoint": "https://x/token", "jwks_uri": "https://x/keys"}
DENIED = {"error": {"code": "Authorization_RequestDenied", "message": "no"}}

MICROSOFTS: list[tuple[str, int, Any]] = [
    ("token", 200, TOKEN),
    ("token", 400, REFUSED),
    ("token", 401, REFUSED | {"error": "invalid_client", "error_codes": []}),
    ("token", 400, {"error": "authorization_pending", "error_codes": [70016]}),
    ("token", 400, {"error": "slow_down", "trace_id": "t"}),
    ("device code", 200, CODE),
    ("device code", 400, REFUSED),
    ("discovery", 200, CONFIGURATION),
    ("discovery", 400, {"error": "invalid_tenant", "error_codes": [90002]}),
    ("keys", 200, {"keys": [{"kty": "RSA"}]}),
    ("graph", 200, {"value": []}),
    ("graph", 403, DENIED),
    ("graph", 404, {"error": {"code": "Request_ResourceNotFound"}}),
    ("graph", 400, {"error": {"code": "BadRequest", "innerError": {}}}),
]
NOT_MICROSOFTS: list[tuple[str, int, Any]] = [
    *[(call, 200, {"ok": True}) for call in ("token", "device code", "discovery", "keys")],
    *[(call, 400, {}) for call in ("token", "device code", "discovery", "keys", "graph")],
    *[(call, 401, {"message": "Unauthorized"}) for call in ("token", "device code", "discovery", "graph")],
    *[(call, 404, {"detail": "no route"}) for call in ("token", "device code", "discovery", "keys", "graph")],
    *[(call, 407, {"error": "proxy"}) for call in ("token", "device code", "discovery", "keys", "graph")],
    ("token", 200, TOKEN | {"access_token": ""}),
    ("token", 200, {"access_token": "a.b.c"}),
    ("token", 200, REFUSED),
    ("token", 201, TOKEN),
    ("token", 302, TOKEN),
    ("token", 403, REFUSED),
    ("token", 404, REFUSED),
    ("token", 400, {"error": "invalid_grant"}),
    ("token", 400, {"error": "invalid_grant", "error_codes": []}),
    ("token", 400, {"error": "invalid_grant", "error_codes": [True]}),
    ("token", 400, {"error": "invalid_grant", "error_codes": ["50173"]}),
    ("token", 400, {"error": {"code": "invalid_grant"}, "error_codes": [50173]}),
    ("token", 400, {"error": "", "error_codes": [50173]}),
    ("token", 400, {"error": "invalid_grant", "trace_id": ""}),
    ("device code", 200, CODE | {"user_code": None}),
    ("discovery", 200, CONFIGURATION | {"issuer": None}),
    ("discovery", 404, {"error": "invalid_tenant", "error_codes": [90002]}),
    ("keys", 200, {"keys": []}),
    ("keys", 200, {"keys": "none"}),
    ("graph", 200, DENIED),
    ("graph", 301, {"value": []}),
    ("graph", 403, {"error": "Forbidden"}),
    ("graph", 403, {"error": {"message": "Forbidden"}}),
    ("graph", 401, {"error": {"code": 401}}),
    ("something else", 200, TOKEN),
]


@pytest.mark.parametrize(("call", "status", "body"), MICROSOFTS)
def test_what_has_microsoft_s_form_is_an_answer(call: str, status: int, body: Any) -> None:
    assert is_microsofts(call, status, body)


@pytest.mark.parametrize(("call", "status", "body"), NOT_MICROSOFTS)
def test_what_has_another_form_is_none(call: str, status: int, body: Any) -> None:
    assert not is_microsofts(call, status, body)


CLAIMS = '{"access_token":{"acrs":{"essential":true,"value":"c1"}}}'
WIDE = '{"access_token":{"xms_rp_ipaddr":{"value":"2001:db8::1?>~"}}}'


def header(claims: str) -> str:
    return f'Bearer realm="", authorization_uri="https://x", error="insufficient_claims", claims="{claims}"'


@pytest.mark.parametrize(
    ("headers", "claims"),
    [
        ({"WWW-Authenticate": header(b64encode(CLAIMS.encode()).decode())}, CLAIMS),
        ({"www-authenticate": header(urlsafe_b64encode(WIDE.encode()).decode().rstrip("="))}, WIDE),
        ({"Www-Authenticate": 'Bearer error="invalid_token", ' + header(b64encode(b"{}").decode())}, "{}"),
        ({"WWW-Authenticate": 'Bearer realm="", error="invalid_token"'}, None),
        ({"WWW-Authenticate": header("not base64!")}, None),
        ({"WWW-Authenticate": header(b64encode(b"[1]").decode())}, None),
        ({"WWW-Authenticate": header(b64encode(b"\xff\xfe").decode())}, None),
        ({"WWW-Authenticate": 'Bearer xclaims="e30="'}, None),
        ({}, None),
    ],
)
def test_the_claims_that_a_resource_demands(headers: dict[str, str], claims: str | None) -> None:
    assert challenged_claims(headers) == claims


@pytest.mark.parametrize("text", [None, 1, "", "[]", '"x"', "{", json.dumps({"a": "x" * 9000}), "[" * 5000])
def test_what_cannot_be_sent_back_is_not_kept(text: object) -> None:
    assert claims_request(text) is None
