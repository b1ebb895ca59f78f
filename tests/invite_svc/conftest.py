"""The service on a database of its own, with one invitation."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.invite_svc.invite_kit import Wizard, requested


@pytest.fixture
async def wizard(tmp_path: Path, mongo_url: str, mongo_database: str) -> AsyncIterator[Wizard]:
    made = Wizard(tmp_path, mongo_url, mongo_database)
    await made.hears(requested())
    yield made
    await made.close()
