"""Fixtures that every test may use, and the order of tests: those with the whole system come last."""

from __future__ import annotations

import pytest

pytest_plugins = ["tests.servers", "tests.system"]
LAST = ("e2e", "browser", "chaos")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A stable sort: what takes things apart comes after what only uses them."""
    items.sort(key=lambda item: LAST.index(item.path.parent.name) + 1 if item.path.parent.name in LAST else 0)
