"""How a server says that it reads: what was sent to it, and what its `explain` tells, in words of several servers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.errors import OperationFailure
from pymongo.monitoring import CommandStartedEvent

from shared.observability.tracing_mongo import CommandSpans

ASKED = {
    "find": ("find", "filter", "sort", "projection", "limit", "skip"),
    "aggregate": ("aggregate", "pipeline"),
    "count": ("count", "query", "limit"),
    "distinct": ("distinct", "key", "query"),
}
"""Commands that read, and what of them decides how."""
ASIDE = frozenset({"rejectedPlans", "parsedQuery", "slotBasedPlan", "command", "$match", "$group", "filter"})
"""Parts of an answer that tell of no step which is taken."""
WHOLE = frozenset({"COLLSCAN", "Seq Scan", "Parallel Seq Scan"})
INDEX = frozenset(
    {
        *("IXSCAN", "IDHACK", "EXPRESS_IXSCAN", "CLUSTERED_IXSCAN", "EXPRESS_CLUSTERED_IXSCAN", "COUNT_SCAN"),
        *("DISTINCT_SCAN", "Index Scan", "Index Only Scan", "Bitmap Index Scan"),
    }
)
SORTED = frozenset({"SORT", "SORT_KEY_GENERATOR", "$sort", "Sort", "Incremental Sort"})


@dataclass(frozen=True)
class Plan:
    """The steps that an answer names: `stage` at MongoDB (in `queryPlan` too, and by shard), `Node Type` at PostgreSQL,
    and the stages of a pipeline."""

    steps: frozenset[str]

    @classmethod
    def of(cls, explained: Mapping[str, Any]) -> Plan:
        return cls(frozenset(_steps(explained)))

    @property
    def tells(self) -> bool:
        """Whether it says at all by what it reads: not, for example, of a collection that does not exist."""
        return bool(self.steps & (WHOLE | INDEX))

    @property
    def reads_all(self) -> bool:
        return bool(self.steps & WHOLE)

    @property
    def sorts(self) -> bool:
        return bool(self.steps & SORTED)


def _steps(part: Any) -> Iterator[str]:
    if isinstance(part, list):
        for one in part:
            yield from _steps(one)
    elif isinstance(part, Mapping):
        for name, value in part.items():
            if name in ("stage", "Node Type") and isinstance(value, str):
                yield value
            elif name == "$sort":
                yield name
            elif name not in ASIDE:
                yield from _steps(value)


@dataclass
class Reads:
    """The reads that were sent, in order."""

    sent: list[dict[str, Any]] = field(default_factory=list)

    def note(self, event: CommandStartedEvent) -> None:
        if names := ASKED.get(event.command_name):
            command = {name: event.command[name] for name in names if name in event.command}
            self.sent.append({"db": event.database_name, "command": command})


@contextmanager
def reads(monkeypatch: pytest.MonkeyPatch) -> Iterator[Reads]:
    """All that goes to a server meanwhile, as its driver sends it."""
    noted = Reads()
    with monkeypatch.context() as patched:
        patched.setattr(CommandSpans, "started", lambda self, event: noted.note(event))
        yield noted


def explain(client: MongoClient[dict[str, Any]], read: Mapping[str, Any]) -> Plan | None:
    """None: this server does not explain such a read."""
    command = dict(read["command"])
    if "aggregate" in command:
        command["cursor"] = {}
    try:
        return Plan.of(client[read["db"]].command("explain", command, verbosity="queryPlanner"))
    except OperationFailure:
        return None
