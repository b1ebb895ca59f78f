"""What only Microsoft's page shows, and what an administrator may do about it: each answer leads on."""

from __future__ import annotations

import re

import pytest

from invite_svc.pages.screens import reported
from invite_svc.pages.texts import HELP_IN, TROUBLE, TROUBLE_OF
from shared.contracts.events import AuthenticationFailed
from shared.contracts.reasons import REASONS
from tests.invite_svc.invite_kit import ADMIN, APP_ID, CUSTOMER, Browser, Wizard

# Shown in the browser only, by Microsoft's number; the reason that the closest answer, or the number, gives.
SEEN_ONLY_THERE = {
    70018: "code_unknown",
    9002332: "personal_account",
    500208: "personal_account",
    50020: "wrong_account",
    50034: "wrong_account",
    16000: "wrong_account",
    51004: "wrong_account",
    65001: "consent_required",
    90094: "admin_consent",
    90095: "admin_consent",
    65004: "consent_declined",
    50105: "not_assigned",
    50076: "mfa_needed",
    50079: "mfa_not_registered",
    53004: "mfa_not_registered",
    53003: "blocked_by_policy",
    530035: "code_blocked",
    530032: "device_policy",
    53000: "device_policy",
    50097: "device_policy",
    50057: "account_disabled",
    50126: "password",
    50053: "password",
    700016: "app_unknown",
    90002: "tenant_unknown",
}


async def with_a_code(wizard: Wizard) -> Browser:
    browser = await wizard.begun()
    await browser.open("/w/device")
    await browser.send("/w/device", user_name="admin@contoso.example")
    await wizard.code_comes()
    await browser.open("/w/trouble")
    return browser


@pytest.mark.parametrize(("number", "reason"), SEEN_ONLY_THERE.items())
def test_microsofts_number_says_more_than_the_closest_sentence(number: int, reason: str) -> None:
    assert reported("refused", "device_code", number) == reason
    assert reported("declined", "sign_in", 12345) == "declined"


def test_every_answer_is_a_reason_and_a_person_finds_each_kind_of_refusal() -> None:
    answers = {code for code, _, _ in TROUBLE}
    assert answers <= set(REASONS) and set(HELP_IN) <= set(REASONS)
    by_another_name = {
        "consent_required": "admin_consent",
        "blocked_by_policy": "code_blocked",
        "mfa_needed": "mfa_not_registered",
        "tenant_unknown": "app_unknown",
    }
    assert {by_another_name.get(reason, reason) for reason in SEEN_ONLY_THERE.values()} <= answers


async def test_each_answer_leads_on_to_the_ways_with_what_to_do(wizard: Wizard) -> None:
    """One invitation after the other would spend the codes: the sign-in has no such limit."""
    browser = await wizard.begun()
    for attempt, code in enumerate(sorted(TROUBLE_OF["sign_in"]), start=1):
        await browser.open("/w/ways")
        await browser.send("/w/sign-in")
        await wizard.sign_in_ready(attempt)
        await browser.open("/w/trouble")
        await browser.send("/w/trouble", seen=code)
        page = browser.page.text
        assert "The sign-in did not succeed" in page and "Ask for a new invitation" in page, code
        assert 'id="way-sign_in"' in page and 'id="way-device_code"' in page, code
        assert ("/guidance#" in page) == (code in HELP_IN or code == "code_blocked"), code
    assert "None" not in re.sub(r"<[^>]+>|None of this helps", "", page)


@pytest.mark.parametrize(
    "typed", ["AADSTS530035: Access has been blocked by security defaults.", "530035", " aadsts530035"]
)
async def test_the_number_alone_is_answer_enough(wizard: Wizard, typed: str) -> None:
    browser = await with_a_code(wizard)
    await browser.send("/w/trouble", number=typed)
    assert "does not allow sign-in by code" in browser.page.text
    assert 'href="/guidance#codes"' in browser.page.text
    assert browser.page.text.index('id="way-sign_in"') < browser.page.text.index('id="way-device_code"')


@pytest.mark.parametrize("typed", ["no", "<b>1</b>", "1", "9" * 400])
async def test_what_is_no_number_is_said_and_the_answer_kept(wizard: Wizard, typed: str) -> None:
    browser = await with_a_code(wizard)
    answer = await browser.send("/w/trouble", seen="password", number=typed)
    assert answer.status_code == 422 and "Enter the number alone" in answer.text
    assert 'value="password" checked' in answer.text and "<b>1</b>" not in answer.text
    assert "AuthenticationStopped" not in await wizard.said()


async def test_what_only_the_invitee_knows_is_not_called_known_to_the_provider(wizard: Wizard) -> None:
    browser = await with_a_code(wizard)
    await browser.send("/w/trouble", number="90002")
    assert "so that they know of it" in browser.page.text and "we have told them" not in browser.page.text


async def test_another_account_is_named_with_the_one_that_is_wanted(wizard: Wizard) -> None:
    browser = await wizard.begun()
    await browser.send("/w/sign-in")
    await wizard.hears(
        AuthenticationFailed(
            customer=CUSTOMER,
            switch=1,
            attempt=1,
            method="sign_in",
            reason="no_role",
            aadsts=None,
            correlation_id=None,
            trace_id=None,
            account=ADMIN,
        )
    )
    page = (await browser.open("/w")).text
    for said in (
        "You signed in as admin@contoso.example",
        "an administrator of contoso.example",
        "Accepted roles: Global Administrator",
        "Forward the invitation mail",
    ):
        assert said in page


# --- the guidance -------------------------------------------------------------------------------------------------


async def test_the_guidance_is_open_to_all_and_has_what_security_people_ask_for(wizard: Wizard) -> None:
    stranger = wizard.browser()
    page = await stranger.open("/guidance")
    for said in (
        "Northstar Communications",
        "localhost:8001",
        "User.Read",
        "delegated permissions",
        "Never switch off security defaults",
        "Authentication flows",
        "Sign-in logs",
        "Original transfer method",
        "Revoke sessions",
        "Northstar Communications tells you",
    ):
        assert said in page.text
    assert "Back to the sign-in" not in page.text and "set-cookie" not in page.headers
    assert (await stranger.http.head("/guidance")).status_code == 200
    ids = set(re.findall(r'id="([^"]+)"', page.text))
    assert {*HELP_IN.values(), "remove"} <= ids


async def test_the_guidance_names_the_applications_and_is_linked_from_every_page(wizard: Wizard) -> None:
    browser = await wizard.begun()
    pages = [await browser.open(path) for path in (wizard.link(), "/w", "/w/device", "/w/app", "/w/ways")]
    assert all('href="/guidance"' in page.text for page in pages)
    assert "Back to the sign-in" in (await browser.open("/guidance")).text
    named = Wizard(
        wizard.settings.link_keys_file.parent / "named",
        str(wizard.settings.mongo_url.get_secret_value()),
        "named",
        entra_client_id=APP_ID,
        entra_app_name="Bridge",
        entra_publisher="Northstar Ltd",
        graph_scopes="User.Read X.Y",
    )
    page = (await named.browser().open("/guidance")).text
    assert all(said in page for said in (APP_ID, "Bridge", "Northstar Ltd", "<li>X.Y</li>"))
