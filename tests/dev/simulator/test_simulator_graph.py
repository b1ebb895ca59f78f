"""Graph as a connection is checked with it."""

from __future__ import annotations

import base64
import json

import msal
import pytest
from joserfc.errors import JoseError

from tests.dev.simulator.simulator_kit import Kit
from tokenswitch_dev.simulator import demo
from tokenswitch_dev.simulator.directory.directory import GLOBAL_ADMINISTRATOR, TEAMS_ADMINISTRATOR

CONTOSO, ADMIN = "contoso.example", "admin@contoso.example"
BOTH = [GLOBAL_ADMINISTRATOR, TEAMS_ADMINISTRATOR]


@pytest.fixture
def token(kit: Kit) -> str:
    return str(kit.device_signin(CONTOSO, ADMIN)["access_token"])


def app_token(kit: Kit, domain: str = CONTOSO) -> str:
    customer = next(customer for customer in demo.customers() if customer.domain == domain)
    app = kit.confidential(domain, customer.client_id, customer.client_secret)
    return str(app.acquire_token_for_client(["https://graph.microsoft.com/.default"])["access_token"])


def test_tokens_for_graph_cannot_be_verified_by_anybody_else(kit: Kit, token: str) -> None:
    with pytest.raises((JoseError, ValueError)):
        kit.claims(token, kit.tid(CONTOSO))


def test_the_organisation_with_user_read_only(kit: Kit, token: str) -> None:
    row = kit.graph(token, "organization").json()["value"][0]
    assert row["id"] == kit.tid(CONTOSO)
    assert row["verifiedDomains"][0]["name"] == CONTOSO
    assert row["tenantType"] is None


@pytest.mark.parametrize(
    ("account", "held"),
    [
        (ADMIN, [GLOBAL_ADMINISTRATOR]),
        ("teams@contoso.example", [TEAMS_ADMINISTRATOR]),
        ("user@contoso.example", []),
    ],
)
def test_roles_by_template_id_need_only_user_read(kit: Kit, account: str, held: list[str]) -> None:
    token = kit.device_signin(CONTOSO, account)["access_token"]
    assert kit.graph(token, "me/checkMemberObjects", ids=BOTH).json()["value"] == held


def test_roles_are_read_live_while_wids_stay_in_old_tokens(kit: Kit) -> None:
    account = "admin@tailspin.example"
    result = kit.device_signin("tailspin.example", account)
    kit.sim("roles", tenant="tailspin.example", account=account, roles=[])
    assert GLOBAL_ADMINISTRATOR in result["id_token_claims"]["wids"]
    assert kit.graph(result["access_token"], "me/checkMemberObjects", ids=BOTH).json()["value"] == []
    kit.sim("roles", tenant="tailspin.example", account=account, roles=[TEAMS_ADMINISTRATOR])
    checked = kit.graph(result["access_token"], "me/checkMemberObjects", ids=BOTH).json()
    assert checked["value"] == [TEAMS_ADMINISTRATOR]


def test_at_most_twenty_ids(kit: Kit, token: str) -> None:
    said = kit.graph(token, "me/checkMemberObjects", ids=[GLOBAL_ADMINISTRATOR] * 21)
    assert (said.status_code, said.json()["error"]["code"]) == (400, "Request_BadRequest")


@pytest.mark.parametrize("path", ["me/memberOf", "me/transitiveMemberOf/microsoft.graph.directoryRole"])
def test_member_of_hides_the_template_without_the_right_to_read_roles(kit: Kit, token: str, path: str) -> None:
    row = kit.graph(token, path).json()["value"][0]
    assert row["@odata.type"] == "#microsoft.graph.directoryRole"
    assert (row["roleTemplateId"], row["displayName"]) == (None, None)


def test_member_of_names_the_role_with_that_right(kit: Kit) -> None:
    app = kit.device_app("lamna.example")
    flow = app.initiate_device_flow(["User.Read", "RoleManagement.Read.Directory"])
    kit.sim("approve", user_code=flow["user_code"], account="admin@lamna.example")
    result = app.acquire_token_by_device_flow(flow, exit_condition=lambda _flow: True)
    row = kit.graph(result["access_token"], "me/memberOf").json()["value"][0]
    assert (row["roleTemplateId"], row["displayName"]) == (GLOBAL_ADMINISTRATOR, "Global Administrator")


def test_an_app_has_no_me_but_an_organisation(kit: Kit) -> None:
    token = app_token(kit)
    said = kit.graph(token, "me")
    assert (said.status_code, said.json()["error"]["code"]) == (400, "BadRequest")
    assert kit.graph(token, "organization").json()["value"][0]["tenantType"] == "AAD"


def test_service_principals(kit: Kit, token: str) -> None:
    client_id = demo.customers()[0].client_id
    path = f"servicePrincipals(appId='{client_id}')"
    assert kit.graph(app_token(kit), path).json()["appId"] == client_id
    assert kit.graph(token, path).json()["error"]["code"] == "Authorization_RequestDenied"
    missing = kit.graph(app_token(kit), "servicePrincipals(appId='11111111-2222-4333-8444-555555555555')")
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "Request_ResourceNotFound")


@pytest.mark.parametrize("wrong", ["", "not-a-token", "a.b.c"])
def test_a_wrong_token(kit: Kit, wrong: str) -> None:
    said = kit.graph(wrong, "me")
    assert (said.status_code, said.json()["error"]["code"]) == (401, "InvalidAuthenticationToken")
    assert set(said.json()["error"]["innerError"]) == {"date", "request-id", "client-request-id"}


def test_an_id_token_opens_nothing(kit: Kit) -> None:
    app = kit.device_app(CONTOSO)
    flow = app.initiate_device_flow(["User.Read"])
    kit.sim("approve", user_code=flow["user_code"], account=ADMIN)
    app.acquire_token_by_device_flow(flow, exit_condition=lambda _flow: True)
    id_token = app.token_cache.search("IdToken")
    assert kit.graph(next(iter(id_token))["secret"], "me").status_code == 401


def test_an_old_token_expires(kit: Kit, token: str) -> None:
    kit.sim("clock", advance=4000)
    assert kit.graph(token, "me").json()["error"]["code"] == "InvalidAuthenticationToken"


def test_the_continuous_access_challenge(kit: Kit, token: str) -> None:
    kit.sim("faults", tenant=CONTOSO, where="graph", kind="cae", times=1)
    said = kit.graph(token, "me")
    header = said.headers["www-authenticate"]
    assert said.status_code == 401
    assert 'error="insufficient_claims"' in header
    claims = header.partition('claims="')[2].partition('"')[0]
    assert "access_token" in json.loads(base64.b64decode(claims))


@pytest.mark.parametrize(("kind", "status"), [("forbidden", 403), ("throttle", 429), ("outage", 503), ("53003", 403)])
def test_graph_faults(kit: Kit, token: str, kind: str, status: int) -> None:
    kit.sim("faults", tenant=CONTOSO, where="graph", kind=kind, times=1)
    said = kit.graph(token, "me")
    assert said.status_code == status
    assert "error" in said.json()
    assert ("retry-after" in said.headers) == (status in (429, 503))
    assert kit.graph(token, "me").status_code == 200


def test_a_client_that_understands_challenges_is_challenged_after_a_revocation(kit: Kit) -> None:
    app = msal.PublicClientApplication(
        demo.DEVICE_CLIENT_ID,
        authority=f"{kit.authority}/{kit.tid(CONTOSO)}",
        instance_discovery=False,
        http_client=kit.session,
        client_capabilities=["CP1"],
    )
    flow = app.initiate_device_flow(["User.Read"])
    kit.sim("approve", user_code=flow["user_code"], account="user@contoso.example")
    token = app.acquire_token_by_device_flow(flow, exit_condition=lambda _flow: True)["access_token"]
    assert kit.graph(token, "me").status_code == 200
    kit.sim("revoke", tenant=CONTOSO, account="user@contoso.example")
    assert "insufficient_claims" in kit.graph(token, "me").headers["www-authenticate"]


def test_userinfo(kit: Kit, token: str) -> None:
    headers = {"Authorization": f"Bearer {token}"}
    said = kit.session.get(f"{kit.authority}/oidc/userinfo", headers=headers, timeout=10)
    assert said.json()["email"] == ADMIN
    assert kit.session.get(f"{kit.authority}/oidc/userinfo", timeout=10).status_code == 401
