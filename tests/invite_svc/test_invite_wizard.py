"""The wizard as the invitee walks it: steps 6 to 14, its three ways, live, after a closed tab, in another browser."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from shared.events import (
    AppRegistrationProven,
    AuthenticationFailed,
    InvitationResendRequested,
    SwitchCancelled,
    SwitchCompleted,
    SwitchExpired,
)
from tests.invite_svc.invite_kit import (
    ADMIN,
    APP_ID,
    AT_MICROSOFT,
    CODE,
    CUSTOMER,
    ID,
    NOW,
    SECRET,
    Wizard,
    claimed,
    requested,
)


@pytest.fixture
async def wizard(tmp_path: Path, mongo_url: str, mongo_database: str) -> AsyncIterator[Wizard]:
    made = Wizard(tmp_path, mongo_url, mongo_database)
    await made.hears(requested())
    yield made
    await made.close()


# --- the link -----------------------------------------------------------------------------------------------------


async def test_the_link_says_who_asks_for_what_until_when_and_when_to_stop(wizard: Wizard) -> None:
    page = (await wizard.browser().open(wizard.link())).text
    for said in ("Northstar Communications asks", "Otto Operator", "Contoso Ltd", "contoso.example", "Mar 8, 2027",
                 "read your own profile", "When to stop", "Enterprise applications", "Global Administrator"):
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


async def test_an_invitation_that_is_still_on_its_way_is_a_page_that_reloads(wizard: Wizard) -> None:
    page = await wizard.browser().open(wizard.link(id="contoso/9"))
    assert page.status_code == 200
    assert "being prepared" in page.text and 'http-equiv="refresh"' in page.text


# --- use device token ---------------------------------------------------------------------------------------------


async def test_use_device_token_shows_the_code_large_with_address_and_time_left(wizard: Wizard) -> None:
    browser = await wizard.begun()
    await browser.open("/w/device")
    assert 'type="password"' not in browser.page.text
    await browser.send("/w/device", user_name="admin@contoso.example")
    assert "Preparing" in browser.page.text
    await wizard.code_comes()
    part = (await browser.live()).text
    for said in ("<span>C7W</span><span>Q9K</span><span>DM2</span>", "Copy code and open page in new tab",
                 'href="https://microsoft.com/devicelogin"', "Time left", "Waiting for you", f'data-copy="{CODE}"'):
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
    back = await browser.open("/signin/return?code=marked-code&state=s1")
    assert (back.status_code, back.headers["location"]) == (303, "/w")
    assert "Checking your sign-in" in (await browser.open("/w")).text
    await wizard.hears(claimed())
    assert "Finishing" in (await browser.live()).text
    await wizard.hears(SwitchCompleted(CUSTOMER, 1, "token", "sign_in", True, "grant-1", None, ADMIN, "token"))
    done = await browser.live()
    assert done.status_code == 286
    for said in ("Avery Admin", "admin@contoso.example", "Global Administrator", "read your own profile",
                 "May 30, 2027", "Enterprise applications", "You may close this window"):
        assert said in done.text


async def test_microsofts_answer_reaches_auth_svc_sealed_and_only_there(wizard: Wizard) -> None:
    browser = await wizard.begun()
    await browser.send("/w/sign-in")
    await wizard.sign_in_ready()
    await browser.open("/signin/return?code=marked-code&state=s1&session_state=x")
    document = await wizard.store.collection.get(ID)
    assert document and "marked-code" not in str(document)
    body = next(entry["body"] for entry in document["outbox"] if entry["type"] == "SignInReturned")
    sealed = body.split('"answer":')[1].split('"')[1]
    opened = wizard.auth.open(sealed, customer=ID, event="SignInReturned", attempt=1, now=NOW)
    assert opened["query"].reveal() == '{"code": "marked-code", "state": "s1", "session_state": "x"}'


async def test_a_failure_says_what_happened_who_must_act_and_how_to_go_on(wizard: Wizard) -> None:
    browser = await wizard.begun()
    await browser.send("/w/sign-in")
    await wizard.hears(AuthenticationFailed(CUSTOMER, 1, 1, "sign_in", "blocked_by_policy", 53003, "corr-17", "t", ADMIN))
    part = (await browser.open("/w")).text
    for said in ("A security policy of your organisation blocks", "An administrator of your organisation has to",
                 "corr-17", "AADSTS53003", "admin@contoso.example"):
        assert said in part
    assert part.index("Use Device Token") < part.index("Sign in with Microsoft")
    await browser.send("/w/sign-in")
    assert (await wizard.invitation()).attempts == 2


# --- use app registration -----------------------------------------------------------------------------------------


async def test_use_app_registration_seals_what_was_entered_at_once(wizard: Wizard) -> None:
    browser = await wizard.begun()
    await browser.open("/w/app")
    for label in ("Customer Microsoft Tenant ID", "Application (Client) ID", "Client Secret value", "Start authentication"):
        assert label in browser.page.text
    tenant = (await wizard.invitation()).tenant_id
    await browser.send("/w/app", tenant=tenant, client_id=APP_ID, client_secret=SECRET)
    document = await wizard.store.collection.get(ID)
    assert document and SECRET not in str(document) and SECRET not in browser.page.text
    body = next(entry["body"] for entry in document["outbox"] if entry["type"] == "AuthenticationStarted")
    sealed = body.split('"credentials":')[1].split('"')[1]
    opened = wizard.auth.open(sealed, customer=ID, event="AuthenticationStarted", attempt=1, now=NOW)
    assert (opened["client_id"].reveal(), opened["client_secret"].reveal()) == (APP_ID, SECRET)
    await wizard.hears(AppRegistrationProven(CUSTOMER, 1, 1, APP_ID, "proposed"))
    await wizard.hears(SwitchCompleted(CUSTOMER, 1, "token", "app_registration", True, None, 2, None, "app_registration"))
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


@pytest.mark.parametrize("name", ["", "admin", "a@b", "x" * 95 + "@contoso.example", "ad\nmin@contoso.example", "<b>@x.example"])
async def test_a_user_name_must_be_one(wizard: Wizard, name: str) -> None:
    browser = await wizard.begun()
    await browser.open("/w/device")
    answer = await browser.send("/w/device", user_name=name)
    assert answer.status_code == 422 and "Enter the user name" in answer.text
    assert (await wizard.invitation()).attempts == 0


# --- double clicks, closed tabs, other browsers -------------------------------------------------------------------


async def test_a_double_click_starts_one_attempt(wizard: Wizard) -> None:
    browser = await wizard.begun()
    page = browser.page
    await browser.send("/w/sign-in", follow=False)
    browser.page = page
    assert (await browser.send("/w/sign-in")).status_code == 303
    assert (await wizard.said()).count("AuthenticationStarted") == 1


async def test_a_double_click_on_start_is_not_another_browser(wizard: Wizard) -> None:
    browser = wizard.browser()
    page = await browser.open(wizard.link())
    await browser.send("/start", follow=False)
    browser.http.cookies.delete("ts-invite")
    browser.page = page
    await browser.send("/start")
    assert "How do you want to sign in?" in browser.page.text


async def test_a_closed_tab_goes_on_with_the_link_in_the_same_browser(wizard: Wizard) -> None:
    browser = await wizard.begun()
    await browser.send("/w/sign-in")
    await wizard.sign_in_ready()
    await browser.open(wizard.link())
    assert ">Continue<" in browser.page.text
    await browser.send("/start")
    assert "Continue to Microsoft" in browser.page.text
    assert "AuthenticationStopped" not in await wizard.said()


async def test_another_browser_may_continue_and_the_first_one_is_told(wizard: Wizard) -> None:
    first = await wizard.begun()
    await first.send("/w/sign-in")
    second = wizard.browser()
    await second.open(wizard.link())
    assert "open in another browser" in second.page.text
    await second.send("/start")
    assert "How do you want to sign in?" in second.page.text or "did not succeed" in second.page.text
    assert (await wizard.said())[-1] == "AuthenticationStopped"
    stale = await first.open("/w")
    assert stale.status_code == 403 and "You went on in another browser" in stale.text
    await first.send("/w/continue")
    assert first.page.status_code == 200
    assert (await second.open("/w")).status_code == 403


# --- ends ---------------------------------------------------------------------------------------------------------


async def test_each_end_has_its_page_and_a_way_on(wizard: Wizard) -> None:
    browser = await wizard.begun()
    await wizard.hears(SwitchCancelled(CUSTOMER, 1, "cancelled", True))
    assert "was withdrawn" in (await browser.live()).text
    page = await wizard.browser().open(wizard.link())
    assert page.status_code == 410 and "was withdrawn" in page.text


async def test_an_older_link_says_so_and_asks_for_a_new_one_once_an_hour(wizard: Wizard) -> None:
    await wizard.hears(InvitationResendRequested(CUSTOMER, 1, 2, NOW + timedelta(days=7)))
    browser = wizard.browser()
    assert "There is a newer invitation" in (await browser.open(wizard.link(1))).text
    old = browser.page
    assert "was told" in (await browser.send("/ask")).text
    browser.page = old
    await browser.send("/ask")
    assert (await wizard.said()).count("NewInvitationAsked") == 1
    wizard.later(hours=2)
    browser.page = old
    await browser.send("/ask")
    assert (await wizard.said()).count("NewInvitationAsked") == 2
    assert (await browser.open(wizard.link(2))).status_code == 200


async def test_a_resend_cuts_no_running_session(wizard: Wizard) -> None:
    browser = await wizard.begun()
    await browser.send("/w/sign-in")
    await wizard.hears(InvitationResendRequested(CUSTOMER, 1, 2, NOW + timedelta(days=9)))
    await wizard.sign_in_ready()
    assert "Continue to Microsoft" in (await browser.open("/w")).text


async def test_an_expired_invitation_says_until_when_it_was_open(wizard: Wizard) -> None:
    browser = await wizard.begun()
    wizard.later(days=8)
    assert "This invitation has expired" in (await browser.open("/w")).text
    await wizard.hears(SwitchExpired(CUSTOMER, 1, True))
    page = await browser.open(wizard.link())
    assert page.status_code == 410 and "Mar 8, 2027" in page.text
    await browser.send("/ask")
    assert "NewInvitationAsked" in await wizard.said()


async def test_a_finished_invitation_tells_a_stranger_nothing_of_who_signed_in(wizard: Wizard) -> None:
    await wizard.hears(claimed())
    await wizard.hears(SwitchCompleted(CUSTOMER, 1, "token", "sign_in", True, "grant-1", None, ADMIN, "token"))
    page = await wizard.browser().open(wizard.link())
    assert page.status_code == 410 and "already used" in page.text
    assert ADMIN.upn not in page.text and "Ask for a new invitation" not in page.text


# --- what cannot be read, language --------------------------------------------------------------------------------


async def test_a_code_that_cannot_be_opened_is_given_up_with_a_fresh_start(wizard: Wizard) -> None:
    browser = await wizard.begun()
    await browser.open("/w/device")
    await browser.send("/w/device", user_name="admin@contoso.example")
    other = wizard.sealed("DeviceCodeIssued", {"user_code": CODE}, 1, id="contoso/7")
    await wizard.code_comes(sealed=other)
    part = (await browser.open("/w")).text
    assert "could not be read in time" in part and CODE not in part
    assert (await wizard.said())[-1] == "AuthenticationStopped"
    await browser.open("/w/device")
    await browser.send("/w/device", user_name="admin@contoso.example")
    assert (await wizard.invitation()).attempts == 2


async def test_an_address_that_is_not_safe_to_follow_is_never_a_link(wizard: Wizard) -> None:
    browser = await wizard.begun()
    await browser.send("/w/sign-in")
    await wizard.sign_in_ready(url="javascript:alert(1)")
    part = (await browser.open("/w")).text
    assert "javascript:" not in part and "could not be read" in part


async def test_the_wizard_speaks_the_invitees_language_and_can_be_switched(wizard: Wizard) -> None:
    await wizard.hears(requested(switch=3, locale="de"))
    browser = wizard.browser()
    page = await browser.open(wizard.link(id="contoso/3"))
    assert page.headers["content-language"] == "de" and "Northstar Communications bittet" in page.text
    assert (await browser.open(f"{wizard.link(id='contoso/3')}?lang=en")).headers["content-language"] == "en"
    await browser.send("/start")
    assert browser.page.headers["content-language"] == "en"
