"""docs/security.md is held to what there is: every file and every test that it names."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "security.md").read_text("utf-8")


def source(path: str) -> Path:
    package = path.partition("/")[0]
    home = ROOT / "shared" if package in ("shared", "mails") else ROOT / "services" / package.replace("_", "-")
    return home / path


def test_every_named_test_is_there() -> None:
    named = re.findall(r"`([a-z0-9_/]+\.py)::(test_[a-z0-9_]+)`", TEXT)
    missing = [
        f"{path}::{name}"
        for path, name in named
        if not (ROOT / "tests" / path).exists() or f"def {name}(" not in (ROOT / "tests" / path).read_text("utf-8")
    ]
    assert len(named) > 40 and not missing


def test_every_named_place_is_there() -> None:
    named = re.findall(r"`((?:shared|mails|[a-z]+_svc)/[a-z0-9_/]+(?:\.py|/))`", TEXT)
    assert len(named) > 25 and not [path for path in named if not source(path).exists()]


def test_every_requirement_has_its_test() -> None:
    rows = {line.split()[1]: line for line in TEXT.splitlines() if line.startswith("| R")}
    assert set(rows) == {f"R{number}" for number in (*range(1, 14), 15, 16)}
    assert not [name for name, line in rows.items() if "::test_" not in line]
