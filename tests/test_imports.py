"""What rooms may use beyond the layers of pyproject.toml: rules are pure, and each outside library has its one room."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = [ROOT / "shared", *sorted((ROOT / "services").glob("*-svc"))]
FILES = {str(path.relative_to(package)): path for package in PACKAGES for path in sorted(package.rglob("*.py"))}
RULES = [name for name in FILES if "_svc/domain/" in name]
ADAPTERS = [name for name in FILES if "/microsoft/" in name or name.endswith(("mail/mime.py", "mail/smtp.py"))]
"""They speak to the outside world, and to nothing of ours that decides or keeps."""

# What a rule may know: values, events, reasons (zlib: a checksum to spread deadlines). No clock, no chance.
PURE_SHARED = ("shared.contracts.events", "shared.domain.rules", "shared.contracts.reasons")
PURE_STANDARD = {
    "__future__",
    "collections",
    "dataclasses",
    "datetime",
    "enum",
    "functools",
    "itertools",
    "re",
    "types",
    "typing",
    "zlib",
}
HOMES = {
    "motor": ("shared/store/mongo.py",),
    "pymongo": ("shared/store/mongo.py", "shared/observability/tracing_mongo.py"),  # hears commands, calls none
    "bson": ("shared/store/mongo.py",),
    "aiokafka": ("shared/messaging/", "config_svc/stream/", "config_svc/subscriptions.py"),
    "msal": ("auth_svc/microsoft/",),
    "aiosmtplib": ("notify_svc/mail/",),
}
"""Which files may import a library that speaks to a server: those whose name begins so."""


def tree(name: str) -> ast.Module:
    return ast.parse(FILES[name].read_text(), name)


def imports(name: str) -> Iterator[str]:
    """Every module that a file names, at its top or inside a function; `from a import b` gives a and a.b."""
    for node in ast.walk(tree(name)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            assert not node.level, f"{name}:{node.lineno}: name the module in full"
            yield str(node.module)
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def top(module: str) -> str:
    return module.partition(".")[0]


def within(module: str, room: str) -> bool:
    return module == room or module.startswith(f"{room}.")


def pure(module: str, service: str) -> bool:
    parents = ("shared", "shared.contracts", "shared.domain", service)
    rooms = (*PURE_SHARED, f"{service}.domain")
    return module in parents or top(module) in PURE_STANDARD or any(within(module, room) for room in rooms)


@pytest.mark.parametrize("name", RULES)
def test_rules_know_only_values_events_and_reasons(name: str) -> None:
    assert [module for module in imports(name) if not pure(module, name.partition("/")[0])] == []


@pytest.mark.parametrize("name", RULES)
def test_rules_are_not_async(name: str) -> None:
    kinds = (ast.AsyncFunctionDef, ast.Await, ast.AsyncFor, ast.AsyncWith)
    assert [node.lineno for node in ast.walk(tree(name)) if isinstance(node, kinds)] == []


@pytest.mark.parametrize("name", RULES)
def test_rules_ask_no_clock(name: str) -> None:
    attributes = [node for node in ast.walk(tree(name)) if isinstance(node, ast.Attribute)]
    assert [node.lineno for node in attributes if node.attr in ("now", "utcnow", "today")] == []


@pytest.mark.parametrize("name", ADAPTERS)
def test_adapters_know_neither_rules_nor_store(name: str) -> None:
    kept = ("shared.store", "shared.messaging.outbox_relay")
    assert [one for one in imports(name) if "_svc.domain" in one or any(within(one, room) for room in kept)] == []


@pytest.mark.parametrize("library", HOMES)
def test_a_library_that_speaks_to_a_server_has_its_one_room(library: str) -> None:
    users = [name for name in FILES if library in map(top, imports(name))]
    assert users, f"nobody imports {library} any more: take it out of HOMES"
    assert [name for name in users if not name.startswith(HOMES[library])] == []
