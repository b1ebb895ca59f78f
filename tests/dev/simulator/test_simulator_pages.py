"""Microsoft's pages walked over http as a person does, form by form, without script."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest

from tests.dev.simulator.simulator_kit import ONCE, RETURN, Kit, kit_fixture
from tokenswitch_dev.simulator import demo

CONTOSO = "contoso.example"


@pytest.fixture(scope="module")
def kit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kit]:
    yield from kit_fixture(tmp_path_factory)


@pytest.fixture
def person(kit: Kit) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=kit.running.pages_url, trust_env=False, follow_redirects=True) as client:
        yield client


def number(page: httpx.Response) -> str:
    found = re.search(r'id="number">(\d\d)<', page.text)
    assert found, page.text
    return found[1]


def sent(person: httpx.Client, page: httpx.Response, step: str, **fields: str) -> httpx.Response:
    assert f'name="step" value="{step}"' in page.text, page.text
    return person.post(page.url, data={"step": step, **fields})


def signed_in(person: httpx.Client, page: httpx.Response, account: str) -> httpx.Response:
    """Account, password and the number in Authenticator."""
    page = sent(person, page, "account", loginfmt=account)
    page = sent(person, page, "password", passwd=demo.PASSWORD)
    return sent(person, page, "approve", answer="approve", number=number(page))


def code_entered(kit: Kit, person: httpx.Client, tenant: str) -> tuple[object, dict[str, object], httpx.Response]:
    app = kit.device_app(tenant)
    flow = app.initiate_device_flow(["User.Read"])
    assert "Enter code" in person.get("/devicelogin").text
    return app, flow, person.post("/devicelogin", data={"otc": flow["user_code"].lower()})


def test_a_device_code_from_the_code_to_the_end(kit: Kit, person: httpx.Client) -> None:
    _, flow, page = code_entered(kit, person, CONTOSO)
    assert "Pick an account" in page.text
    assert "Simulated Microsoft sign-in" in page.text
    page = signed_in(person, page, "teams@contoso.example")
    assert "on another device" in page.text
    page = sent(person, page, "confirm", answer="continue")
    assert "Permissions requested" in page.text
    page = sent(person, page, "consent", answer="accept")
    assert "You have signed in to Tokenswitch (sign-in by code). You may now close this window." in page.text
    result = kit.device_app(CONTOSO).acquire_token_by_device_flow(flow, **ONCE)
    assert result["id_token_claims"]["preferred_username"] == "teams@contoso.example"


def test_consent_is_asked_once(kit: Kit, person: httpx.Client) -> None:
    kit.device_signin(CONTOSO, "user@contoso.example")
    _, _, page = code_entered(kit, person, CONTOSO)
    page = sent(person, signed_in(person, page, "user@contoso.example"), "confirm", answer="continue")
    assert 'id="done"' in page.text


def test_a_wrong_code_a_wrong_password_a_wrong_number(kit: Kit, person: httpx.Client) -> None:
    assert "AADSTS70018" in person.post("/devicelogin", data={"otc": "AAAAAAAAA"}).text
    _, _, page = code_entered(kit, person, CONTOSO)
    page = sent(person, page, "account", loginfmt="admin@contoso.example")
    page = sent(person, page, "password", passwd="wrong")
    assert "Your account or password is incorrect" in page.text
    page = sent(person, page, "password", passwd=demo.PASSWORD)
    shown = number(page)
    page = sent(person, page, "approve", answer="approve", number=str((int(shown) + 1) % 100))
    assert "not the number" in page.text
    page = sent(person, page, "approve", answer="deny", number=number(page))
    assert "denied" in page.text
    assert "on another device" in sent(person, page, "approve", answer="approve", number=number(page)).text


def test_cancel_is_heard_by_the_poll(kit: Kit, person: httpx.Client) -> None:
    _, flow, page = code_entered(kit, person, CONTOSO)
    page = sent(person, signed_in(person, page, "admin@contoso.example"), "confirm", answer="cancel")
    assert 'id="declined"' in page.text
    declined = kit.device_app(CONTOSO).acquire_token_by_device_flow(flow, **ONCE)
    assert declined["error"] == "authorization_declined"


def test_a_refusal_as_microsoft_shows_it_and_another_account(kit: Kit, person: httpx.Client) -> None:
    _, flow, page = code_entered(kit, person, CONTOSO)
    page = sent(person, page, "account", loginfmt="admin@tailspin.example")
    page = sent(person, page, "password", passwd=demo.PASSWORD)
    assert "Sorry, but we&#39;re having trouble signing you in." in page.text
    assert "AADSTS50020" in page.text
    assert re.search(r'id="correlation-id">[0-9a-f-]{36}<', page.text)
    app = kit.device_app(CONTOSO)
    assert app.acquire_token_by_device_flow(dict(flow), **ONCE)["error"] == "authorization_pending"
    page = person.post(page.url, data={"step": "restart"})
    page = sent(person, signed_in(person, page, "admin@contoso.example"), "confirm", answer="continue")
    assert 'id="done"' in page.text or "Permissions requested" in page.text


@pytest.mark.parametrize(("tenant", "code"), [("fabrikam.example", "530035"), ("woodgrove.example", "53003")])
def test_policies_refuse_after_the_second_factor(kit: Kit, person: httpx.Client, tenant: str, code: str) -> None:
    _, _, page = code_entered(kit, person, tenant)
    assert f'id="error-code">{code}<' in signed_in(person, page, f"admin@{tenant}").text


def test_an_administrator_is_needed(kit: Kit, person: httpx.Client) -> None:
    _, _, page = code_entered(kit, person, "adatum.example")
    page = sent(person, signed_in(person, page, "user@adatum.example"), "confirm", answer="continue")
    assert "Need admin approval" in page.text
    assert "90094" in page.text


def test_the_button_ends_in_a_redirect_with_the_code(kit: Kit, person: httpx.Client) -> None:
    app = kit.signin_app(CONTOSO)
    flow = app.initiate_auth_code_flow(["User.Read"], redirect_uri=RETURN, login_hint="admin@contoso.example")
    page = person.get(flow["auth_uri"])
    page = sent(person, page, "password", passwd=demo.PASSWORD)
    page = sent(person, page, "approve", answer="approve", number=number(page))
    assert "Consent on behalf of your organization" in page.text
    person.follow_redirects = False
    back = sent(person, page, "consent", answer="accept", for_all="1")
    query = dict(httpx.URL(back.headers["location"]).params)
    assert back.headers["location"].startswith(RETURN)
    assert "access_token" in app.acquire_token_by_auth_code_flow(flow, query)
    given = kit.running.sim.directory.tenants[kit.tid(CONTOSO)].consents[demo.SIGNIN_CLIENT_ID]
    assert given["*"] == ["User.Read"]


def test_select_account_lets_the_person_choose(kit: Kit, person: httpx.Client) -> None:
    app = kit.signin_app(CONTOSO)
    flow = app.initiate_auth_code_flow(
        ["User.Read"], redirect_uri=RETURN, prompt="select_account", login_hint="user@contoso.example"
    )
    assert "Pick an account" in person.get(flow["auth_uri"]).text


def test_a_form_of_another_step_changes_nothing(kit: Kit, person: httpx.Client) -> None:
    _, flow, page = code_entered(kit, person, CONTOSO)
    jumped = person.post(page.url, data={"step": "confirm", "answer": "continue"})
    assert "Pick an account" in jumped.text
    app = kit.device_app(CONTOSO)
    assert app.acquire_token_by_device_flow(flow, **ONCE)["error"] == "authorization_pending"


def test_an_old_page_says_so(person: httpx.Client) -> None:
    gone = person.get("/login?flow=unknown")
    assert gone.status_code == 404
    assert 'id="gone"' in gone.text


def test_signing_out_goes_back_only_to_addresses_of_the_application(kit: Kit, person: httpx.Client) -> None:
    person.follow_redirects = False
    path = f"/{kit.tid('provider.example')}/oauth2/v2.0/logout"
    home = person.get(path, params={"post_logout_redirect_uri": "http://localhost:8000/"})
    assert home.headers["location"] == "http://localhost:8000/"
    assert person.get(path, params={"post_logout_redirect_uri": "http://evil.example/"}).status_code == 200


def test_the_start_page_lists_and_switches(kit: Kit, person: httpx.Client) -> None:
    start = person.get("/").text
    assert demo.PASSWORD in start
    assert all(f'id="{customer.domain}"' in start for customer in demo.customers())
    tid = kit.tid("northwind.example")
    secret = next(c for c in demo.customers() if c.domain == "northwind.example")
    app_form = {
        "grant_type": "client_credentials",
        "client_id": secret.client_id,
        "client_secret": secret.client_secret,
    }
    scope = "https://graph.microsoft.com/.default"
    person.post("/switch", data={"tenant": tid, "switch": "outage"})
    assert kit.token(tid, **app_form, scope=scope).status_code == 503
    person.post("/switch", data={"tenant": tid, "switch": "outage"})
    assert kit.token(tid, **app_form, scope=scope).status_code == 200
    person.post("/switch", data={"tenant": tid, "switch": "secret"})
    assert kit.token(tid, **app_form, scope=scope).json()["error_codes"] == [7000222]
    token = kit.device_signin("northwind.example", "admin@northwind.example")["refresh_token"]
    person.post("/switch", data={"tenant": tid, "switch": "block"})
    assert kit.refresh("northwind.example", token)["error_codes"] == [530036]
    person.post("/switch", data={"tenant": tid, "switch": "revoke"})
    assert kit.refresh("northwind.example", token)["error_codes"] == [50173]
    contoso = kit.tid(CONTOSO)
    person.post("/switch", data={"tenant": contoso, "switch": "roles", "account": "teams@contoso.example"})
    assert "teams@contoso.example: no role" in person.get("/").text


def test_throttling_and_outage_are_on_from_the_beginning(kit: Kit) -> None:
    form = {"client_id": demo.DEVICE_CLIENT_ID, "scope": "User.Read"}
    for domain, status in (("wingtip.example", 429), ("alpine.example", 503)):
        said = kit.session.post(f"{kit.authority}/{domain}/oauth2/v2.0/devicecode", form, timeout=10)
        assert said.status_code == status
        assert int(said.headers["retry-after"]) > 0
