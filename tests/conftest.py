"""Fixtures that every test may use; which tests run side by side, and in which order."""

from __future__ import annotations

from functools import cache
from pathlib import PurePosixPath
from types import ModuleType
from typing import Any

import hypothesis
import pytest
from xdist.scheduler import LoadScopeScheduling

pytest_plugins = ["tests.chromium", "tests.servers", "tests.system"]
LAST = ("e2e", "browser", "chaos")
TOGETHER = {**dict.fromkeys(LAST, "system"), "screens": "screens"}
"""Folders whose files stay together: they share the one whole system, or keep a browser with many pages busy."""
SERVERS = {"kafka_bootstrap", "own_kafka", "mongo_url", "own_mongo", "mailbox", "embedded_mailbox", "system"}
PROCESSES = ("subprocess", "playwright", "tokenswitch_dev.stack", "tests.secured")

hypothesis.settings.register_profile("any machine", deadline=None)  # how long an example takes is no property of it
hypothesis.settings.load_profile("any machine")


class Together(LoadScopeScheduling):  # type: ignore[misc]
    """A file stays with one worker, and so does all that shares the one whole system.

    (xdist's own groups are written behind the names of tests, where this version of pytest no longer looks.)
    """

    def _split_scope(self, nodeid: str) -> str:
        path = PurePosixPath(nodeid.split("::", 1)[0])
        return TOGETHER.get(path.parent.name, str(path))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Together:
    return Together(config, log)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "servers: asks for a server, or its file starts a process (set by itself)")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Alone, those with the whole system come last (a stable sort: what takes things apart comes after what only uses
    them). Side by side they are begun first, since they take longest, then the screens.
    """
    for item in items:
        if _needs_servers(item):
            item.add_marker("servers")
    items.sort(key=_rank)
    if config.getoption("numprocesses", None) or "workerinput" in vars(config):
        items.sort(key=lambda item: (not _rank(item), item.path.parent.name not in TOGETHER))


def _needs_servers(item: pytest.Item) -> bool:
    assert isinstance(item, pytest.Function)
    return bool(SERVERS.intersection(item.fixturenames)) or _starts_processes(item.module)


@cache
def _starts_processes(module: ModuleType) -> bool:
    """Does it use a module that starts processes, or something out of one?"""
    modules = (
        value.__name__ if isinstance(value, ModuleType) else value.__module__
        for value in vars(module).values()
        if hasattr(value, "__module__") or isinstance(value, ModuleType)
    )
    return any(str(name).startswith(PROCESSES) for name in modules)


def _rank(item: pytest.Item) -> int:
    folder = item.path.parent.name
    return LAST.index(folder) + 1 if folder in LAST else 0
