"""Authorization code with PKCE, as unmodified MSAL and a browser see it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from tests.dev.simulator.simulator_kit import RETURN, Kit, kit_fixture
from tokenswitch_dev.simulator import demo

ADMIN = "admin@contoso.example"


@pytest.fixture(scope="module")
def kit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kit]:
    yield from kit_fixture(tmp_path_factory)


def returned(kit: Kit, mode: str = "query", **more: Any) -> tuple[Any, dict[str, Any], dict[str, str]]:
    """(app, flow, what came back to the redirect address)."""
    app = kit.signin_app("contoso.example")
    flow = app.initiate_auth_code_flow(["User.Read"], redirect_uri=RETURN, response_mode=mode, **more)
    back = kit.sim("authorize", url=flow["auth_uri"], account=ADMIN)
    assert back["redirect"].startswith(RETURN), back
    parts = urlsplit(back["redirect"])
    query = {name: values[0] for name, values in parse_qs(parts.fragment or parts.query).items()}
    return app, flow, back.get("form", query)


@pytest.mark.parametrize("mode", ["query", "form_post"])
def test_a_sign_in(kit: Kit, mode: str) -> None:
    app, flow, back = returned(kit, mode)
    result = app.acquire_token_by_auth_code_flow(flow, back)
    claims = kit.claims(result["id_token"], kit.tid("contoso.example"))
    assert claims["iss"] == f"{kit.authority}/{kit.tid('contoso.example')}/v2.0"
    assert (claims["aud"], claims["ver"]) == (demo.SIGNIN_CLIENT_ID, "2.0")
    assert claims["nonce"] == result["id_token_claims"]["nonce"]
    assert kit.graph(result["access_token"], "me").json()["userPrincipalName"] == ADMIN


def test_the_browser_is_led_to_plain_http_pages(kit: Kit) -> None:
    app = kit.signin_app("contoso.example")
    flow = app.initiate_auth_code_flow(["User.Read"], redirect_uri=RETURN)
    assert flow["auth_uri"].startswith(kit.running.pages_url + "/")


def test_security_defaults_do_not_block_the_button(kit: Kit) -> None:
    assert kit.code_signin("fabrikam.example", "admin@fabrikam.example")["id_token_claims"]["name"]


def test_a_code_is_single_use(kit: Kit) -> None:
    app, flow, back = returned(kit)
    assert "access_token" in app.acquire_token_by_auth_code_flow(dict(flow), back)
    again = app.acquire_token_by_auth_code_flow(dict(flow), back)
    assert (again["error"], again["error_codes"]) == ("invalid_grant", [54005])


def test_the_verifier_must_fit(kit: Kit) -> None:
    app, flow, back = returned(kit)
    wrong = app.acquire_token_by_auth_code_flow(flow | {"code_verifier": "x" * 43}, back)
    assert wrong["error_codes"] == [501481]


def test_the_secret_must_fit_and_be_there(kit: Kit) -> None:
    _, flow, back = returned(kit)
    app = kit.signin_app("contoso.example", "wrong")
    assert app.acquire_token_by_auth_code_flow(flow, back)["error_codes"] == [7000215]
    form = {"grant_type": "authorization_code", "client_id": demo.SIGNIN_CLIENT_ID, "code": back["code"]}
    proof = {"redirect_uri": RETURN, "code_verifier": flow["code_verifier"]}
    said = kit.token(kit.tid("contoso.example"), **form, **proof)
    assert (said.status_code, said.json()["error_codes"]) == (401, [7000218])


def test_the_redirect_address_must_be_the_same(kit: Kit) -> None:
    app, flow, back = returned(kit)
    wrong = app.acquire_token_by_auth_code_flow(flow | {"redirect_uri": RETURN + "/"}, back)
    assert wrong["error_codes"] == [500112]


def test_a_code_expires(kit: Kit) -> None:
    app, flow, back = returned(kit)
    kit.sim("clock", advance=601)
    assert app.acquire_token_by_auth_code_flow(flow, back)["error_codes"] == [70008]


def test_an_unregistered_redirect_address_is_never_redirected_to(kit: Kit) -> None:
    app = kit.signin_app("contoso.example")
    flow = app.initiate_auth_code_flow(["User.Read"], redirect_uri="http://evil.example/return")
    refused = kit.sim("authorize", url=flow["auth_uri"], account=ADMIN)
    assert (refused["outcome"], refused["code"]) == ("refused", "50011")
    shown = httpx.get(flow["auth_uri"], trust_env=False)
    assert shown.status_code == 200
    assert "AADSTS50011" in shown.text


def test_consent_declined_goes_back_as_access_denied(kit: Kit) -> None:
    app = kit.signin_app("contoso.example")
    flow = app.initiate_auth_code_flow(["User.Read"], redirect_uri=RETURN, prompt="consent")
    back = kit.sim("authorize", url=flow["auth_uri"], account=ADMIN, consent=False)
    assert back["outcome"] == "declined"
    query = parse_qs(urlsplit(back["redirect"]).query)
    assert query["error"] == ["access_denied"]
    assert "AADSTS65004" in query["error_description"][0]
    assert query["state"] == [flow["state"]]


def test_prompt_none_asks_for_a_sign_in(kit: Kit) -> None:
    app = kit.signin_app("contoso.example")
    flow = app.initiate_auth_code_flow(["User.Read"], redirect_uri=RETURN, prompt="none")
    back = httpx.get(flow["auth_uri"], trust_env=False)
    assert back.status_code == 303
    assert "error=login_required" in back.headers["location"]


def test_conditional_access_is_shown_and_nothing_comes_back(kit: Kit) -> None:
    app = kit.signin_app("woodgrove.example")
    flow = app.initiate_auth_code_flow(["User.Read"], redirect_uri=RETURN)
    refused = kit.sim("authorize", url=flow["auth_uri"], account="admin@woodgrove.example")
    assert (refused["outcome"], refused["code"]) == ("refused", "53003")


def test_a_redirect_address_can_be_registered_later(kit: Kit) -> None:
    address = "http://localhost:45678/signin/return"
    app = kit.signin_app("contoso.example")
    flow = app.initiate_auth_code_flow(["User.Read"], redirect_uri=address)
    assert kit.sim("authorize", url=flow["auth_uri"], account=ADMIN)["outcome"] == "refused"
    kit.sim("redirects", client_id=demo.SIGNIN_CLIENT_ID, uri=address)
    assert kit.sim("authorize", url=flow["auth_uri"], account=ADMIN)["redirect"].startswith(address)
