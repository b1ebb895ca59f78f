"""The world of one end-to-end test: as it was started, whatever the test before it left (a replica has no traces)."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.e2e.e2e_kit import World, open_world
from tests.system import WholeSystem


@pytest.fixture
async def world(system: WholeSystem) -> AsyncIterator[World]:
    system.heal()
    opened = open_world(system)
    yield opened
    await opened.close()
