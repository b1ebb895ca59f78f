"""The attacks on link, session, forms and the way back from Microsoft: each is tried, and each comes to nothing."""

from __future__ import annotations

import logging
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from invite_svc.sessions import Sessions
from shared.events import (
    Account,
    Actor,
    AuthenticationFailed,
    InvitationResendRequested,
    Person,
    SwitchCancelled,
    SwitchCompleted,
    SwitchExpired,
)
from shared.vault import KeyRing
from tests.invite_svc.invite_kit import (
    ADMIN,
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

XSS = "<script>alert(1)</script>\"'{{7*7}}"
ESCAPED = "&lt;script&gt;alert(1)&lt;/script&gt;"


@pytest.fixture
async def wizard(tmp_path: Path, mongo_url: str, mongo_database: str) -> AsyncIterator[Wizard]:
    made = Wizard(tmp_path, mongo_url, mongo_database)
    await made.hears(requested())
    yield made
    await made.close()


# --- mail scanners ------------------------------------------------------------------------------------------------


async def test_get_and_head_change_nothing_however_often(wizard: Wizard) -> None:
    before = await wizard.store.collection.get(ID)
    for _ in range(5):
        for method in ("GET", "HEAD"):
            scanner = wizard.browser()
            assert (await scanner.http.request(method, wizard.link())).status_code == 200
            for path in ("/w", "/w/state", "/w/device", "/w/app", "/w/ways", "/w/trouble"):
                await scanner.http.request(method, path)
    assert await wizard.store.collection.get(ID) == before


async def test_looking_at_the_wizard_changes_nothing_either(wizard: Wizard) -> None:
    browser = await wizard.begun()
    await browser.send("/w/sign-in")
    await wizard.sign_in_ready()
    before = await wizard.store.collection.get(ID)
    for path in ("/w", "/w/state", "/w/device", "/w/app", "/w/ways", "/w/trouble", wizard.link()):
        await browser.open(path)
    assert (await browser.http.head("/signin/return?code=c&state=s")).status_code == 405
    assert await wizard.store.collection.get(ID) == before


# --- links --------------------------------------------------------------------------------------------------------


async def test_a_wrong_link_gets_the_same_answer_whatever_is_wrong(wizard: Wizard) -> None:
    token = wizard.link().removeprefix("/i/")
    foreign = Wizard(Path(wizard.settings.link_keys_file).parent / "other", "mongodb://127.0.0.1:1", "other")
    wrong = [token[:-1] + ("A" if token[-1] != "A" else "B"), token[:-4], "B" + token[1:], token + "A", "x", "%00",
             "é", "a" * 3000, foreign.link().removeprefix("/i/")]
    answers = [await wizard.browser().open(f"/i/{link}", headers={"Cookie": "ts-invite-form=fixed"}) for link in wrong]
    said = {(a.status_code, re.sub(r'href="/i/[^"]*"', "", a.text)) for a in answers}
    assert len(said) == 1 and "This link is not valid" in answers[0].text and answers[0].status_code == 404


async def test_every_byte_of_a_link_counts(wizard: Wizard) -> None:
    token = wizard.link().removeprefix("/i/")
    for place in range(0, len(token), 3):
        changed = token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]
        assert (await wizard.browser().open(f"/i/{changed}")).status_code == 404


@pytest.mark.parametrize(
    "end",
    [SwitchCancelled(CUSTOMER, 1, "cancelled", True), SwitchExpired(CUSTOMER, 1, True),
     SwitchCompleted(CUSTOMER, 1, "token", "sign_in", True, "g"), InvitationResendRequested(CUSTOMER, 1, 2, NOW)],
    ids=["revoked", "expired", "done", "replaced"],
)  # fmt: skip
async def test_an_ended_or_older_link_starts_nothing(wizard: Wizard, end: object) -> None:
    browser = wizard.browser()
    await browser.open(wizard.link())
    await wizard.hears(end)  # type: ignore[arg-type]
    answer = await browser.send("/start")
    assert answer.status_code == 410 and browser.session is None
    assert "InvitationOpened" not in await wizard.said()


async def test_the_link_is_in_no_event_and_not_in_the_database(wizard: Wizard) -> None:
    await wizard.begun()
    token = wizard.link().removeprefix("/i/")
    assert token not in str(await wizard.store.collection.get(ID))


# --- sessions -----------------------------------------------------------------------------------------------------


async def test_a_session_set_by_somebody_else_is_not_taken(wizard: Wizard) -> None:
    mallory = await wizard.begun()
    assert mallory.session
    victim = wizard.browser()
    victim.http.cookies.set("ts-invite", mallory.session, domain="localhost.local")
    await wizard.hears(requested(switch=2))
    await victim.open(wizard.link(id="contoso/2"))
    await victim.send("/start")
    assert victim.session != mallory.session
    assert (await mallory.open("/w")).text != victim.page.text
    assert (await wizard.invitation("contoso/2")).session not in (None, (await wizard.invitation()).session)


@pytest.mark.parametrize("cookie", ["x", "", "AQhh" * 30, "é"])
async def test_a_made_up_session_shows_nothing(wizard: Wizard, cookie: str) -> None:
    browser = wizard.browser()
    page = await browser.open("/w", headers={"Cookie": f"ts-invite={cookie}".encode()})
    assert page.status_code == 403 and "Open the link again" in page.text


async def test_a_signed_session_that_is_not_the_one_shows_nothing_of_the_sign_in(wizard: Wizard) -> None:
    browser = await wizard.begun()
    await browser.open("/w/device")
    await browser.send("/w/device", user_name="admin@contoso.example")
    await wizard.code_comes()
    other = wizard.browser()
    ring = KeyRing.from_file(wizard.settings.link_keys_file)
    other.http.cookies.set("ts-invite", Sessions(ring).begin(ID, 1))
    for path in ("/w", "/w/state", "/w/trouble", "/w/device"):
        page = await other.open(path)
        assert CODE not in page.text and "admin@contoso.example" not in page.text
    assert CODE in (await browser.open("/w")).text


async def test_the_session_is_kept_only_as_a_hash_and_its_cookie_is_bound(wizard: Wizard) -> None:
    browser = wizard.browser()
    await browser.open(wizard.link())
    answer = await browser.send("/start", follow=False)
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=lax" in cookie and "Path=/" in cookie
    assert browser.session and browser.session not in str(await wizard.store.collection.get(ID))
    assert len(browser.session) > 43


async def test_under_https_the_cookies_are_secure_and_of_this_host_only(
    tmp_path: Path, mongo_url: str, mongo_database: str
) -> None:
    wizard = Wizard(tmp_path, mongo_url, mongo_database, invite_url="https://invite.example.com")
    await wizard.hears(requested())
    browser = wizard.browser()
    browser.http.base_url = "https://invite.example.com"  # type: ignore[assignment]
    page = await browser.open(wizard.link())
    answer = await browser.send("/start", follow=False)
    assert answer.headers["set-cookie"].startswith("__Host-ts-invite=") and "Secure" in answer.headers["set-cookie"]
    assert "max-age" in page.headers["strict-transport-security"]
    await wizard.close()


# --- forms --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/w/sign-in", "/w/device", "/w/app", "/w/trouble", "/w/continue", "/w/ask"])
async def test_a_form_of_another_site_is_refused(wizard: Wizard, path: str) -> None:
    browser = await wizard.begun()
    before = await wizard.store.collection.get(ID)
    for token in ({}, {"csrf": "x"}):
        answer = await browser.http.post(path, data={"user_name": "a@b.example", "attempt": "1", **token})
        assert answer.status_code == 403
    assert await wizard.store.collection.get(ID) == before


@pytest.mark.parametrize("form", ["start", "ask"])
async def test_a_foreign_form_cannot_begin_a_session(wizard: Wizard, form: str) -> None:
    answer = await wizard.browser().http.post(f"{wizard.link()}/{form}", data={"csrf": "x"})
    assert answer.status_code == 403
    assert await wizard.said() == ["InvitationCreated"]


async def test_the_token_of_one_form_or_browser_is_nothing_to_another(wizard: Wizard) -> None:
    browser, other = await wizard.begun(), wizard.browser()
    token = browser.page.text.split('action="/w/sign-in"')[1].split('value="')[1].split('"')[0]
    assert (await browser.http.post("/w/trouble", data={"csrf": token})).status_code == 403
    await other.open(wizard.link())
    assert (await other.http.post("/w/sign-in", data={"csrf": token})).status_code == 403


async def test_what_is_too_large_or_no_form_changes_nothing(wizard: Wizard) -> None:
    browser = await wizard.begun()
    assert (await browser.http.post("/w/sign-in", content=b"x" * 1_000_000)).status_code == 413
    answer = await browser.http.post("/w/sign-in", json={"attempt": 1})
    assert answer.status_code == 403
    assert (await wizard.invitation()).attempts == 0


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
        assert (await browser.open("/signin/return?code=c&state=s")).headers["location"] == "/w"
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
        switch=5, customer_name=XSS, tenant_name=XSS, inviter=Actor("op", XSS, XSS), invitee=Person("a@b.example", XSS)
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
    await wizard.hears(AuthenticationFailed(CUSTOMER, 5, 1, "sign_in", XSS, 1, XSS, XSS, bad))
    pages.append(await browser.open("/w"))
    await wizard.hears(SwitchCompleted(CUSTOMER, 5, "token", "sign_in", True, "g", None, bad, "token"))
    pages.append(await browser.open("/w"))
    for page in pages:
        assert "<script>alert" not in page.text and ESCAPED in page.text


async def test_links_and_redirects_never_follow_the_host_header(wizard: Wizard) -> None:
    page = await wizard.browser().open(wizard.link(), headers={"Host": "evil.example", "X-Forwarded-Host": "evil.example"})
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
    await browser.open("/signin/return?code=marked-code&state=marked-state")
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
    await wizard.hears(SwitchCompleted(CUSTOMER, 1, "token", "sign_in", True, "grant-1", None, ADMIN, "token"))
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
