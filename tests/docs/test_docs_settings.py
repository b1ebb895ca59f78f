"""docs/settings.md says what the services take: all of it, nothing else, and what it means."""

from __future__ import annotations

import re
from pathlib import Path

from tokenswitch_dev.reference.table import CLASSES, PAGE, PLAIN, page

ROOT = Path(__file__).resolve().parents[2]


def test_the_page_is_what_the_classes_say() -> None:
    assert PAGE.read_text() == page(), "docs/settings.md is stale: run `make settings` and commit it"


def test_every_setting_says_what_it_means() -> None:
    fields = {name.upper(): field for settings in CLASSES.values() for name, field in settings.model_fields.items()}
    silent = sorted(name for name, field in fields.items() if not field.description)
    assert silent == [], "say what these mean in a docstring under them, then run `make settings`"


def test_what_is_read_from_the_environment_itself_is_on_the_page_too() -> None:
    sources = [*(ROOT / "shared").rglob("*.py"), *(ROOT / "services").rglob("*.py")]
    reading = re.compile(r"(?:environ(?:\.get)?[\[(]|getenv\()\s*\"([A-Z_]+)\"")
    read = {name for path in sources for name in reading.findall(path.read_text())}
    assert {"LOG_LEVEL", "LOG_FORMAT"} <= read
    there = {name.upper() for settings in CLASSES.values() for name in settings.model_fields}
    assert read <= PLAIN.keys() | there, "add these to PLAIN in dev/tokenswitch_dev/reference/table.py"
