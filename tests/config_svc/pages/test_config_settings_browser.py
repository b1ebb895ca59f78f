"""The settings in a real browser: the mail is shown while it is typed, in a frame that can do nothing."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from tests.config_svc.config_kit import Config
from tests.config_svc.config_shots import served

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(loop_scope="session")
async def page(browser_config: Config, chromium: Browser) -> AsyncIterator[Page]:
    complaints: list[str] = []
    sock = socket.create_server(("127.0.0.1", 0))
    base = f"http://localhost:{sock.getsockname()[1]}"
    async with served(browser_config, sock):
        context = await chromium.new_context(locale="en-GB", base_url=base, viewport={"width": 1280, "height": 900})
        session = (await browser_config.browser("admin")).http.cookies["ts-config"]
        await context.add_cookies([{"name": "ts-config", "value": session, "url": base}])
        found = await context.new_page()
        found.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
        found.on("pageerror", lambda error: complaints.append(str(error)))
        yield found
        await context.close()
    refused = [said for said in complaints if "sandboxed frame" in said]  # the browser says so when a link is pressed
    assert complaints == refused


async def test_the_mail_is_shown_while_it_is_typed_and_the_typist_is_not_disturbed(page: Page) -> None:
    await page.goto("/settings?text=en")
    mail = page.frame_locator("iframe.mail-frame")
    await expect(mail.get_by_text("Hello Avery Admin,")).to_be_visible()
    steps = await page.evaluate("history.length")
    text = page.get_by_label("Text", exact=True)
    await text.fill("Dear {invitee},\n\nplease help {customr}")
    await expect(mail.get_by_text("Dear Avery Admin,")).to_be_visible()
    await expect(page.locator("#mail-preview .alert")).to_contain_text("there is no placeholder {customr}")
    await text.press("End")
    for _ in range(2):
        await text.press("Backspace")
    await text.type("er}", delay=20)
    await expect(mail.get_by_text("please help Contoso")).to_be_visible()
    await expect(page.locator("#mail-preview .alert")).to_have_count(0)
    await expect(text).to_be_focused()
    await page.get_by_label("Preview of").select_option("reminder")
    await expect(mail.get_by_role("heading", name="Your approval for Contoso is still open")).to_be_visible()
    await expect(page.locator(".mail-subject")).to_contain_text("Reminder: ")
    assert await page.evaluate("history.length") == steps, "the way back would lead through previews"

    await mail.get_by_role("link", name="Open the invitation").click()
    await expect(mail.get_by_text("please help Contoso")).to_be_visible()
    assert len(page.context.pages) == 1 and "/settings?text=en" in page.url

    await page.get_by_role("button", name="Save").nth(1).click()
    await expect(page.locator("#flash")).to_contain_text("The settings are saved.")
    await expect(mail.get_by_text("please help Contoso")).to_be_visible()
    await page.get_by_role("button", name="Back to the standard text").click()
    await expect(mail.get_by_text("Hello Avery Admin,")).to_be_visible()
