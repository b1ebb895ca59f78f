"""The machine's Chromium, once for all tests of a process; each opens windows of its own in it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio
from playwright.async_api import Browser, async_playwright

from tokenswitch_dev.walkthrough.browser import launch


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def chromium() -> AsyncIterator[Browser]:
    """For tests of the session's loop: `pytest.mark.asyncio(loop_scope="session")`."""
    async with async_playwright() as playwright:
        browser = await launch(playwright)
        yield browser
        await browser.close()
