"""Every path and every `make` target that the pages name exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted(ROOT.glob("docs/**/*.md"))]
ROOTS = [ROOT, ROOT / "tests", ROOT / "shared", ROOT / "dev", ROOT / "cli", *sorted(ROOT.glob("services/*-svc"))]
"""Where a path may begin: at the project's root, or with the name of a package or of a folder of tests."""
TOPS = "|".join(sorted({re.escape(path.name) for root in ROOTS for path in root.iterdir() if path.name[0] not in "._"}))
PATH = re.compile(rf"(?<![\w/.-])((?:{TOPS})/[\w./*-]*[\w*])(?:::(\w+))?")
CODE = re.compile(r"^(?: {4}|\t)[^\n]*$|```.*?```|`[^`\n]+`", re.M | re.S)
TARGETS = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.M))
MADE_BY_THE_READER = {"deploy/kubernetes/overlays/ours"}

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def code(page: Path) -> str:
    return "\n".join(CODE.findall(page.read_text()))


def exists(path: str, test: str) -> bool:
    """A path, and the test in it if one is named."""
    found = [one for root in ROOTS for one in root.glob(path)]
    return any(not test or f"def {test}(" in one.read_text() for one in found)


@every_page
def test_every_path_exists(page: Path) -> None:
    named = set(PATH.findall(code(page)))
    assert [one for one in sorted(named) if one[0] not in MADE_BY_THE_READER and not exists(*one)] == []


@every_page
def test_every_link_leads_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text())
    assert [target for target in targets if not (page.parent / target).exists()] == []


@every_page
def test_every_make_target_exists(page: Path) -> None:
    assert set(re.findall(r"\bmake ([a-z][a-z-]*)\b", code(page))) - TARGETS == set()
