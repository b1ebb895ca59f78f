"""The service of a test in the browser."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from tests.config_svc.config_kit import Config


@pytest_asyncio.fixture(loop_scope="session")
async def browser_config(tmp_path: Path, mongo_url: str, mongo_database: str) -> AsyncIterator[Config]:
    """On the loop of the session, where Chromium is."""
    made = Config(tmp_path, mongo_url, mongo_database)
    await made.prepare()
    yield made
    await made.close()
