"""The mailbox page, our own or Mailpit's: the newest mail to somebody, and its button."""

from __future__ import annotations

import asyncio
import re
import time
from typing import Any

from playwright.async_api import Locator, Page, expect

BUTTON = "Open the invitation"
ARRIVAL_SECONDS = 30.0


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
        number = await _mails(page, to, subject).count()
        await page.close()
        return number

    async def follow(self) -> Page:
        """Its button, which opens the wizard in a new tab."""
        async with self.page.expect_popup() as opened:
            await self.page.frame_locator("iframe").get_by_role("link", name=BUTTON).click()
        page = await opened.value
        await page.wait_for_load_state()
        return page

    async def link(self) -> str:
        """Its address, to be opened elsewhere."""
        address = await self.page.locator("pre a[href*='/i/']").first.get_attribute("href")
        return address or ""


class Mailpit(Mailbox):
    """Its mails are found by its API; the mail itself is shown as Mailpit shows it, links in a new tab."""

    async def open_newest(self, to: str, subject: str, count: int = 1) -> None:
        mails = await self._once_there(to, subject, count)
        await self.page.goto(f"{self._address}/view/{mails[0]['ID']}.html?embed=1")

    async def count(self, to: str, subject: str) -> int:
        return len(await self._found(to, subject))

    async def follow(self) -> Page:
        async with self.page.expect_popup() as opened:
            await self.page.get_by_role("link", name=BUTTON).click()
        page = await opened.value
        await page.wait_for_load_state()
        return page

    async def link(self) -> str:
        return await self.page.get_by_role("link", name=BUTTON).get_attribute("href") or ""

    async def _once_there(self, to: str, subject: str, count: int) -> list[dict[str, Any]]:
        deadline = time.monotonic() + ARRIVAL_SECONDS
        while len(mails := await self._found(to, subject)) < count:
            if time.monotonic() > deadline:
                raise AssertionError(f"mail {count} to {to} did not come within {ARRIVAL_SECONDS:.0f} s")
            await asyncio.sleep(0.2)
        return mails

    async def _found(self, to: str, subject: str) -> list[dict[str, Any]]:
        """Newest first."""
        answer = await self.page.context.request.get(
            f"{self._address}/api/v1/search", params={"query": f'to:"{to}"', "limit": 200}
        )
        return [mail for mail in (await answer.json())["messages"] if re.search(subject, mail["Subject"])]


async def mailbox_at(page: Page, address: str) -> Mailbox:
    """Only Mailpit says what it is."""
    info = await page.context.request.get(f"{address}/api/v1/info")
    return (Mailpit if info.ok else Mailbox)(page, address)


def _mails(page: Page, to: str, subject: str) -> Locator:
    to_them = page.locator("li", has_text=re.compile(re.escape(f"to {to} ")))
    return to_them.filter(has_text=re.compile(subject))
