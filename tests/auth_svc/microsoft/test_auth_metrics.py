"""What is counted of Microsoft's answers: by endpoint and outcome, never by address."""

from __future__ import annotations

import json

import pytest

from auth_svc.microsoft.http_client import HttpResponse, call_name, outcome_of

LOGIN, GRAPH = "https://login.microsoftonline.com/c0de0001-0001-4000-9abc-d00d00010000", "https://graph.microsoft.com"


@pytest.mark.parametrize(
    ("url", "name"),
    [
        (f"{LOGIN}/oauth2/v2.0/devicecode", "device code"),
        (f"{LOGIN}/oauth2/v2.0/token?dc=1", "token"),
        (f"{LOGIN}/discovery/v2.0/keys", "keys"),
        (f"{LOGIN}/v2.0/.well-known/openid-configuration", "discovery"),
        (f"{GRAPH}/v1.0/me/checkMemberObjects", "graph"),
        (f"{GRAPH}/v1.0/organization", "graph"),
    ],
)
def test_an_endpoint_has_one_name_for_all_tenants(url: str, name: str) -> None:
    assert call_name(url) == name


@pytest.mark.parametrize(
    ("status", "body", "outcome"),
    [
        (200, {"access_token": "x"}, "ok"),
        (400, {"error": "authorization_pending"}, "pending"),
        (400, {"error": "slow_down"}, "pending"),
        (400, {"error": "invalid_grant"}, "refused"),
        (403, {"error": {"code": "Authorization_RequestDenied"}}, "refused"),
    ],
)
def test_waiting_for_a_person_is_no_refusal(status: int, body: dict[str, object], outcome: str) -> None:
    assert outcome_of(HttpResponse(status, json.dumps(body), {})) == outcome
