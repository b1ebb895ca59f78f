"""Every component of shared/, as the gallery shows it."""

from __future__ import annotations

from playwright.async_api import BrowserContext

from tests.screens.walking import Visit, served
from tests.shared.kit.protected import protect
from tests.shared.web.gallery.shoot import gallery

PAGES = {
    "gallery": "/gallery",
    "gallery-dialog": "/gallery#switch",
    "gallery-menu": "/gallery#nav",
    "step": "/step",
    "error": "/error",
}


async def walk(context: BrowserContext, mongo_url: str, visit: Visit) -> None:
    async with served(protect(gallery(), "http://127.0.0.1"), "127.0.0.1") as base:
        page = await context.new_page()
        for name, path in PAGES.items():
            await page.goto("about:blank")
            await page.goto(base + path)
            await visit(page, name)
        await page.close()
