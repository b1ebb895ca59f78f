"""Device code as unmodified MSAL sees it: pending, approved, refused, declined, expired, spent."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.dev.simulator.simulator_kit import ONCE, Kit, kit_fixture
from tokenswitch_dev.simulator import demo
from tokenswitch_dev.simulator.directory.directory import GLOBAL_ADMINISTRATOR

pytestmark = pytest.mark.filterwarnings("ignore:Attempted too soon")


@pytest.fixture(scope="module")
def kit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kit]:
    yield from kit_fixture(tmp_path_factory)


def started(kit: Kit, tenant: str = "contoso.example", client_id: str = demo.DEVICE_CLIENT_ID) -> tuple[Any, Any]:
    app = kit.device_app(tenant, client_id)
    return app, app.initiate_device_flow(["User.Read"])


def test_the_code_is_as_documented(kit: Kit) -> None:
    _, flow = started(kit)
    assert len(flow["user_code"]) == 9
    assert flow["interval"] == 5
    assert flow["expires_in"] == 900
    assert flow["verification_uri"] == f"{kit.running.pages_url}/devicelogin"
    assert flow["user_code"] in flow["message"]
    assert "verification_uri_complete" not in flow


def test_pending_then_approved_then_spent(kit: Kit) -> None:
    app, flow = started(kit)
    pending = app.acquire_token_by_device_flow(flow, **ONCE)
    assert (pending["error"], pending["error_codes"]) == ("authorization_pending", [70016])
    assert kit.sim("approve", user_code=flow["user_code"], account="admin@contoso.example")["outcome"] == "approved"
    result = app.acquire_token_by_device_flow(flow, **ONCE)
    assert result["scope"] == "User.Read profile openid email"
    assert result["id_token_claims"]["wids"][0] == GLOBAL_ADMINISTRATOR
    assert app.get_accounts()[0]["username"] == "admin@contoso.example"
    spent = kit.device_app("contoso.example").acquire_token_by_device_flow(flow, **ONCE)
    assert spent["error"] == "expired_token"


def test_the_correlation_id_is_the_callers(kit: Kit) -> None:
    app, flow = started(kit)
    pending = app.acquire_token_by_device_flow(flow, **ONCE)
    assert pending["correlation_id"] == flow["_correlation_id"]
    assert f"Correlation ID: {flow['_correlation_id']}" in pending["error_description"]


def test_declined_by_the_person(kit: Kit) -> None:
    app, flow = started(kit)
    kit.sim("decline", user_code=flow["user_code"])
    assert app.acquire_token_by_device_flow(flow, **ONCE)["error"] == "authorization_declined"


def test_a_wrong_device_code(kit: Kit) -> None:
    app, flow = started(kit)
    wrong = app.acquire_token_by_device_flow(flow | {"device_code": "made-up"}, **ONCE)
    assert (wrong["error"], wrong["error_codes"]) == ("bad_verification_code", [70018])


@pytest.mark.parametrize(
    ("tenant", "account", "code"),
    [
        ("fabrikam.example", "admin@fabrikam.example", "530035"),
        ("woodgrove.example", "admin@woodgrove.example", "53003"),
        ("adatum.example", "teams@adatum.example", "90094"),
        ("contoso.example", "admin@tailspin.example", "50020"),
        ("contoso.example", "nobody@contoso.example", "50034"),
    ],
)
def test_refusals_are_shown_in_the_browser_while_the_poll_stays_pending(
    kit: Kit, tenant: str, account: str, code: str
) -> None:
    app, flow = started(kit, tenant)
    refused = kit.sim("approve", user_code=flow["user_code"], account=account)
    assert (refused["outcome"], refused["code"]) == ("refused", code)
    assert app.acquire_token_by_device_flow(flow, **ONCE)["error"] == "authorization_pending"


def test_where_users_may_not_consent_an_administrator_can(kit: Kit) -> None:
    app, flow = started(kit, "adatum.example")
    approved = kit.sim("approve", user_code=flow["user_code"], account="admin@adatum.example")
    assert approved == {"outcome": "approved"}
    assert "access_token" in app.acquire_token_by_device_flow(flow, **ONCE)


def test_a_confidential_app_fails_only_after_the_person_signed_in(kit: Kit) -> None:
    app, flow = started(kit, client_id=demo.SIGNIN_CLIENT_ID)
    assert app.acquire_token_by_device_flow(flow, **ONCE)["error"] == "authorization_pending"
    kit.sim("approve", user_code=flow["user_code"], account="admin@contoso.example")
    refused = app.acquire_token_by_device_flow(flow, **ONCE)
    assert (refused["error"], refused["error_codes"]) == ("invalid_client", [7000218])


def test_a_guest_is_told_apart(kit: Kit) -> None:
    result = kit.device_signin("contoso.example", "teams@tailspin.example")
    info = json.loads(base64.urlsafe_b64decode(result["client_info"] + "=="))
    claims = result["id_token_claims"]
    assert claims["tid"] == kit.tid("contoso.example")
    assert info["utid"] == kit.tid("tailspin.example") != claims["tid"]
    assert claims["idp"] == f"https://sts.windows.net/{info['utid']}/"
    assert "#EXT#" in kit.graph(result["access_token"], "me").json()["userPrincipalName"]


def test_under_organizations_everybody_gets_in(kit: Kit) -> None:
    result = kit.device_signin("organizations", "admin@tailspin.example")
    assert result["id_token_claims"]["tid"] == kit.tid("tailspin.example")


def test_a_single_tenant_app_is_refused_under_organizations(kit: Kit) -> None:
    _, flow = started(kit, "organizations", demo.PORTAL_CLIENT_ID)
    assert (flow["error"], flow["error_codes"]) == ("invalid_request", [50194])


def test_an_unknown_app(kit: Kit) -> None:
    _, flow = started(kit, client_id="11111111-2222-4333-8444-555555555555")
    assert (flow["error"], flow["error_codes"]) == ("unauthorized_client", [700016])


def test_an_expired_code_is_expired_at_both_ends(kit: Kit) -> None:
    app, flow = started(kit)
    kit.sim("clock", advance=901)
    assert kit.sim("approve", user_code=flow["user_code"], account="admin@contoso.example")["code"] == "70019"
    assert app.acquire_token_by_device_flow(flow, **ONCE)["error_codes"] == [70020]


def test_slow_down_if_the_setting_says_so(tmp_path_factory: pytest.TempPathFactory) -> None:
    for kit in kit_fixture(tmp_path_factory, slow_down=True, interval=7, device_lifetime=60):
        app, flow = started(kit)
        assert (flow["interval"], flow["expires_in"]) == (7, 60)
        assert app.acquire_token_by_device_flow(flow, **ONCE)["error"] == "authorization_pending"
        assert app.acquire_token_by_device_flow(flow, **ONCE)["error"] == "slow_down"
        assert flow["interval"] == 12


def test_a_scaled_clock_ends_a_code_early(tmp_path_factory: pytest.TempPathFactory) -> None:
    for kit in kit_fixture(tmp_path_factory, clock_scale=3000.0, device_lifetime=900):
        app, flow = started(kit)
        answers = []
        for _ in range(40):
            answers.append(app.acquire_token_by_device_flow(flow, **ONCE)["error"])
            time.sleep(0.05 if answers[-1] == "authorization_pending" else 0)
        assert answers[-1] == "expired_token"
