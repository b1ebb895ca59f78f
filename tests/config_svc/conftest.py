"""The service of each test, with a database of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.config_svc.config_kit import Config


@pytest.fixture
async def config(tmp_path: Path, mongo_url: str, mongo_database: str) -> AsyncIterator[Config]:
    made = Config(tmp_path, mongo_url, mongo_database)
    await made.prepare()
    yield made
    await made.close()
