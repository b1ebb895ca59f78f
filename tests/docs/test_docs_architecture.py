"""docs/architecture.md shows every room with the sentence of its `__init__.py`."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "architecture.md"
PACKAGES = [
    ROOT / "shared" / "shared",
    ROOT / "shared" / "mails",
    *(path.parent for path in sorted(ROOT.glob("services/*-svc/*_svc/__init__.py"))),
    ROOT / "cli" / "tokenswitch_cli",
    ROOT / "dev" / "tokenswitch_dev",
]
ROOMS = [
    path.parent for package in PACKAGES for path in sorted(package.rglob("__init__.py")) if path.parent not in PACKAGES
]


def row(room: Path) -> str:
    """The line of a table that shows a room."""
    sentence = (ast.get_docstring(ast.parse((room / "__init__.py").read_text())) or "").partition("\n")[0]
    package = next(package for package in PACKAGES if room.is_relative_to(package))
    return f"| `{room.relative_to(package)}` | {sentence.replace('|', chr(92) + '|')} |"


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: str(room.relative_to(ROOT)))
def test_every_room_is_shown_with_its_sentence(room: Path) -> None:
    assert row(room) in PAGE.read_text().splitlines(), f"docs/architecture.md needs this line:\n{row(room)}"


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
def test_every_package_is_shown(package: Path) -> None:
    assert f"`{package.relative_to(ROOT)}`" in PAGE.read_text()
