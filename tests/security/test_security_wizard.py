"""Attacks on the wizard beyond its own tests: made-up answers, many starts, addresses, strange paths."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.invite_svc.invite_kit import CODE, CUSTOMER, ID, STATE, Browser, Wizard, requested

# --- the way back from Microsoft ----------------------------------------------------------------------------------


async def at_microsoft(wizard: Wizard) -> Browser:
    browser = await wizard.begun()
    await browser.send("/w/sign-in")
    await wizard.sign_in_ready()
    return browser


@pytest.mark.parametrize("state", ["", "s", STATE[:-1], STATE + "x", STATE.upper(), "é"])
async def test_an_address_made_by_somebody_else_does_not_end_the_sign_in_of_who_opens_it(
    wizard: Wizard, state: str
) -> None:
    """The cookie comes along, since the victim's own browser opens it; the answer is still not to our question."""
    victim = await at_microsoft(wizard)
    before = await wizard.store.collection.get(ID)
    page = await victim.open("/signin/return", params={"code": "mallory", "state": state})
    assert page.status_code == 403 and "Nothing was kept" in page.text
    assert await wizard.store.collection.get(ID) == before
    assert (await victim.open(f"/signin/return?code=mine&state={STATE}")).headers["location"] == "/w"
    assert (await wizard.said()).count("SignInReturned") == 1


async def test_the_answer_to_an_older_attempt_does_not_end_the_newer_one(wizard: Wizard) -> None:
    victim = await at_microsoft(wizard)
    await victim.open("/w/ways")
    await victim.send("/w/sign-in")
    await wizard.sign_in_ready(2, "https://login.microsoftonline.com/authorize?state=another")
    assert (await victim.open(f"/signin/return?code=old&state={STATE}")).status_code == 403
    assert (await victim.open("/signin/return?code=new&state=another")).status_code == 303


async def test_an_answer_that_comes_too_late_is_not_kept(wizard: Wizard) -> None:
    victim = await at_microsoft(wizard)
    wizard.later(minutes=20)
    assert (await victim.open(f"/signin/return?code=c&state={STATE}")).status_code == 403
    assert "SignInReturned" not in await wizard.said()


# --- limits -------------------------------------------------------------------------------------------------------


async def start(browser: Browser) -> int:
    await browser.open("/w/ways")
    return (await browser.send("/w/sign-in")).status_code


async def test_starts_are_limited_by_tenant_whoever_asks_from_wherever(
    tmp_path: Path, mongo_url: str, mongo_database: str
) -> None:
    """A new switch is a new invitation, and each start comes from another address: the tenant is still the same."""
    wizard = Wizard(tmp_path, mongo_url, mongo_database, starts_per_tenant=4)
    await wizard.hears(requested())
    await wizard.hears(requested(switch=2))
    await wizard.hears(requested(customer="fabrikam", tenant_id="c0de0002-0001-4000-9abc-d00d00020000"))
    answers = []
    for n in range(6):
        browser = wizard.browser(f"203.0.113.{n}")
        await browser.open(wizard.link(id=f"{CUSTOMER}/{1 + n % 2}"))
        await browser.send("/start", take_over="yes")
        answers.append(await start(browser))
    assert answers == [303] * 4 + [429] * 2
    assert "for this organisation" in browser.page.text and int(browser.page.headers["retry-after"]) > 3600
    other = wizard.browser()
    await other.open(wizard.link(id="fabrikam/1"))
    await other.send("/start")
    assert await start(other) == 303
    await wizard.close()


async def test_an_ipv6_line_counts_as_one_however_many_addresses_it_has(
    tmp_path: Path, mongo_url: str, mongo_database: str
) -> None:
    wizard = Wizard(tmp_path, mongo_url, mongo_database, wrong_links_per_address=2)
    answers = [(await wizard.browser(f"2001:db8:1:2::{n}").open(f"/i/{n}")).status_code for n in range(1, 5)]
    assert answers == [404, 404, 429, 429]
    assert (await wizard.browser("2001:db8:1:3::1").open("/i/x")).status_code == 404
    await wizard.close()


async def test_five_codes_then_no_more_by_any_form_or_browser(wizard: Wizard) -> None:
    browser = await wizard.begun()
    for attempt in range(1, 6):
        await browser.open("/w/device")
        await browser.send("/w/device", user_name="admin@contoso.example")
        await wizard.code_comes(attempt)
    other = wizard.browser()
    await other.open(wizard.link())
    await other.send("/start")
    await other.open("/w/device")
    assert (await other.send("/w/device", user_name="admin@contoso.example")).status_code == 429
    assert (await wizard.said()).count("AuthenticationStarted") == 5
    assert CODE not in other.page.text


# --- addresses ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["//evil.example/x", "/%5Cevil.example/x", "///evil.example", "/%2F%2Fevil.example"])
async def test_no_link_of_an_error_page_leads_elsewhere(wizard: Wizard, path: str) -> None:
    """The language switch is a link to the page shown: with such a path it would be one to another host."""
    page = await wizard.browser().http.get(f"http://localhost:8001{path}", headers={"Accept": "text/html"})
    assert page.status_code == 404 and "lang=de" in page.text
    assert "evil.example" not in page.text
