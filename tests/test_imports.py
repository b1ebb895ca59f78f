"""The import law: which room may use which, read from the source itself."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT / "shared" / "shared"
SERVICES = {"config_svc", "invite_svc", "auth_svc", "notify_svc"}
SERVICE_FILES = sorted((ROOT / "services").glob("*/*_svc/**/*.py"))
SHARED_FILES = sorted((ROOT / "shared").rglob("*.py"))
CLI_FILES = sorted((ROOT / "cli").rglob("*.py"))
DRIVERS = {"motor", "pymongo", "bson"}

# What a rule may know: values, events, reasons (zlib: a checksum to spread deadlines). No clock, no chance.
PURE_SHARED = {"shared.contracts.events", "shared.domain.rules", "shared.contracts.reasons"}
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
ADAPTERS = ("microsoft.", "mail.envelope", "mail.smtp")
"""Rooms that speak to the outside world, and to nothing of ours that decides or keeps."""
KEPT_FROM_ADAPTERS = {"shared.store.store", "shared.store.mongo", "shared.messaging.outbox_relay"}


def imports(path: Path) -> Iterator[str]:
    """Every module that a file names, at its top or inside a function; `from a import b` gives a and a.b."""
    for node in ast.walk(ast.parse(path.read_text(), str(path))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            base = _absolute(path, node)
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


def _absolute(path: Path, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    package = path.relative_to(ROOT).with_suffix("").parts
    start = next(at for at, part in enumerate(package) if part in SERVICES | {"shared"} and at)
    return ".".join([*package[start : len(package) - node.level], *filter(None, [node.module])])


def top(module: str) -> str:
    return module.partition(".")[0]


def place(path: Path) -> str:
    """The file's module inside its service: domain, domain.rules, entra, ..."""
    return ".".join(path.relative_to(ROOT / "services").with_suffix("").parts[2:])


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def in_domain(path: Path) -> bool:
    return top(place(path)) == "domain"


def pure(module: str, service: str) -> bool:
    own = f"{service}.domain"
    shared = any(module == allowed or module.startswith(f"{allowed}.") for allowed in PURE_SHARED)
    return shared or module == "shared" or module == service or module.startswith(own) or top(module) in PURE_STANDARD


@pytest.mark.parametrize("path", [path for path in SERVICE_FILES if in_domain(path)], ids=named)
def test_rules_know_only_values_events_and_reasons(path: Path) -> None:
    service = path.relative_to(ROOT / "services").parts[1]
    assert [module for module in imports(path) if not pure(module, service)] == []


@pytest.mark.parametrize("path", [path for path in SERVICE_FILES if in_domain(path)], ids=named)
def test_rules_are_not_async(path: Path) -> None:
    kinds = (ast.AsyncFunctionDef, ast.Await, ast.AsyncFor, ast.AsyncWith)
    assert [node.lineno for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, kinds)] == []


@pytest.mark.parametrize("path", [path for path in SERVICE_FILES if in_domain(path)], ids=named)
def test_rules_ask_no_clock(path: Path) -> None:
    named_calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Attribute)]
    assert [node.lineno for node in named_calls if node.attr in ("now", "utcnow", "today")] == []


@pytest.mark.parametrize("path", [path for path in SERVICE_FILES if place(path).startswith(ADAPTERS)], ids=named)
def test_adapters_know_neither_rules_nor_store(path: Path) -> None:
    found = list(imports(path))
    assert [module for module in found if "_svc.domain" in module or module in KEPT_FROM_ADAPTERS] == []


@pytest.mark.parametrize("path", SERVICE_FILES, ids=named)
def test_services_never_import_each_other_nor_development(path: Path) -> None:
    service = path.relative_to(ROOT / "services").parts[1]
    strangers = SERVICES - {service} | {"tokenswitch_dev", "tests"}
    assert [module for module in imports(path) if top(module) in strangers] == []


@pytest.mark.parametrize("path", SHARED_FILES, ids=named)
def test_shared_knows_no_service(path: Path) -> None:
    strangers = SERVICES | {"tokenswitch_dev", "tests"}
    assert [module for module in imports(path) if top(module) in strangers] == []


@pytest.mark.parametrize("path", [*SHARED_FILES, *SERVICE_FILES], ids=named)
def test_only_one_file_imports_the_database_driver(path: Path) -> None:
    if path in (SHARED / "store" / "mongo.py", SHARED / "observability" / "tracing_mongo.py"):
        return  # the second one hears of the driver's commands, and calls nothing
    assert [module for module in imports(path) if top(module) in DRIVERS] == []


@pytest.mark.parametrize("path", CLI_FILES, ids=named)
def test_the_command_line_is_a_client_and_knows_the_api_alone(path: Path) -> None:
    """It runs on other machines than the services, perhaps in another version."""
    ours = SERVICES | {"shared", "mails", "tokenswitch_dev", "tests"}
    assert [module for module in imports(path) if top(module) in ours] == []
