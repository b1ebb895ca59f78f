"""Answers on request: any status, headers and body, late or by another clock, for one endpoint, tenant and number."""

from __future__ import annotations

import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
import requests

from tests.dev.simulator.simulator_kit import Kit
from tokenswitch_dev.simulator import demo

CONTOSO, OTHER, ADMIN = "contoso.example", "tailspin.example", "admin@contoso.example"
Call = Callable[[Kit, str], requests.Response]


def got(path: str) -> Call:
    return lambda kit, domain: kit.session.get(f"{kit.authority}/{kit.tid(domain)}/{path}", timeout=10)


def token_of(**form: str) -> Call:
    return lambda kit, domain: kit.token(kit.tid(domain), client_id=demo.DEVICE_CLIENT_ID, **form)


def device_code(kit: Kit, domain: str) -> requests.Response:
    form = {"client_id": demo.DEVICE_CLIENT_ID, "scope": "User.Read"}
    return kit.session.post(f"{kit.authority}/{kit.tid(domain)}/oauth2/v2.0/devicecode", data=form, timeout=10)


def authorize(kit: Kit, domain: str) -> requests.Response:
    address = f"{kit.running.pages_url}/{kit.tid(domain)}/oauth2/v2.0/authorize"
    return kit.session.get(address, timeout=10, allow_redirects=False)


ENDPOINTS: dict[str, Call] = {
    "discovery": got("v2.0/.well-known/openid-configuration"),
    "keys": got("discovery/v2.0/keys"),
    "instance": got("discovery/instance"),
    "devicecode": device_code,
    "authorize": authorize,
    "poll": token_of(grant_type="urn:ietf:params:oauth:grant-type:device_code", device_code="x"),
    "code": token_of(grant_type="authorization_code", code="x"),
    "refresh": token_of(grant_type="refresh_token", refresh_token="x"),
    "app": token_of(grant_type="client_credentials", scope="https://graph.microsoft.com/.default"),
}


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_every_endpoint_answers_as_asked_so_often_and_for_this_tenant_only(kit: Kit, endpoint: str) -> None:
    call, headers = ENDPOINTS[endpoint], {"Content-Type": "text/plain", "X-Gateway": "g7"}
    kit.sim("answers", endpoint=endpoint, tenant=CONTOSO, status=418, headers=headers, body="no tea", times=2)
    for _ in range(2):
        said = call(kit, CONTOSO)
        assert (said.status_code, said.text, said.headers["x-gateway"]) == (418, "no tea", "g7")
        assert call(kit, OTHER).status_code != 418
    assert call(kit, CONTOSO).status_code != 418


def test_graph_answers_as_asked_for_an_address_and_a_tenant(kit: Kit) -> None:
    ours = kit.device_signin(CONTOSO, ADMIN)["access_token"]
    theirs = kit.device_signin(OTHER, f"admin@{OTHER}")["access_token"]
    kit.sim("answers", endpoint="graph", tenant=CONTOSO, path="/organization", status=404, body={"detail": "gone"})
    assert kit.graph(ours, "organization").json() == {"detail": "gone"}
    assert kit.graph(ours, "me").status_code == 200
    assert kit.graph(theirs, "organization").status_code == 200


@pytest.mark.parametrize("seconds", [200, -5000, 90_000])
def test_a_clock_that_differs_shows_in_the_date_and_in_a_token_s_times(kit: Kit, seconds: int) -> None:
    kit.sim("answers", endpoint="poll", tenant=CONTOSO, clock_offset=seconds)
    result = kit.device_signin(CONTOSO, ADMIN)
    dated = ENDPOINTS["poll"](kit, CONTOSO).headers["date"]
    now = time.time()
    for told in (result["id_token_claims"]["iat"], parsedate_to_datetime(dated).timestamp()):
        assert abs(told - now - seconds) < 30
    assert abs(parsedate_to_datetime(ENDPOINTS["keys"](kit, CONTOSO).headers["date"]).timestamp() - now) < 30


def test_an_answer_may_come_late(kit: Kit) -> None:
    kit.sim("answers", endpoint="keys", delay=1.0, times=1)
    began = time.monotonic()
    assert ENDPOINTS["keys"](kit, CONTOSO).status_code == 200
    assert time.monotonic() - began >= 1.0


def test_answers_are_shown_and_taken_back(kit: Kit) -> None:
    first = kit.sim("answers", endpoint="keys", status=500)["id"]
    kit.sim("answers", status=503, body="x")
    address = f"{kit.authority}/_sim/answers"
    assert [(a["id"], a["status"]) for a in kit.session.get(address, timeout=10).json()["answers"]][1] == (first, 500)
    assert kit.session.delete(f"{address}?id={first}", timeout=10).json() == {"removed": 1}
    assert kit.session.delete(address, timeout=10).json() == {"removed": 1}


@pytest.mark.parametrize("wish", [{"status": 99}, {"times": 0}, {"delay": -1}, {"stauts": 200}])
def test_what_cannot_be_answered_is_said(kit: Kit, wish: dict[str, Any]) -> None:
    assert kit.session.post(f"{kit.authority}/_sim/answers", json=wish, timeout=10).status_code == 422


def test_an_endpoint_that_is_not_there_is_said(kit: Kit) -> None:
    said = kit.session.post(f"{kit.authority}/_sim/answers", json={"endpoint": "tokens"}, timeout=10)
    assert said.status_code == 404 and "discovery" in said.text
