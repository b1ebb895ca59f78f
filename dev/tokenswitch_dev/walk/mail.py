"""The mailbox page: the newest mail to somebody, and its button."""

from __future__ import annotations

import re

from playwright.async_api import Locator, Page, expect


class Mailbox:
    def __init__(self, page: Page, address: str) -> None:
        self.page, self._address = page, address

    async def open_newest(self, to: str, subject: str, count: int = 1) -> None:
        """The newest mail to `to` with such a subject, once there are that many: the list renews itself."""
        await self.page.goto(self._address)
        mails = _mails(self.page, to, subject)
        await expect(mails.nth(count - 1)).to_be_visible()
        await mails.first.locator("a").click()
        await self.page.locator("iframe").wait_for()

    async def count(self, to: str, subject: str) -> int:
        """Counted in a window of its own, closed before the list renews itself under our hands."""
        page = await self.page.context.new_page()
        await page.goto(self._address)
        found = await _mails(page, to, subject).count()
        await page.close()
        return found

    async def follow(self) -> Page:
        """Its button, which opens the wizard in a new tab."""
        async with self.page.expect_popup() as opened:
            await self.page.frame_locator("iframe").get_by_role("link", name="Open the invitation").click()
        page = await opened.value
        await page.wait_for_load_state()
        return page

    async def link(self) -> str:
        """Its address, to be opened elsewhere."""
        found = await self.page.locator("pre a[href*='/i/']").first.get_attribute("href")
        return found or ""


def _mails(page: Page, to: str, subject: str) -> Locator:
    to_them = page.locator("li", has_text=re.compile(re.escape(f"to {to} ")))
    return to_them.filter(has_text=re.compile(subject))
