"""The wizard as the invitee walks it: steps 6 to 14 and its three ways, live."""

from __future__ import annotations

import pytest

from shared.contracts.events import AppRegistrationProven, AuthenticationFailed, SwitchCompleted
from tests.invite_svc.invite_kit import (
    ADMIN,
    APP_ID,
    AT_MICROSOFT,
    CODE,
    CUSTOMER,
    ID,
    NOW,
    SECRET,
    STATE,
    Wizard,
    claimed,
    requested,
)

# --- the link -----------------------------------------------------------------------------------------------------


async def test_the_link_says_who_asks_for_what_until_when_and_when_to_stop(wizard: Wizard) -> None:
    page = (await wizard.browser().open(wizard.link())).text
    for said in (
        "Northstar Communications asks",
        "Otto Operator",
        "Contoso Ltd",
        "contoso.example",
        "Mar 8, 2027",
        "read your own profile",
        "When to stop",
        "Enterprise applications",
        "Global Administrator",
    ):
        assert said in page


async def test_start_leads_to_the_wizard_whose_address_holds_no_secret(wizard: Wizard) -> None:
    browser = wizard.browser()
    await browser.open(wizard.link())
    answer = await browser.send("/start")
    assert (answer.status_code, answer.headers["location"]) == (303, "/w")
    assert await wizard.said() == ["InvitationCreated", "InvitationOpened"]
    for label in ("Use Device Token", "Sign in with Microsoft", "Use App Registration", "Recommended"):
        assert label in browser.page.text


async def test_only_the_methods_of_the_invitation_are_offered(wizard: Wizard) -> None:
    await wizard.hears(requested(switch=2, methods=("sign_in",)))
    browser = wizard.browser()
    await browser.open(wizard.link(id="contoso/2"))
    await browser.send("/start")
    assert "Sign in with Microsoft" in browser.page.text
    assert "Use Device Token" not in browser.page.text
    assert (await browser.open("/w/device")).status_code == 422


async def test_an_invitation_that_is_still_on_its_way_is_a_page_that_reloads_once_it_has_come(wizard: Wizard) -> None:
    link, browser = wizard.link(id="contoso/9"), wizard.browser()
    page = await browser.open(link)
    assert page.status_code == 200 and "being prepared" in page.text
    assert '<noscript><meta http-equiv="refresh"' in page.text and f'hx-get="{link}"' in page.text
    asked = await browser.open(link, headers={"HX-Request": "true"})
    assert (asked.status_code, asked.headers.get("HX-Refresh")) == (204, None)
    await wizard.hears(requested(switch=9))
    asked = await browser.open(link, headers={"HX-Request": "true"})
    assert (asked.status_code, asked.headers.get("HX-Refresh")) == (204, "true")


# --- use device token ---------------------------------------------------------------------------------------------


async def test_use_device_token_shows_the_code_large_with_address_and_time_left(wizard: Wizard) -> None:
    browser = await wizard.begun()
    await browser.open("/w/device")
    assert 'type="password"' not in browser.page.text
    await browser.send("/w/device", user_name="admin@contoso.example")
    assert "Preparing" in browser.page.text
    await wizard.code_comes()
    part = (await browser.live()).text
    for said in (
        "<span>C7W</span><span>Q9K</span><span>DM2</span>",
        "Copy code and open page in new tab",
        'href="https://microsoft.com/devicelogin"',
        "Time left",
        "Waiting for you",
        f'data-copy="{CODE}"',
    ):
        assert said in part
    assert (await wizard.invitation()).attempt.login_hint == "admin@contoso.example"  # type: ignore[union-attr]


async def test_it_says_when_preparing_takes_long_and_offers_to_try_again(wizard: Wizard) -> None:
    browser = await wizard.begun()
    await browser.send("/w/sign-in")
    assert "longer than usual" not in (await browser.live()).text
    wizard.later(seconds=11)
    assert "longer than usual" in (await browser.live()).text
    wizard.later(seconds=50)
    part = (await browser.open("/w")).text
    assert "Try again" in part
    await browser.send("/w/sign-in")
    assert (await wizard.invitation()).attempts == 2


async def test_a_code_that_ran_out_gives_way_to_a_new_one_five_in_all(wizard: Wizard) -> None:
    browser = await wizard.begun()
    await browser.open("/w/device")
    await browser.send("/w/device", user_name="admin@contoso.example")
    for number in range(1, 5):
        await wizard.code_comes(number, minutes=1)
        wizard.later(minutes=2)
        await browser.open("/w")
        assert "The code has expired" in browser.page.text
        await browser.send("/w/device")
    await wizard.code_comes(5, minutes=1)
    wizard.later(minutes=2)
    await browser.open("/w")
    assert "All codes of this invitation were used" in browser.page.text
    assert "Ask for a new invitation" in browser.page.text
    assert "Use Device Token" not in (await browser.open("/w/ways")).text
    assert (await wizard.invitation()).codes == 5


async def test_a_refusal_that_only_microsofts_page_shows_leads_to_the_other_way(wizard: Wizard) -> None:
    browser = await wizard.begun()
    await browser.open("/w/device")
    await browser.send("/w/device", user_name="admin@contoso.example")
    await wizard.code_comes()
    assert "What did Microsoft show you?" in (await browser.open("/w/trouble")).text
    await browser.send("/w/trouble", seen="code_blocked")
    assert "does not allow sign-in by code" in browser.page.text
    assert browser.page.text.index("Sign in with Microsoft") < browser.page.text.index("Use Device Token")
    assert "AuthenticationStopped" in await wizard.said()
    await browser.send("/w/sign-in")
    assert (await wizard.invitation()).attempt.method == "sign_in"  # type: ignore[union-attr]


async def test_trouble_needs_an_answer_that_is_one(wizard: Wizard) -> None:
    browser = await wizard.begun()
    await browser.send("/w/sign-in")
    await wizard.sign_in_ready()
    await browser.open("/w/trouble")
    assert (await browser.send("/w/trouble", seen="code_unknown")).status_code == 422
    assert "AuthenticationStopped" not in await wizard.said()


# --- sign in with microsoft ---------------------------------------------------------------------------------------


async def test_sign_in_leads_to_microsoft_by_a_plain_link_and_back(wizard: Wizard) -> None:
    browser = await wizard.begun()
    await browser.send("/w/sign-in")
    await wizard.sign_in_ready()
    part = (await browser.live()).text
    assert f'href="{AT_MICROSOFT}"' in part and "Continue to Microsoft" in part
    back = await browser.open(f"/signin/return?code=marked-code&state={STATE}")
    assert (back.status_code, back.headers["location"]) == (303, "/w")
    assert "Checking your sign-in" in (await browser.open("/w")).text
    await wizard.hears(claimed())
    assert "Finishing" in (await browser.live()).text
    await wizard.hears(
        SwitchCompleted(
            customer=CUSTOMER,
            switch=1,
            to="token",
            method="sign_in",
            invited=True,
            grant="grant-1",
            revision=None,
            account=ADMIN,
            in_force="token",
        )
    )
    done = await browser.live()
    assert done.status_code == 286
    for said in (
        "Avery Admin",
        "admin@contoso.example",
        "Global Administrator",
        "read your own profile",
        "May 30, 2027",
        "Enterprise applications",
        "You may close this window",
    ):
        assert said in done.text


async def test_microsofts_answer_reaches_auth_svc_sealed_and_only_there(wizard: Wizard) -> None:
    browser = await wizard.begun()
    await browser.send("/w/sign-in")
    await wizard.sign_in_ready()
    await browser.open(f"/signin/return?code=marked-code&state={STATE}&session_state=x")
    document = await wizard.store.collection.get(ID)
    assert document and "marked-code" not in str(document)
    body = next(entry["body"] for entry in document["outbox"] if entry["type"] == "SignInReturned")
    sealed = body.split('"answer":')[1].split('"')[1]
    opened = wizard.auth.open(sealed, customer=ID, event="SignInReturned", attempt=1, now=NOW)
    assert opened["query"].reveal() == f'{{"code": "marked-code", "state": "{STATE}", "session_state": "x"}}'


async def test_a_failure_says_what_happened_who_must_act_and_how_to_go_on(wizard: Wizard) -> None:
    browser = await wizard.begun()
    await browser.send("/w/sign-in")
    await wizard.hears(
        AuthenticationFailed(
            customer=CUSTOMER,
            switch=1,
            attempt=1,
            method="sign_in",
            reason="blocked_by_policy",
            aadsts=53003,
            correlation_id="corr-17",
            trace_id="t",
            account=ADMIN,
        )
    )
    part = (await browser.open("/w")).text
    for said in (
        "A security policy of your organisation blocks",
        "go on another way below, without starting again",
        "What an administrator can do about it",
        "corr-17",
        "AADSTS53003",
        "admin@contoso.example",
    ):
        assert said in part
    assert part.index("Use Device Token") < part.index("Sign in with Microsoft")
    await browser.send("/w/sign-in")
    assert (await wizard.invitation()).attempts == 2


# --- use app registration -----------------------------------------------------------------------------------------


async def test_use_app_registration_seals_what_was_entered_at_once(wizard: Wizard) -> None:
    browser = await wizard.begun()
    await browser.open("/w/app")
    for label in (
        "Customer Microsoft Tenant ID",
        "Application (Client) ID",
        "Client Secret value",
        "Start authentication",
    ):
        assert label in browser.page.text
    tenant = (await wizard.invitation()).tenant_id
    await browser.send("/w/app", tenant=tenant, client_id=APP_ID, client_secret=SECRET)
    document = await wizard.store.collection.get(ID)
    assert document and SECRET not in str(document) and SECRET not in browser.page.text
    body = next(entry["body"] for entry in document["outbox"] if entry["type"] == "AuthenticationStarted")
    sealed = body.split('"credentials":')[1].split('"')[1]
    opened = wizard.auth.open(sealed, customer=ID, event="AuthenticationStarted", attempt=1, now=NOW)
    assert (opened["client_id"].reveal(), opened["client_secret"].reveal()) == (APP_ID, SECRET)
    await wizard.hears(
        AppRegistrationProven(customer=CUSTOMER, switch=1, attempt=1, client_id=APP_ID, source="proposed")
    )
    await wizard.hears(
        SwitchCompleted(
            customer=CUSTOMER,
            switch=1,
            to="token",
            method="app_registration",
            invited=True,
            grant=None,
            revision=2,
            account=None,
            in_force="app_registration",
        )
    )
    assert "App registration" in (await browser.live()).text


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("tenant", "c0de0002-0001-4000-9abc-d00d00020000", "another tenant"),
        ("client_id", "not-a-guid", "Enter the application (client) ID"),
        ("client_secret", "", "Enter the client secret"),
        ("client_secret", "c0de0002-0001-4000-9abc-d00d00020000", "the secret&#39;s ID"),
        ("client_secret", "x" * 257, "Enter the client secret"),
    ],
)
async def test_wrong_credentials_are_said_at_the_field_and_never_shown_again(
    wizard: Wizard, field: str, value: str, sentence: str
) -> None:
    browser = await wizard.begun()
    await browser.open("/w/app")
    right = {"tenant": (await wizard.invitation()).tenant_id, "client_id": APP_ID, "client_secret": SECRET}
    answer = await browser.send("/w/app", **(right | {field: value}))
    assert answer.status_code == 422 and sentence in answer.text
    assert SECRET not in answer.text
    assert (await wizard.invitation()).attempts == 0


@pytest.mark.parametrize(
    "name", ["", "admin", "a@b", "x" * 95 + "@contoso.example", "ad\nmin@contoso.example", "<b>@x.example"]
)
async def test_a_user_name_must_be_one(wizard: Wizard, name: str) -> None:
    browser = await wizard.begun()
    await browser.open("/w/device")
    answer = await browser.send("/w/device", user_name=name)
    assert answer.status_code == 422 and "Enter the user name" in answer.text
    assert (await wizard.invitation()).attempts == 0
