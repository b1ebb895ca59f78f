"""What goes on and what ends: double clicks, closed tabs, other browsers, ended invitations, languages."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shared.contracts.events import (
    Event,
    InvitationResendRequested,
    SwitchCancelled,
    SwitchCompleted,
    SwitchExpired,
    SwitchFailed,
)
from tests.invite_svc.invite_kit import ADMIN, CODE, CUSTOMER, NOW, STATE, Wizard, claimed, requested

# --- double clicks, closed tabs, other browsers -------------------------------------------------------------------


async def test_a_double_click_starts_one_attempt(wizard: Wizard) -> None:
    browser = await wizard.begun()
    page = browser.page
    await browser.send("/w/sign-in", False)
    browser.page = page
    assert (await browser.send("/w/sign-in")).status_code == 303
    assert (await wizard.said()).count("AuthenticationStarted") == 1


async def test_a_double_click_on_start_is_not_another_browser(wizard: Wizard) -> None:
    browser = wizard.browser()
    page = await browser.open(wizard.link())
    await browser.send("/start", False)
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
    await wizard.hears(SwitchCancelled(customer=CUSTOMER, switch=1, reason="cancelled", invited=True))
    assert "was withdrawn" in (await browser.live()).text
    page = await wizard.browser().open(wizard.link())
    assert page.status_code == 410 and "was withdrawn" in page.text


@pytest.mark.parametrize(
    ("end", "told"),
    [
        (SwitchCancelled(customer=CUSTOMER, switch=1, reason="cancelled", invited=True), "was withdrawn"),
        (SwitchExpired(CUSTOMER, 1, True), "has expired"),
        (SwitchFailed(customer=CUSTOMER, switch=1, reason="tenant_gone", invited=True), "ended"),
    ],
    ids=["cancelled", "expired", "failed"],
)
async def test_who_comes_back_from_microsoft_after_the_end_is_told_what_became_of_it(
    wizard: Wizard, end: Event, told: str
) -> None:
    browser = await wizard.begun()
    await browser.send("/w/sign-in")
    await wizard.sign_in_ready()
    await wizard.hears(end)
    before = await wizard.said()
    back = await browser.open(f"/signin/return?code=marked-code&state={STATE}")
    assert (back.status_code, back.headers["location"]) == (303, "/w")
    assert told in (await browser.open("/w")).text
    assert await wizard.said() == before and "marked-code" not in await wizard.bodies()


async def test_an_older_link_says_so_and_asks_for_a_new_one_once_an_hour(wizard: Wizard) -> None:
    await wizard.hears(
        InvitationResendRequested(customer=CUSTOMER, switch=1, generation=2, expires_at=NOW + timedelta(days=7))
    )
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
    await wizard.hears(
        InvitationResendRequested(customer=CUSTOMER, switch=1, generation=2, expires_at=NOW + timedelta(days=9))
    )
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
