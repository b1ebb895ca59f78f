"""Every row of the error table on the wire and in the browser, and the faults that are no row."""

from __future__ import annotations

import json
import re
from uuid import UUID, uuid4

import pytest
import requests

from tests.dev.simulator.simulator_kit import Kit
from tokenswitch_dev.simulator import demo
from tokenswitch_dev.simulator.wire.error_table import ROWS, Row

CONTOSO, ADMIN = "contoso.example", "admin@contoso.example"
# The rows that the product's error table names: each must be there to be produced.
NAMED = {
    "70016",
    "slow_down",
    "70017",
    "70020",
    "70018",
    "7000218",
    "700025",
    "700016",
    "90002",
    "50194",
    "9002332",
    "500208",
    "50020",
    "50034",
    "16000",
    "90072",
    "51004",
    "65001",
    "90094",
    "90095",
    "65004",
    "50105",
    "50076",
    "50078",
    "50074",
    "50079",
    "50072",
    "53004",
    "53010",
    "53003",
    "530035",
    "530036",
    "530032",
    "530084",
    "53000",
    "53001",
    "50097",
    "50129",
    "700082",
    "70008",
    "50173",
    "50132",
    "50133",
    "70043",
    "70000",
    "50057",
    "50053",
    "50126",
    "50055",
    "7000215",
    "7000222",
    "7000112",
    "70001",
    "700027",
    "700030",
    "50027",
    "70011",
    "500011",
    "650057",
    "900144",
    "9002313",
    "50196",
    "90055",
    "90033",
    "90024",
    "90006",
    "50033",
    "50087",
    "70019",
}


def poll(kit: Kit, device_code: str, **headers: str) -> requests.Response:
    form = {
        "grant_type": "urn:ietf:params:oauth:grant-type:device_code",
        "client_id": demo.DEVICE_CLIENT_ID,
        "device_code": device_code,
    }
    address = f"{kit.authority}/{kit.tid(CONTOSO)}/oauth2/v2.0/token"
    return kit.session.post(address, data=form, headers=headers, timeout=10)


def new_code(kit: Kit) -> dict[str, str]:
    form = {"client_id": demo.DEVICE_CLIENT_ID, "scope": "User.Read openid profile offline_access"}
    return dict(kit.session.post(f"{kit.authority}/{kit.tid(CONTOSO)}/oauth2/v2.0/devicecode", form, timeout=10).json())


def test_no_named_row_is_missing() -> None:
    assert {row.code for row in ROWS} >= NAMED


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.code)
def test_the_row_on_the_wire(kit: Kit, row: Row) -> None:
    code, request_id = new_code(kit), str(uuid4())
    kit.sim("faults", tenant=CONTOSO, where="poll", code=row.code, times=1)
    said = poll(kit, code["device_code"], **{"client-request-id": request_id})
    body = said.json()
    assert (said.status_code, body["error"]) == (row.status, row.error)
    assert body["error_codes"] == ([int(row.code)] if row.number else [])
    assert body["correlation_id"] == request_id
    assert UUID(body["trace_id"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ", body["timestamp"])
    tail = f" Trace ID: {body['trace_id']} Correlation ID: {request_id} Timestamp: {body['timestamp']}"
    assert body["error_description"].endswith(tail)
    assert "{" not in body["error_description"]
    if row.number:
        assert body["error_description"].startswith(f"AADSTS{row.code}: ")
        assert body["error_uri"].endswith(f"/error?code={row.code}")
    assert body.get("suberror", "") == row.suberror
    assert ("claims" in body) == row.claims
    if row.claims:
        assert json.loads(body["claims"])["access_token"]["capolids"]["essential"] is True
    assert poll(kit, code["device_code"]).json()["error"] == "authorization_pending"


@pytest.mark.parametrize("row", [row for row in ROWS if row.number], ids=lambda row: row.code)
def test_the_row_in_the_browser_leaves_the_poll_pending(kit: Kit, row: Row) -> None:
    code = new_code(kit)
    kit.sim("faults", tenant=CONTOSO, account=ADMIN, where="browser", code=row.code, times=1)
    refused = kit.sim("approve", user_code=code["user_code"], account=ADMIN)
    assert (refused["outcome"], refused["code"], refused["error"]) == ("refused", row.code, row.error)
    assert poll(kit, code["device_code"]).json()["error"] == "authorization_pending"


@pytest.mark.parametrize("code", ["90055", "throttle", "outage", "90033"])
def test_busy_answers_say_when_to_come_back(kit: Kit, code: str) -> None:
    kit.sim("faults", tenant=CONTOSO, where="poll", code=code, retry_after=17)
    said = poll(kit, new_code(kit)["device_code"])
    assert said.status_code in (429, 503)
    assert said.headers["retry-after"] == "17"
    assert said.json()["error"] == "temporarily_unavailable"


def test_answers_that_are_no_json(kit: Kit) -> None:
    code = new_code(kit)["device_code"]
    kit.sim("faults", tenant=CONTOSO, where="poll", kind="html", times=1)
    assert poll(kit, code).headers["content-type"] == "text/html"
    kit.sim("faults", tenant=CONTOSO, where="poll", kind="garbage", times=1)
    said = poll(kit, code)
    assert said.status_code == 200
    with pytest.raises(ValueError):
        said.json()


def test_silence_holds_the_answer_back(kit: Kit) -> None:
    code = new_code(kit)["device_code"]
    kit.sim("faults", tenant=CONTOSO, where="poll", kind="silent", seconds=30, times=1)
    form = {"grant_type": "urn:ietf:params:oauth:grant-type:device_code", "client_id": demo.DEVICE_CLIENT_ID}
    address = f"{kit.authority}/{kit.tid(CONTOSO)}/oauth2/v2.0/token"
    with pytest.raises(requests.ReadTimeout):
        kit.session.post(address, data=form | {"device_code": code}, timeout=(10, 0.3))


def test_faults_fit_their_place_tenant_and_account_only(kit: Kit) -> None:
    token = kit.device_signin(CONTOSO, ADMIN)["refresh_token"]
    kit.sim("faults", tenant=CONTOSO, account="teams@contoso.example", where="refresh", code="50173")
    kit.sim("faults", tenant="litware.example", where="refresh", code="50173")
    kit.sim("faults", tenant=CONTOSO, where="app", code="7000215")
    assert "access_token" in kit.refresh(CONTOSO, token)
    fault = kit.sim("faults", tenant=CONTOSO, account=ADMIN, where="refresh", code="70043")
    assert kit.refresh(CONTOSO, token)["suberror"] == "token_expired"
    kit.session.delete(f"{kit.authority}/_sim/faults", params={"id": str(fault["id"])}, timeout=10)
    assert "access_token" in kit.refresh(CONTOSO, token)


def test_an_unknown_fault_is_refused(kit: Kit) -> None:
    said = kit.session.post(f"{kit.authority}/_sim/faults", json={"where": "poll", "code": "12345"}, timeout=10)
    assert said.status_code == 404


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ({}, 900144),
        ({"grant_type": "password"}, 70003),
        ({"grant_type": "client_credentials"}, 900144),
        ({"grant_type": "client_credentials", "client_id": demo.GATEWAY_APPS["viewer"].client_id}, 7000218),
    ],
)
def test_malformed_token_requests(kit: Kit, form: dict[str, str], code: int) -> None:
    assert kit.token(kit.tid("provider.example"), **form).json()["error_codes"] == [code]


def test_the_secrets_of_a_request_are_not_in_the_log(kit: Kit) -> None:
    token = kit.device_signin(CONTOSO, ADMIN)["refresh_token"]
    kit.refresh(CONTOSO, token, client_secret="marked-secret")
    log = kit.session.get(f"{kit.authority}/_sim/log", timeout=10).json()["requests"]
    assert log[-1]["form"]["grant_type"] == "refresh_token"
    assert token not in json.dumps(log)
    assert "marked-secret" not in json.dumps(log)
