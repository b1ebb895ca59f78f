"""invite-svc while MongoDB refuses: the link and every step of the wizard wait with each code, then go on."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from fastapi.routing import APIRoute

from invite_svc.pages.layout import GUIDANCE
from shared.contracts.events import SwitchExpired
from tests.invite_svc.invite_kit import APP_ID, CUSTOMER, SECRET, STATE, TENANT, Browser, Wizard, requested
from tests.refusals.refusals_kit import Refusals, RefusedTransport
from tests.shared.kit.mongo_proxy import MongoProxy

WITHOUT_DATABASE = ("/", GUIDANCE)
"""The second asks only for whom it has a session."""


@pytest.fixture
async def wizard(tmp_path: Path, proxy: MongoProxy, mongo_database: str) -> AsyncIterator[Wizard]:
    made = Wizard(tmp_path, proxy.url, mongo_database, starts_per_address=10_000, starts_per_tenant=10_000)
    await made.hears(requested())
    yield made
    await made.close()


async def test_it_waits_with_every_request(wizard: Wizard, refusals: Refusals) -> None:
    browser = wizard.browser()
    browser.http._transport = RefusedTransport(wizard.app, refusals)
    await begins(wizard, browser)
    await signs_in(wizard, browser)
    await asks(wizard, browser)
    await browser.open("/i/wrong-link")
    routes = [
        f"{method} " + re.sub(r"\{\w+\}", "[^/]+", route.path)
        for router in wizard.service._routers
        for route in router.routes
        if isinstance(route, APIRoute) and route.path not in WITHOUT_DATABASE
        for method in (route.methods or set()) - {"HEAD"}
    ]
    missing = [route for route in routes if not any(re.fullmatch(route, name) for name in refusals.table)]
    assert missing == []
    assert [name for name, points in refusals.table.items() if not points] == []


async def begins(wizard: Wizard, browser: Browser) -> None:
    link = wizard.link()
    await browser.open(link)
    await browser.send("/start")
    other = wizard.browser("127.0.0.2")
    await other.open(link)
    await other.send("/start", True, take_over="yes")
    await browser.open("/w")
    await browser.send("/w/continue")
    for path in ("/w/ways", "/w/device", "/w/app", "/w/state"):
        await browser.open(path)


async def signs_in(wizard: Wizard, browser: Browser) -> None:
    await browser.open("/w/app")
    await browser.send("/w/app", tenant=TENANT, client_id=APP_ID, client_secret=SECRET)
    await browser.open("/w/device")
    await browser.send("/w/device", user_name="admin@contoso.example")
    await wizard.code_comes(2)
    await browser.open("/w/trouble")
    await browser.send("/w/trouble", seen="code_blocked")
    await browser.send("/w/sign-in")
    await wizard.sign_in_ready(3)
    await browser.open("/w")
    await browser.open(f"/signin/return?code=marked-code&state={STATE}")


async def asks(wizard: Wizard, browser: Browser) -> None:
    await wizard.hears(SwitchExpired(CUSTOMER, 1, True))
    await browser.open("/w")
    await browser.send("/w/ask")
    wizard.later(hours=2)
    await browser.open(wizard.link())
    await browser.send("/ask")
