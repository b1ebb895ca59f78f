"""The portal's screens: customers in every state, and what comes after a form. An administrator looks."""

from __future__ import annotations

import tempfile
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from playwright.async_api import BrowserContext

from tests.config_svc.config_kit import Config
from tests.config_svc.config_shots import PAGES, everyone, forms
from tests.screens.walking import Visit, own_database, served

Fill = Callable[[Any], Awaitable[None]]
NOW = datetime(2027, 3, 1, 9, 30, tzinfo=UTC)


async def walk(
    context: BrowserContext, mongo_url: str, visit: Visit, kind: type[Config] = Config, fill: Fill = everyone
) -> None:
    with tempfile.TemporaryDirectory() as keys:
        config = kind(Path(keys), mongo_url, own_database())
        config.now = NOW
        try:
            await config.prepare()
            await fill(config)
            await past(config, context, visit)
        finally:
            await config.close()


async def past(config: Config, context: BrowserContext, visit: Visit) -> None:
    session = (await config.browser("admin")).http.cookies["ts-config"]
    async with served(config.app) as base:
        await context.add_cookies([{"name": "ts-config", "value": session, "url": base}])
        page = await context.new_page()
        for name, path in PAGES.items():
            await page.goto(base + path)
            await visit(page, name)
        await forms(page, base, visit)
        await page.close()
