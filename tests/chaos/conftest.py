"""A world to break: everything runs before each test, whatever the one before it left."""

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
