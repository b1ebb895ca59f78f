"""What is kept for those who come later: decisions with their four parts in the index, one version in the changelog."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md"))
PARTS = ("What", "Why", "What it costs", "What was refused")


@pytest.mark.parametrize("path", DECISIONS, ids=lambda path: path.stem)
def test_a_decision_is_dated_says_its_four_parts_and_is_in_the_index(path: Path) -> None:
    title, _, dated, *_ = path.read_text().splitlines()
    number, date = int(path.name[:4]), dated[:10]
    assert title.startswith(f"# {number}. ") and re.fullmatch(r"\d{4}-\d\d-\d\d(, .+)?", dated)
    assert tuple(re.findall(r"^\*\*(.+?)\.\*\* ", path.read_text(), re.M)) == PARTS
    line = f"| {number} | {date} | [{title.partition('. ')[2]}]({path.name}) |"
    assert line in (path.parent / "README.md").read_text().splitlines(), f"docs/decisions/README.md needs: {line}"


def test_decisions_are_numbered_without_a_gap() -> None:
    assert [int(path.name[:4]) for path in DECISIONS] == list(range(1, len(DECISIONS) + 1))


def test_every_package_has_the_version_that_the_changelog_tells_of() -> None:
    files = [*ROOT.glob("*/pyproject.toml"), *ROOT.glob("services/*/pyproject.toml")]
    (version,) = {tomllib.loads(file.read_text())["project"]["version"] for file in files}
    assert re.findall(r"^## \[(\d.*?)\]", (ROOT / "CHANGELOG.md").read_text(), re.M)[0] == version
