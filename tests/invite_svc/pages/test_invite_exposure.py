"""The way back from Microsoft, what people typed, what is shown and logged, limits: each attack comes to nothing."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from shared.contracts.events import Account, Actor, AuthenticationFailed, Person, SwitchCompleted
from tests.invite_svc.invite_kit import (
    ADMIN,
    AT_MICROSOFT,
    CODE,
    CUSTOMER,
    ID,
    SECRET,
    STATE,
    Wizard,
    claimed,
    requested,
)

XSS = "<script>alert(1)</script>\"'{{7*7}}"
ESCAPED = "&lt;script&gt;alert(1)&lt;/script&gt;"


# --- the way back from Microsoft ----------------------------------------------------------------------------------


async def signing_in(wizard: Wizard) -> None:
    await wizard.sign_in_ready()


async def test_a_return_without_the_cookie_keeps_nothing(wizard: Wizard) -> None:
    browser = await wizard.begun()
    await browser.send("/w/sign-in")
    await signing_in(wizard)
    before = await wizard.store.collection.get(ID)
    page = await wizard.browser().open("/signin/return?code=c&state=s")
    assert page.status_code == 403 and "Nothing was kept" in page.text
    assert await wizard.store.collection.get(ID) == before


async def test_a_return_with_anothers_cookie_reaches_only_that_ones_invitation(wizard: Wizard) -> None:
    await wizard.hears(requested(customer="fabrikam", switch=1))
    browser, victim = await wizard.begun(), wizard.browser()
    await browser.send("/w/sign-in")
    await signing_in(wizard)
    await victim.open(wizard.link(id="fabrikam/1"))
    await victim.send("/start")
    page = await victim.open("/signin/return?code=mallory&state=s")
    assert page.status_code == 403
    assert "SignInReturned" not in await wizard.said() + await wizard.said("fabrikam/1")


async def test_a_return_counts_once(wizard: Wizard) -> None:
    browser = await wizard.begun()
    await browser.send("/w/sign-in")
    await signing_in(wizard)
    for _ in range(3):
        assert (await browser.open(f"/signin/return?code=c&state={STATE}")).headers["location"] == "/w"
    assert (await wizard.said()).count("SignInReturned") == 1


async def test_a_return_during_a_device_code_attempt_is_refused(wizard: Wizard) -> None:
    browser = await wizard.begun()
    await browser.open("/w/device")
    await browser.send("/w/device", user_name="admin@contoso.example")
    await wizard.code_comes()
    assert (await browser.open("/signin/return?code=c&state=s")).status_code == 403
    assert "SignInReturned" not in await wizard.said()


@pytest.mark.parametrize("query", ["", "code=c", "state=s", f"state=s&code={'c' * 20000}"])
async def test_an_answer_that_is_none_is_refused(wizard: Wizard, query: str) -> None:
    browser = await wizard.begun()
    await browser.send("/w/sign-in")
    await signing_in(wizard)
    assert (await browser.open(f"/signin/return?{query}")).status_code == 400
    assert "SignInReturned" not in await wizard.said()


# --- what people typed, and what is shown -------------------------------------------------------------------------


async def test_no_field_becomes_markup(wizard: Wizard) -> None:
    evil = requested(
        switch=5,
        customer_name=XSS,
        tenant_name=XSS,
        inviter=Actor(id="op", name=XSS, email=XSS),
        invitee=Person("a@b.example", XSS),
    )
    await wizard.hears(evil)
    browser = wizard.browser()
    pages = [await browser.open(wizard.link(id="contoso/5"))]
    await browser.send("/start")
    pages.append(browser.page)
    await browser.open("/w/device")
    pages.append(await browser.send("/w/device", user_name=XSS))
    await browser.open("/w")
    await browser.send("/w/sign-in")
    bad = Account(XSS, "oid", XSS)
    await wizard.hears(
        AuthenticationFailed(
            customer=CUSTOMER,
            switch=5,
            attempt=1,
            method="sign_in",
            reason=XSS,
            aadsts=1,
            correlation_id=XSS,
            trace_id=XSS,
            account=bad,
        )
    )
    pages.append(await browser.open("/w"))
    await wizard.hears(
        SwitchCompleted(
            customer=CUSTOMER,
            switch=5,
            to="token",
            method="sign_in",
            invited=True,
            grant="g",
            revision=None,
            account=bad,
            in_force="token",
        )
    )
    pages.append(await browser.open("/w"))
    for page in pages:
        assert "<script>alert" not in page.text and ESCAPED in page.text


async def test_not_even_the_providers_own_names_become_markup(
    tmp_path: Path, mongo_url: str, mongo_database: str
) -> None:
    wizard = Wizard(
        tmp_path,
        mongo_url,
        mongo_database,
        provider_name=XSS,
        entra_publisher=XSS,
        entra_app_name=XSS,
        entra_device_app_name=XSS,
    )
    await wizard.hears(requested(accepted_roles=(XSS,), tenant_name=XSS))
    browser = wizard.browser()
    pages = [await browser.open(f"{wizard.link()}?lang={lang}") for lang in ("ja", "es", "fr", "de", "en")]
    await browser.send("/start")
    pages.append(browser.page)
    pages += [await browser.open(path) for path in ("/guidance", "/w/app", "/w/ways", "/i/x", "/w/device")]
    await browser.send("/w/device", user_name="admin@contoso.example")
    await wizard.code_comes()
    pages += [await browser.open("/w"), await browser.open("/w/trouble")]
    pages.append(await browser.send("/w/trouble", seen=XSS, number=XSS))
    await browser.send("/w/trouble", number="90002")
    pages += [browser.page, await browser.open(f"/w/device?lang={XSS}")]
    await wizard.hears(
        SwitchCompleted(
            customer=CUSTOMER,
            switch=1,
            to="token",
            method="device_code",
            invited=True,
            grant="g",
            revision=None,
            account=ADMIN,
            in_force="token",
        )
    )
    pages += [await browser.open("/w"), await wizard.browser().open(wizard.link())]
    for page in pages:
        assert "<script>alert" not in page.text and ESCAPED in page.text
    await wizard.close()


async def test_links_and_redirects_never_follow_the_host_header(wizard: Wizard) -> None:
    page = await wizard.browser().open(
        wizard.link(), headers={"Host": "evil.example", "X-Forwarded-Host": "evil.example"}
    )
    assert page.status_code == 400
    fine = await wizard.browser().open(wizard.link(), headers={"X-Forwarded-Host": "evil.example"})
    assert "evil.example" not in fine.text


async def test_every_page_carries_the_headers(wizard: Wizard) -> None:
    browser = await wizard.begun()
    for path in ("/w", "/w/state", "/w/device", "/w/app", wizard.link(), "/i/wrong", "/signin/return", "/"):
        headers = (await browser.open(path)).headers
        assert headers["referrer-policy"] == "no-referrer" and headers["cache-control"] == "no-store"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "form-action 'self'" in headers["content-security-policy"]
        assert "unsafe-inline" not in headers["content-security-policy"]
        assert headers["x-robots-tag"].startswith("noindex")


async def test_no_page_has_inline_script_style_or_a_foreign_resource(wizard: Wizard) -> None:
    browser = await wizard.begun()
    for path in ("/w", "/w/device", "/w/app", wizard.link()):
        text = (await browser.open(path)).text
        assert "<script>" not in text and "<style" not in text and " style=" not in text and " onclick" not in text
        assert 'src="http' not in text and 'rel="stylesheet" href="http' not in text


async def test_nothing_secret_is_logged_or_printed(wizard: Wizard, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    browser = await wizard.begun()
    await browser.open("/w/device")
    await browser.send("/w/device", user_name="admin@contoso.example")
    await wizard.code_comes()
    await browser.open("/w")
    await browser.open("/w/app")
    await browser.send("/w/app", tenant="x", client_id="y", client_secret=SECRET)
    await browser.open("/w/ways")
    await browser.send("/w/sign-in")
    await wizard.sign_in_ready(2)
    await browser.open(f"/signin/return?code=marked-code&state={STATE}")
    ours = "\n".join(r.getMessage() for r in caplog.records if not r.name.startswith(("httpx", "pymongo", "asyncio")))
    for secret in (CODE, SECRET, AT_MICROSOFT, "marked-code", wizard.link(), browser.session or "?"):
        assert secret not in ours
        assert secret not in repr(await wizard.invitation())
        assert secret not in str(await wizard.store.collection.get(ID))


async def test_the_code_stops_being_shown_when_the_switch_ends(wizard: Wizard) -> None:
    browser = await wizard.begun()
    await browser.open("/w/device")
    await browser.send("/w/device", user_name="admin@contoso.example")
    await wizard.code_comes()
    assert CODE in (await browser.live()).text
    await wizard.hears(claimed())
    assert CODE not in (await browser.live()).text
    assert (await wizard.invitation()).attempt.sealed is None  # type: ignore[union-attr]


async def test_who_is_signed_in_is_not_told_to_another_browser(wizard: Wizard) -> None:
    first = await wizard.begun()
    second = wizard.browser()
    await second.open(wizard.link())
    await second.send("/start")
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
    assert ADMIN.upn in (await second.open("/w")).text
    assert ADMIN.upn not in (await first.open("/w")).text


# --- limits -------------------------------------------------------------------------------------------------------


async def test_starts_are_limited_by_address(tmp_path: Path, mongo_url: str, mongo_database: str) -> None:
    wizard = Wizard(tmp_path, mongo_url, mongo_database, starts_per_address=3)
    await wizard.hears(requested())
    browser = await wizard.begun("203.0.113.7")
    for _ in range(3):
        await browser.open("/w/ways")
        assert (await browser.send("/w/sign-in")).status_code == 303
    await browser.open("/w/ways")
    answer = await browser.send("/w/sign-in")
    assert answer.status_code == 429 and int(answer.headers["retry-after"]) > 0 and "Too many tries" in answer.text
    elsewhere = await wizard.begun("203.0.113.8")
    await elsewhere.open("/w/ways")
    assert (await elsewhere.send("/w/sign-in")).status_code == 303
    await wizard.close()


async def test_guessing_links_is_limited_by_address(tmp_path: Path, mongo_url: str, mongo_database: str) -> None:
    wizard = Wizard(tmp_path, mongo_url, mongo_database, wrong_links_per_address=5)
    await wizard.hears(requested())
    guesser = wizard.browser("203.0.113.7")
    answers = [(await guesser.open(f"/i/guess{n}")).status_code for n in range(7)]
    assert answers == [404] * 5 + [429] * 2
    assert (await guesser.open(wizard.link())).status_code == 200
    await wizard.close()


async def test_the_limit_cannot_be_passed_by_a_claimed_address(
    tmp_path: Path, mongo_url: str, mongo_database: str
) -> None:
    wizard = Wizard(tmp_path, mongo_url, mongo_database, wrong_links_per_address=2)
    guesser = wizard.browser("203.0.113.7")
    answers = [
        (await guesser.open(f"/i/{n}", headers={"X-Forwarded-For": f"198.51.100.{n}"})).status_code for n in range(4)
    ]
    assert answers == [404, 404, 429, 429]
    await wizard.close()


async def test_with_the_database_away_a_page_says_so_at_once(tmp_path: Path) -> None:
    wizard = Wizard(tmp_path, "mongodb://127.0.0.1:1", "away")
    page = await wizard.browser().open(wizard.link())
    assert page.status_code == 503 and int(page.headers["retry-after"]) > 0
    assert "not available right now" in page.text
