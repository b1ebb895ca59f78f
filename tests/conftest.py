"""Fixtures that every test may use; which tests run side by side, and in which order."""

from __future__ import annotations

import pytest

pytest_plugins = ["tests.servers", "tests.system"]
LAST = ("e2e", "browser", "chaos")
SERVERS = {"kafka_bootstrap", "own_kafka", "own_mongo"}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """A file stays with one worker, and so does all that shares the one whole system.

    Alone, those with the whole system come last (a stable sort: what takes things apart comes after what only uses
    them). Side by side they are begun first, since they take longest. What needs a broker or many processes is tried
    once more when it fails, and the run says so: a machine that stalls for seconds is no defect of ours.
    """
    for item in items:
        group = "system" if _rank(item) else str(item.path)
        item.add_marker(pytest.mark.xdist_group(group))
        starts_servers = item.path.name.startswith("test_stack_") or SERVERS.intersection(_fixtures(item))
        if _rank(item) or starts_servers:
            item.add_marker(pytest.mark.flaky(reruns=1))
    items.sort(key=_rank)
    if config.getoption("numprocesses", None) or "workerinput" in vars(config):
        items.sort(key=lambda item: not _rank(item))


def _fixtures(item: pytest.Item) -> set[str]:
    return set(getattr(item, "fixturenames", ()))


def _rank(item: pytest.Item) -> int:
    folder = item.path.parent.name
    return LAST.index(folder) + 1 if folder in LAST else 0
