"""The attacks on links, sessions and forms: each is tried, and each comes to nothing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from invite_svc.pages.sessions import Sessions
from shared.contracts.events import InvitationResendRequested, SwitchCancelled, SwitchCompleted, SwitchExpired
from shared.crypto.vault import KeyRing
from tests.invite_svc.invite_kit import CODE, CUSTOMER, ID, NOW, Wizard, requested

XSS = "<script>alert(1)</script>\"'{{7*7}}"
ESCAPED = "&lt;script&gt;alert(1)&lt;/script&gt;"


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
    wrong = [
        token[:-1] + ("A" if token[-1] != "A" else "B"),
        token[:-4],
        "B" + token[1:],
        token + "A",
        "x",
        "%00",
        "é",
        "a" * 3000,
        foreign.link().removeprefix("/i/"),
    ]
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
    [
        SwitchCancelled(customer=CUSTOMER, switch=1, reason="cancelled", invited=True),
        SwitchExpired(CUSTOMER, 1, True),
        SwitchCompleted(customer=CUSTOMER, switch=1, to="token", method="sign_in", invited=True, grant="g"),
        InvitationResendRequested(customer=CUSTOMER, switch=1, generation=2, expires_at=NOW),
    ],
    ids=["revoked", "expired", "done", "replaced"],
)
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
    answer = await browser.send("/start", False)
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
    browser.http.base_url = "https://invite.example.com"
    page = await browser.open(wizard.link())
    answer = await browser.send("/start", False)
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
