"""Fixtures that every test may use; which tests run side by side, and in which order."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

pytest_plugins = ["tests.servers", "tests.system"]
LAST = ("e2e", "browser", "chaos")
TOGETHER = {**dict.fromkeys(LAST, "system"), "screens": "screens"}
"""Folders whose files stay together: they share the one whole system, or keep a browser with many pages busy."""
SERVERS = {"kafka_bootstrap", "own_kafka", "own_mongo"}


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


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Alone, those with the whole system come last (a stable sort: what takes things apart comes after what only uses
    them). Side by side they are begun first, since they take longest, then the screens. What needs a broker or many
    processes is tried once more when it fails, and the run says so: a machine that stalls for seconds is no defect.
    """
    for item in items:
        starts_servers = item.path.name.startswith("test_stack_") or SERVERS.intersection(_fixtures(item))
        if _rank(item) or starts_servers:
            item.add_marker(pytest.mark.flaky(reruns=1))
    items.sort(key=_rank)
    if config.getoption("numprocesses", None) or "workerinput" in vars(config):
        items.sort(key=lambda item: (not _rank(item), item.path.parent.name not in TOGETHER))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Why a test was tried once more: a stalled machine and a seldom defect look alike until one reads it."""
    for report in terminalreporter.stats.get("rerun", ()):
        crash = getattr(report.longrepr, "reprcrash", None)
        why = f"{crash.path}:{crash.lineno}: {crash.message}" if crash else str(report.longrepr)
        terminalreporter.write_line(f"TRIED AGAIN {report.nodeid}\n    " + "\n    ".join(why.splitlines()[:12]))


def _fixtures(item: pytest.Item) -> set[str]:
    return set(getattr(item, "fixturenames", ()))


def _rank(item: pytest.Item) -> int:
    folder = item.path.parent.name
    return LAST.index(folder) + 1 if folder in LAST else 0
