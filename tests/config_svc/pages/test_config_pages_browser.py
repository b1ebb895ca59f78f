"""The portal in a real browser: it moves by itself, copies links, works without script and by keyboard."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from shared.contracts.events import AuthenticationStarted, InvitationOpened
from tests.config_svc.config_kit import ADMIN, GLOBAL_ADMIN, INVITE, TENANT, C, Config
from tests.config_svc.config_shots import served

pytestmark = pytest.mark.asyncio(loop_scope="session")

HERE = f"/customers/{C}"


@dataclass(kw_only=True)
class Scene:
    config: Config
    browser: Browser
    base: str
    complaints: list[str]

    async def page(self, path: str, **more: Any) -> Page:
        """A page of an operator, in a browser of its own."""
        context = await self.browser.new_context(locale="en-GB", **more)
        await context.grant_permissions(["clipboard-read", "clipboard-write"])
        session = (await self.config.browser()).http.cookies["ts-config"]
        await context.add_cookies([{"name": "ts-config", "value": session, "url": self.base}])
        page = await context.new_page()
        page.on("console", lambda said: self.complaints.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        await page.goto(self.base + path)
        return page


@asynccontextmanager
async def opened(config: Config, chromium: Browser) -> AsyncIterator[Scene]:
    """The service for a browser. At the end: nobody's console showed anything in red."""
    sock = socket.create_server(("127.0.0.1", 0))
    async with served(config, sock):
        made = Scene(config=config, browser=chromium, base=f"http://localhost:{sock.getsockname()[1]}", complaints=[])
        yield made
        for context in chromium.contexts:
            await context.close()
    assert made.complaints == []


@pytest_asyncio.fixture(loop_scope="session")
async def scene(browser_config: Config, chromium: Browser) -> AsyncIterator[Scene]:
    await browser_config.invited()
    async with opened(browser_config, chromium) as made:
        yield made


async def test_the_line_of_steps_moves_to_successful_without_reloading(scene: Scene) -> None:
    config, page = scene.config, await scene.page(HERE)
    await page.evaluate("window.sameDocument = true")
    copy = page.get_by_role("button", name="Copy link")
    await copy.focus()
    await config.hears(InvitationOpened(customer=C, switch=1, generation=1, opened_at=config.now), "invite/invitations")
    await expect(page.locator("[aria-current=step]")).to_contain_text("Opened")
    await config.hears(
        AuthenticationStarted(
            customer=C, switch=1, attempt=1, method="sign_in", accepted_roles=(GLOBAL_ADMIN,), tenant_id=TENANT
        ),
        "invite/invitations",
    )
    await expect(page.locator("[aria-current=step]")).to_contain_text("Sign in with Microsoft")
    await expect(copy).to_be_focused()
    await config.claims()
    await expect(page.get_by_text("Authentication Status: Successful", exact=True)).to_be_visible()
    await expect(page.get_by_role("link", name="Switch to App Registration")).to_be_visible()
    assert await page.evaluate("window.sameDocument") is True


async def test_a_page_on_which_nothing_moves_any_more_asks_no_further(scene: Scene) -> None:
    config, page = scene.config, await scene.page(HERE)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if request.url.endswith("/state") else None)
    await config.claims()
    await expect(page.get_by_text("Authentication Status: Successful", exact=True)).to_be_visible()
    config.later(minutes=2)
    async with page.expect_response(lambda answer: answer.status == 286):
        pass
    before = len(asked)
    await page.wait_for_timeout(2500)
    assert len(asked) == before


async def test_copy_link_puts_it_into_the_clipboard_and_says_so_while_the_page_moves(scene: Scene) -> None:
    page, now = await scene.page(HERE), datetime.now(UTC)
    await page.clock.set_fixed_time(now)
    await page.get_by_role("button", name="Copy link").click()
    await expect(page.get_by_role("button", name="Copied")).to_be_visible()
    for _ in range(2):
        async with page.expect_response(lambda answer: answer.url.endswith("/state")) as moved:
            pass
        await (await moved.value).finished()
    await expect(page.get_by_role("button", name="Copied")).to_be_visible()
    await expect(page.locator("#announcer")).to_have_text("Copied")
    assert (await page.evaluate("navigator.clipboard.readText()")).startswith(f"{INVITE}/i/")
    await page.clock.set_fixed_time(now + timedelta(seconds=3))
    await expect(page.get_by_role("button", name="Copy link")).to_be_visible()
    assert await scene.config.relays() == ["LinkCopied"]


async def test_what_was_done_is_said_once(scene: Scene) -> None:
    page = await scene.page(HERE)
    await page.get_by_role("button", name="Resend Invitation").click()
    await expect(page.get_by_text("The invitation is on its way again.")).to_be_visible()
    assert page.url == scene.base + HERE
    await page.reload()
    await expect(page.get_by_text("The invitation is on its way again.")).to_have_count(0)


async def test_a_switch_is_asked_for_by_keyboard_alone_on_a_phone(scene: Scene) -> None:
    await scene.config.gateway().put("/customers/litware", {"name": "Litware", "tenant": "litware.example"})
    await scene.config.pinned("litware", TENANT.replace("c0de", "feed"))
    page = await scene.page("/customers/litware", viewport={"width": 390, "height": 844})
    await page.get_by_role("link", name="Switch to auth token").focus()
    await page.keyboard.press("Enter")
    await page.get_by_label("E-mail of the customer administrator").focus()
    await page.keyboard.type(ADMIN)
    await page.keyboard.press("Enter")
    await page.get_by_role("button", name="Confirm and send").focus()
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("The switch has begun.")).to_be_visible()
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")


async def test_without_script_the_same_pages_do(scene: Scene) -> None:
    config, page = scene.config, await scene.page(HERE, java_script_enabled=False)
    await page.get_by_role("button", name="Copy link").click()
    assert (await page.get_by_label("Invitation link").input_value()).startswith(f"{INVITE}/i/")
    await page.get_by_role("link", name="Back").click()
    await page.get_by_role("link", name="Cancel switch").click()
    await page.get_by_role("button", name="Cancel switch").click()
    await expect(page.get_by_text("The switch is cancelled")).to_be_visible()
    await page.get_by_role("link", name="Switch to auth token").click()
    await page.get_by_label("E-mail of the customer administrator").fill(ADMIN)
    await page.get_by_role("button", name="OK").click()
    await page.get_by_role("button", name="Change").click()
    await page.get_by_label("Full name").fill("Avery Admin")
    await page.get_by_role("button", name="OK").click()
    await page.get_by_role("button", name="Confirm and send").click()
    await expect(page.get_by_text("The switch has begun.")).to_be_visible()
    switch = (await config.customer()).switch
    assert switch and switch.invitee and switch.invitee.name == "Avery Admin"
