"""Who may do what in the portal, and what a page never shows: roles, forgery, markup, secrets, links."""

from __future__ import annotations

import asyncio
import html
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fastapi.routing import APIRoute

from config_svc.domain.model import Failure, Grant, Mail
from shared.contracts.events import Account, AuthenticationFailed, EmailFailed, EmailSent, InvitationOpened
from tests.config_svc.config_kit import ADMIN, GLOBAL_ADMIN, INVITE, SECRET, Browser, C, Config

HERE = f"/customers/{C}"
MARKUP = "<img src=x onerror=alert(1)>\"'&amp;{{7*7}}"
LISTS = ("/customers", "/m365", "/invitations", "/status", "/live")
BULK = f"/bulk-switches/{C}"
BULK_FORMS = tuple(f"{BULK}/{verb}" for verb in ("begin", "pause", "resume", "stop", "remind"))
PUBLIC = ("/docs/events", "/asyncapi.json", "/schemas/")
"""Descriptions for programs, without anything of a customer."""
OPERATORS = (
    "/bulk-switches/new",
    f"{HERE}/edit",
    f"{HERE}/switch?to=token",
    f"{HERE}/resend",
    f"{HERE}/cancel",
    "/add-customer",
    "/audit",
    "/audit.csv",
)


def routes(config: Config, method: str) -> list[str]:
    """Every page's address of one method, for one customer."""
    every = [route for router in config.service._routers for route in router.routes if isinstance(route, APIRoute)]
    found = [
        route.path.replace("{id}", C)
        for route in every
        if method in (route.methods or ()) and not route.path.startswith(PUBLIC)
    ]
    assert len(found) >= 10
    return found


@pytest.fixture
async def busy(config: Config) -> AsyncIterator[Config]:
    await config.invited()
    yield config


async def test_all_forms_are_known_to_these_tests(config: Config) -> None:
    posts = {path.removeprefix(HERE) for path in routes(config, "POST")}
    assert posts == {
        "/add-customer",
        "/edit",
        "/remove",
        "/validate",
        "/resend",
        "/cancel",
        "/link",
        "/switch",
        "/switch/confirm",
        "/switch/change",
        "/reference",
        "/status/validate",
        "/invitations/resend",
        "/invitations/link",
        "/invitations/batches",
        "/settings",
        "/settings/texts/{language}",
        "/settings/texts/{language}/preview",
        "/settings/texts/{language}/standard",
        "/bulk-switches",
        *BULK_FORMS,
    }


async def test_no_form_is_taken_without_the_token_of_its_page(busy: Config) -> None:
    before, browser = await busy.customers.collection.get(C), await busy.browser("admin")
    await browser.open(HERE)
    stolen = browser.form("/validate")[1]["csrf"]
    for path in routes(busy, "POST"):
        for token in ({}, {"csrf": "wrong"}, {"csrf": stolen} if not path.endswith("/validate") else {}):
            answer = browser.page = await browser.http.post(path, data={"key": "k" * 32, "switch": "1", **token})
            assert answer.status_code == 403 and "This form is no longer valid" in browser.text, path
    assert await busy.customers.collection.get(C) == before


async def test_another_operators_token_does_not_count(busy: Config) -> None:
    mine, theirs = await busy.browser(), await busy.browser("admin")
    await theirs.open(HERE)
    where, hidden = theirs.form("/resend")
    assert (await mine.http.post(where, data=hidden)).status_code == 403


async def test_a_viewer_sees_everything_and_can_do_nothing(busy: Config) -> None:
    before, browser = await busy.customers.collection.get(C), await busy.browser("viewer")
    for path in (HERE, *LISTS):
        assert (await browser.open(path)).status_code == 200
        assert re.findall(r'<form[^>]*method="post"[^>]*action="([^"]+)"', browser.page.text) == ["/auth/sign-out"]
        for label in ("Edit customer", "Add customer", "Resend Invitation", "Copy link", "Cancel switch"):
            assert label not in browser.text, (path, label)
    for path in OPERATORS:
        assert (await browser.open(path)).status_code == 403
        assert "Your role does not allow this" in browser.text and "Pending Invitations" in browser.text
    for path in routes(busy, "POST"):
        answer = browser.page = await browser.http.post(path, data={"key": "k" * 32})
        assert answer.status_code == 403, path
        if not path.endswith("/preview"):  # the role is asked for before the form's token
            assert "Your role does not allow this" in browser.text, path
    assert await busy.customers.collection.get(C) == before


async def test_an_operator_cannot_remove(busy: Config) -> None:
    browser = await busy.browser("operator")
    for answer in (await browser.open(f"{HERE}/remove"), await browser.http.post(f"{HERE}/remove")):
        assert answer.status_code == 403
    assert not (await busy.customer()).removed


async def test_nobody_gets_in_without_a_session(busy: Config) -> None:
    browser = await busy.browser(None)
    for path in routes(busy, "GET"):
        answer = await browser.open(path)
        assert answer.status_code == 303 and answer.headers["location"].startswith("/auth/sign-in"), path
    for path in routes(busy, "POST"):
        assert (await browser.http.post(path)).status_code == 303
    asked = await browser.http.get(f"{HERE}/state", headers={"HX-Request": "true"})
    assert asked.status_code == 401 and asked.headers["hx-redirect"].startswith("/auth/sign-in")


async def test_the_page_says_who_is_signed_in_with_which_role_and_signs_out(busy: Config) -> None:
    for role, name in (("viewer", "Viewer"), ("operator", "Operator"), ("admin", "Administrator")):
        browser = await busy.browser(role)
        await browser.open("/customers")
        assert f"{role.title()} Person {name}" in browser.text
    await browser.send("/auth/sign-out")
    assert "You are signed out" in browser.text
    assert (await browser.open("/customers")).status_code == 303


# --- markup ----------------------------------------------------------------------------------------------------------


async def marked(config: Config) -> None:
    """A customer in which every text that others can choose is markup."""
    await config.invited()
    who, now = Account(MARKUP, "o", MARKUP), config.now
    grant = Grant(
        id="g",
        account=who,
        method="sign_in",
        roles=(GLOBAL_ADMIN, MARKUP),
        scopes=(MARKUP,),
        claimed_at=now,
        expires_at=now,
    )
    failure = Failure(reason="revoked", at=now, aadsts=50173, correlation_id=MARKUP, account=who)

    def change(found: Any) -> Any:
        person = replace(found.switch.invitee, name=MARKUP, email=MARKUP)
        switch = replace(
            found.switch,
            invitee=person,
            reference=MARKUP,
            mail=Mail(state="failed", count=1, at=now, why=MARKUP),
            failure=failure,
            account=who,
            inviter=replace(found.switch.inviter, name=MARKUP),
        )
        return replace(
            found,
            name=MARKUP,
            reference=MARKUP,
            tenant=MARKUP,
            client_id=MARKUP,
            grant=grant,
            status="failed",
            failure=failure,
            checked_at=now,
            switch=switch,
        )

    await config.set(C, change)
    await config.hears(
        EmailFailed(customer=C, switch=1, kind="invitation", generation=1, tries=1, why=MARKUP, final=True),
        "notify/outgoing_mails",
    )
    await config.hears(
        AuthenticationFailed(
            customer=C,
            switch=1,
            attempt=1,
            method="sign_in",
            reason=MARKUP,
            aadsts=1,
            correlation_id=MARKUP,
            trace_id=MARKUP,
            account=who,
        )
    )


@pytest.mark.parametrize("language", ["en", "de"])
@pytest.mark.parametrize("state", ["opened", "completed", "failed"])
async def test_what_others_typed_is_text_on_every_page(config: Config, state: Any, language: str) -> None:
    await marked(config)
    await config.set(C, lambda found: replace(found, switch=replace(found.switch, state=state)))
    browser = await config.browser("admin", language)
    shown = 0
    for path in (HERE, *LISTS, f"{HERE}/state", *OPERATORS[:4], f"{HERE}/remove"):
        text = (await browser.open(path)).text
        assert "<img src=x" not in text and "{{7*7}}49" not in text, path
        shown += html.escape(MARKUP).split("&quot;")[0] in text
    assert shown >= 8


@pytest.mark.parametrize("field", ["id", "name", "tenant", "reference", "client_id", "secret_expires_on"])
async def test_what_was_typed_comes_back_as_text(config: Config, field: str) -> None:
    browser = await config.browser()
    await browser.open("/add-customer")
    answer = await browser.send("/add-customer", True, **{"id": "a", "name": "", field: MARKUP})
    assert answer.status_code == 422 and "<img src=x" not in answer.text and "&lt;img src=x" in answer.text


NAMES = ("q", "state", "status", "method", "switch", "sort", "done", "lang", "window", "wall", "begun", "left", "why")
AUDIT_NAMES = ("customer", "actor", "action", "from", "to")


@pytest.mark.parametrize("path", [*LISTS, "/audit", "/bulk-switches"])
async def test_what_is_searched_for_is_text_and_never_an_error(busy: Config, path: str) -> None:
    browser = await busy.browser()
    for name in (*NAMES, *AUDIT_NAMES):
        answer = await browser.open(path, params={name: MARKUP})
        assert answer.status_code == 200 and "<img src=x" not in answer.text


async def test_a_form_leads_back_to_this_site_only(busy: Config) -> None:
    for where in ("//evil.example", "https://evil.example/", "/\\evil.example", "javascript:alert(1)"):
        browser = await busy.browser()
        await browser.open(HERE)
        answer = await browser.send("/validate", follow=False, back=where)
        assert answer.status_code == 303 and "evil" not in answer.headers["location"]
        assert answer.headers["location"].startswith("/")


# --- secrets and links -----------------------------------------------------------------------------------------------


async def test_no_page_but_the_one_asked_for_holds_a_link_and_none_a_secret(busy: Config) -> None:
    await busy.hears(
        EmailSent(customer=C, switch=1, kind="invitation", generation=1, tries=1, count=1), "notify/outgoing_mails"
    )
    await busy.hears(InvitationOpened(customer=C, switch=1, generation=1, opened_at=busy.now), "invite/invitations")
    browser = await busy.browser("admin")
    paths = (HERE, f"{HERE}/state", *LISTS, *OPERATORS, "/invitations.csv")
    pages = [(await browser.open(path)).text for path in paths]
    await busy.claims()
    pages += [(await browser.open(path)).text for path in (HERE, *LISTS, f"{HERE}/edit")]
    assert not any(SECRET in page or "/i/" in page or f"{INVITE}/" in page for page in pages)
    assert all(answer in page for answer, page in ((ADMIN, pages[0]), ("Contoso GmbH", pages[2])))


async def test_pages_are_kept_by_no_cache_and_run_no_script_of_others(busy: Config) -> None:
    browser: Browser = await busy.browser()
    for path in (HERE, *LISTS, f"{HERE}/state"):
        headers = (await browser.open(path)).headers
        assert headers["cache-control"] == "no-store"
        policy = headers["content-security-policy"]
        assert "'unsafe-inline'" not in policy and "frame-ancestors 'none'" in policy
        assert not re.search(r"<script(?![^>]*\bsrc=)|\son[a-z]+=|style=\"", browser.page.text)


async def test_with_the_database_away_a_page_says_so_and_when_to_come_back(tmp_path: Path) -> None:
    config = Config(tmp_path, "mongodb://127.0.0.1:1", "nowhere")

    async def says_so(path: str) -> None:
        browser = Browser(config.app)
        browser.http.cookies.set("ts-config", "some-session")
        answer = await browser.open(path)
        assert answer.status_code == 503 and int(answer.headers["retry-after"]) > 0
        assert "not available right now" in browser.text and "<html" in answer.text

    try:
        await asyncio.gather(*map(says_so, (HERE, *LISTS)))
    finally:
        config.service.mongo.close()
