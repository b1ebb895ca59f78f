"""Discovery, app registrations, the operators' sign-in and the gateway's bearer tokens."""

from __future__ import annotations

import base64
import subprocess
import sys
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc.errors import JoseError

from tests.dev.simulator.simulator_kit import Kit, kit_fixture
from tokenswitch_dev.simulator import demo
from tokenswitch_dev.simulator.demo import PROVIDER_TENANT

GRAPH_SCOPE = "https://graph.microsoft.com/.default"


@pytest.fixture(scope="module")
def kit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kit]:
    yield from kit_fixture(tmp_path_factory)


def configuration(kit: Kit, segment: str) -> Any:
    return kit.session.get(f"{kit.authority}/{segment}/v2.0/.well-known/openid-configuration", timeout=10)


def test_discovery_by_domain_and_by_id_agree(kit: Kit) -> None:
    tid = kit.tid("contoso.example")
    found = configuration(kit, "contoso.example").json()
    assert found == configuration(kit, tid).json() == configuration(kit, f"/{tid.upper()}/").json()
    assert found["issuer"] == f"{kit.authority}/{tid}/v2.0"
    assert found["token_endpoint"] == f"{kit.authority}/{tid}/oauth2/v2.0/token"
    assert found["authorization_endpoint"].startswith(kit.running.pages_url)


def test_discovery_of_all_tenants_names_none(kit: Kit) -> None:
    assert configuration(kit, "organizations").json()["issuer"] == f"{kit.authority}/{{tenantid}}/v2.0"


def test_an_unknown_tenant(kit: Kit) -> None:
    said = configuration(kit, "unknown.example")
    assert (said.status_code, said.json()["error"], said.json()["error_codes"]) == (
        400,
        "invalid_tenant",
        [90002],
    )


def test_keys_name_their_issuer(kit: Kit) -> None:
    tid = kit.tid("contoso.example")
    keys = kit.session.get(f"{kit.authority}/{tid}/discovery/v2.0/keys", timeout=10).json()["keys"]
    assert keys[0]["issuer"] == f"{kit.authority}/{tid}/v2.0"
    assert "d" not in keys[0]


def test_instance_discovery(kit: Kit) -> None:
    asked = {"api-version": "1.1", "authorization_endpoint": f"{kit.authority}/common/oauth2/v2.0/authorize"}
    said = kit.session.get(f"{kit.authority}/common/discovery/instance", params=asked, timeout=10).json()
    assert said["tenant_discovery_endpoint"].startswith(f"{kit.authority}/common/")


@pytest.mark.parametrize(
    ("domain", "code"),
    [("contoso.example", None), ("litware.example", 7000215), ("proseware.example", 7000222)],
)
def test_app_registrations_as_entered(kit: Kit, domain: str, code: int | None) -> None:
    customer = next(customer for customer in demo.customers() if customer.domain == domain)
    app = kit.confidential(domain, customer.client_id, customer.client_secret)
    result = app.acquire_token_for_client([GRAPH_SCOPE])
    assert result.get("error_codes") == ([code] if code else None)
    assert ("access_token" in result) == (code is None)


def test_an_app_of_another_tenant(kit: Kit) -> None:
    customer = demo.customers()[0]
    app = kit.confidential("tailspin.example", customer.client_id, customer.client_secret)
    result = app.acquire_token_for_client([GRAPH_SCOPE])
    assert (result["error"], result["error_codes"]) == ("unauthorized_client", [700016])


def test_a_secret_can_expire_and_be_renewed(kit: Kit) -> None:
    client_id = demo.customers()[7].client_id
    form = {
        "grant_type": "client_credentials",
        "client_id": client_id,
        "client_secret": "new",
        "scope": GRAPH_SCOPE,
    }
    kit.sim("secrets", client_id=client_id, value="new")
    assert "access_token" in kit.token("tailspin.example", **form).json()
    kit.sim("secrets", client_id=client_id, expired=True)
    assert kit.token("tailspin.example", **form).json()["error_codes"] == [7000222]


@pytest.mark.parametrize(("scope", "code"), [("User.Read", 70011), ("api://other/.default", 500011)])
def test_wrong_scopes_of_an_app(kit: Kit, scope: str, code: int) -> None:
    app = demo.GATEWAY_APPS["viewer"]
    form = {"grant_type": "client_credentials", "client_id": app.client_id, "client_secret": app.secret}
    assert kit.token(PROVIDER_TENANT, **form, scope=scope).json()["error_codes"] == [code]


@pytest.mark.parametrize("role", ["viewer", "operator", "admin"])
def test_operators_sign_in_by_openid_connect(kit: Kit, role: str) -> None:
    app = kit.confidential("provider.example", demo.PORTAL_CLIENT_ID, demo.PORTAL_SECRET)
    flow = app.initiate_auth_code_flow([], redirect_uri=demo.PORTAL_REDIRECT)
    back = kit.sim("authorize", url=flow["auth_uri"], account=f"{role}@provider.example")
    query = {name: values[0] for name, values in parse_qs(urlsplit(back["redirect"]).query).items()}
    result = app.acquire_token_by_auth_code_flow(flow, query)
    claims = kit.claims(result["id_token"], PROVIDER_TENANT)
    assert claims["roles"] == [role]
    assert claims["iss"] == kit.running.issuer
    assert claims["aud"] == demo.PORTAL_CLIENT_ID


def test_nobody_else_signs_in_to_the_portal(kit: Kit) -> None:
    app = kit.confidential("provider.example", demo.PORTAL_CLIENT_ID, demo.PORTAL_SECRET)
    flow = app.initiate_auth_code_flow([], redirect_uri=demo.PORTAL_REDIRECT)
    assert kit.sim("authorize", url=flow["auth_uri"], account="admin@contoso.example")["code"] == "50020"


@pytest.mark.parametrize("role", ["viewer", "operator", "admin", "token.read"])
def test_a_bearer_token_on_the_command_line(kit: Kit, role: str) -> None:
    command = [sys.executable, "-m", "tokenswitch_dev.runner.token", role, "--authority", kit.authority]
    said = subprocess.run(
        [*command, "--ca-file", str(kit.running.ca_file)],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    claims = kit.claims(said.stdout.strip(), PROVIDER_TENANT)
    assert (claims["aud"], claims["roles"], claims["ver"]) == ("api://tokenswitch", [role], "2.0")
    assert (claims["iss"], claims["azp"]) == (kit.running.issuer, demo.GATEWAY_APPS[role].client_id)
    assert {"oid", "sub", "tid", "iat", "nbf", "exp"} <= set(claims)


def test_a_forged_bearer_token_does_not_verify(kit: Kit) -> None:
    app = demo.GATEWAY_APPS["viewer"]
    form = {"grant_type": "client_credentials", "client_id": app.client_id, "client_secret": app.secret}
    token = kit.token(PROVIDER_TENANT, **form, scope="api://tokenswitch/.default").json()["access_token"]
    header, claims, signature = token.split(".")
    forged = base64.urlsafe_b64encode(base64.urlsafe_b64decode(claims + "==").replace(b"viewer", b"admin!"))
    with pytest.raises(JoseError):
        kit.claims(".".join([header, forged.rstrip(b"=").decode(), signature]), PROVIDER_TENANT)


def test_http_basic_is_taken_too(kit: Kit) -> None:
    app = demo.GATEWAY_APPS["viewer"]
    said = kit.session.post(
        f"{kit.authority}/{PROVIDER_TENANT}/oauth2/v2.0/token",
        data={"grant_type": "client_credentials", "scope": "api://tokenswitch/.default"},
        auth=(app.client_id, app.secret),
        timeout=10,
    )
    assert "access_token" in said.json()


def test_any_number_of_tenants(kit: Kit) -> None:
    for number in range(50):
        made = kit.sim("tenants", domain=f"t{number}.example", accounts=[{"upn": f"admin@t{number}.example"}])
        assert configuration(kit, f"t{number}.example").json()["issuer"].endswith(f"/{made['tid']}/v2.0")
    assert kit.device_signin("t42.example", "admin@t42.example")["id_token_claims"]["name"] == "admin@t42.example"
