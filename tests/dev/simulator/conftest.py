"""A simulator for each file, without the faults of the test before."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.dev.simulator.simulator_kit import Kit, kit_fixture


@pytest.fixture(scope="module")
def module_kit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kit]:
    yield from kit_fixture(tmp_path_factory)


@pytest.fixture
def kit(module_kit: Kit) -> Kit:
    module_kit.no_faults()
    return module_kit
