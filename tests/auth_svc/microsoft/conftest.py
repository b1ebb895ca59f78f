"""A simulator for each file, and our clients of Microsoft that ask it; no test finds the faults of another."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.auth_svc.auth_kit import Adapters, microsoft
from tests.dev.simulator.simulator_kit import Kit, kit_fixture


@pytest.fixture(scope="module")
def kit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kit]:
    for made in kit_fixture(tmp_path_factory):
        made.no_faults()
        yield made


@pytest.fixture
def adapters(kit: Kit) -> Iterator[Adapters]:
    with microsoft(kit) as made:
        yield made
    kit.no_faults()
