"""The wizard in a real browser: it moves on by itself, copies, counts down; without script, and by keyboard."""

from __future__ import annotations

import re
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, ConsoleMessage, Page, expect

from shared.contracts.events import SwitchCompleted
from shared.i18n.marks import LANGUAGES
from tests.invite_svc.invite_kit import ADMIN, CODE, CUSTOMER, Wizard, claimed, requested
from tests.invite_svc.invite_shots import served

pytestmark = pytest.mark.asyncio(loop_scope="session")


def wrong(said: ConsoleMessage) -> bool:
    """A refusal's own status is not a fault of the page."""
    return said.type == "error" and "the server responded with a status of 4" not in said.text


@dataclass(kw_only=True)
class Scene:
    wizard: Wizard
    browser: Browser
    base: str
    complaints: list[str]

    async def page(self, **more: Any) -> Page:
        """A page on the wizard's choice of ways, in a browser of its own."""
        context = await self.browser.new_context(locale="en-GB", **more)
        await context.grant_permissions(["clipboard-read", "clipboard-write"])
        page = await context.new_page()
        page.on("console", lambda said: self.complaints.append(said.text) if wrong(said) else None)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        await page.goto(self.base + self.wizard.link())
        async with page.expect_navigation():
            await page.get_by_role("button", name="Start").click()
        return page


@pytest_asyncio.fixture(loop_scope="session")
async def wizard(tmp_path: Path, mongo_url: str, mongo_database: str) -> AsyncIterator[Wizard]:
    """On the loop of the session, where Chromium is."""
    made = Wizard(tmp_path, mongo_url, mongo_database)
    await made.hears(requested())
    yield made
    await made.close()


@pytest_asyncio.fixture(loop_scope="session")
async def scene(wizard: Wizard, chromium: Browser) -> AsyncIterator[Scene]:
    sock = socket.create_server(("127.0.0.1", 0))
    async with served(wizard, sock):
        made = Scene(wizard=wizard, browser=chromium, base=f"http://127.0.0.1:{sock.getsockname()[1]}", complaints=[])
        yield made
        for context in chromium.contexts:
            await context.close()
    assert made.complaints == []


async def test_the_page_moves_from_the_code_to_done_without_reloading(scene: Scene) -> None:
    page, wizard = await scene.page(viewport={"width": 390, "height": 844}), scene.wizard
    await page.get_by_role("link", name="Use Device Token").click()
    await page.get_by_label("User name").fill("admin@contoso.example")
    await page.get_by_role("button", name="Start authentication").click()
    await expect(page.get_by_role("heading", name="Preparing")).to_be_visible()
    await page.evaluate("window.sameDocument = true")
    await wizard.code_comes()
    await expect(page.get_by_role("heading", name="Enter this code at Microsoft")).to_be_focused()
    await expect(page.locator(".time-left")).to_contain_text("14:")
    await page.get_by_role("button", name="Copy code").click()
    await expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert await page.evaluate("navigator.clipboard.readText()") == CODE
    await wizard.hears(claimed())
    await expect(page.get_by_role("heading", name="Finishing")).to_be_visible()
    await wizard.hears(
        SwitchCompleted(
            customer=CUSTOMER,
            switch=1,
            to="token",
            method="sign_in",
            invited=True,
            grant="g",
            revision=None,
            account=ADMIN,
            in_force="token",
        )
    )
    await expect(page.get_by_role("heading", name="Done")).to_be_focused()
    assert await page.evaluate("window.sameDocument") is True


async def test_the_keyboard_alone_starts_a_sign_in(scene: Scene) -> None:
    page, wizard = await scene.page(), scene.wizard
    await page.get_by_role("button", name="Sign in with Microsoft").focus()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="Preparing")).to_be_visible()
    await wizard.sign_in_ready()
    way = page.get_by_role("link", name="Continue to Microsoft")
    await expect(way).to_be_visible()
    await way.focus()
    assert (await way.get_attribute("href") or "").startswith("https://login.microsoftonline.com/")


async def reach(page: Page, name: str) -> None:
    """Tab, as somebody without a mouse would, until what is named has the focus."""
    for _ in range(40):
        await page.keyboard.press("Tab")
        if name in await page.evaluate("document.activeElement.innerText || document.activeElement.name || ''"):
            return
    raise AssertionError(f"the keyboard does not reach {name!r}")


async def enter(page: Page) -> None:
    """The Enter key where it leads to another page: the live part of the one that is left does not count."""
    async with page.expect_navigation():
        await page.keyboard.press("Enter")


async def test_the_keyboard_alone_goes_from_the_link_to_done(scene: Scene) -> None:
    page, wizard = await scene.page(), scene.wizard
    await reach(page, "Use Device Token")
    await enter(page)
    await expect(page.get_by_label("User name")).to_be_visible()
    await reach(page, "user_name")
    await page.keyboard.press("Control+A")
    await page.keyboard.type("nobody")
    await enter(page)
    await expect(page.locator("[data-focus=errors]")).to_be_focused()
    await reach(page, "user_name")
    await page.keyboard.press("Control+A")
    await page.keyboard.type("admin@contoso.example")
    await enter(page)
    await expect(page.get_by_role("heading", name="Preparing")).to_be_visible()
    await wizard.code_comes()
    await expect(page.get_by_role("heading", name="Enter this code at Microsoft")).to_be_focused()
    await reach(page, "Copy code")
    await reach(page, "Microsoft shows something else?")
    await enter(page)
    await expect(page.get_by_role("heading", name="What did Microsoft show you?")).to_be_visible()
    await reach(page, "seen")
    await page.keyboard.press("Space")
    await enter(page)
    await expect(page.locator("#way-sign_in")).to_have_class(re.compile("way-best"))
    await reach(page, "Sign in with Microsoft")
    await enter(page)
    await expect(page.get_by_role("heading", name="Preparing")).to_be_visible()
    await wizard.sign_in_ready(2)
    await expect(page.get_by_role("heading", name="Everything is ready")).to_be_focused()
    await reach(page, "Continue to Microsoft")
    await wizard.hears(claimed(2))
    await wizard.hears(
        SwitchCompleted(
            customer=CUSTOMER,
            switch=1,
            to="token",
            method="sign_in",
            invited=True,
            grant="g",
            revision=None,
            account=ADMIN,
            in_force="token",
        )
    )
    await expect(page.get_by_role("heading", name="Done")).to_be_focused()


async def test_no_language_is_too_wide_for_a_phone_or_too_heavy(scene: Scene) -> None:
    page = await scene.page(viewport={"width": 360, "height": 780})
    for language in LANGUAGES:
        for path in (scene.wizard.link(), "/w", "/w/device", "/w/app", "/guidance", "/i/wrong"):
            answer = await page.goto(f"{scene.base}{path}?lang={language}")
            assert answer and await page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, path
            assert len(await answer.body()) < 25_000
    assert await page.locator("html").get_attribute("lang") == LANGUAGES[-1]


async def test_without_script_the_page_asks_again_by_itself(scene: Scene) -> None:
    page, wizard = await scene.page(java_script_enabled=False), scene.wizard
    await page.get_by_role("button", name="Sign in with Microsoft").click()
    await expect(page.get_by_role("heading", name="Preparing")).to_be_visible()
    await wizard.sign_in_ready()
    await expect(page.get_by_role("link", name="Continue to Microsoft")).to_be_visible(timeout=60_000)


async def test_a_double_click_is_one_attempt(scene: Scene) -> None:
    page = await scene.page()
    await page.get_by_role("button", name="Sign in with Microsoft").dblclick()
    await expect(page.get_by_role("heading", name="Preparing")).to_be_visible()
    assert (await scene.wizard.invitation()).attempts == 1
