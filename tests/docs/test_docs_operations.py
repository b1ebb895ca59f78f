"""The pages for those who run it lead somewhere: every alert has its section, every command and link exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from shared.admin.cli import parser
from shared.admin.keys import NEEDED_AFTER
from shared.identity.portal_sign_in import CALLBACK
from tokenswitch_dev.reference.table import CLASSES, PLAIN

ROOT = Path(__file__).resolve().parents[2]
PAGES = ("operations.md", "install.md", "entra-apps.md", "settings.md")


def page(name: str) -> str:
    return (ROOT / "docs" / name).read_text()


def anchors(text: str) -> set[str]:
    """As GitHub makes them of headings."""
    titles = re.findall(r"^#+ (.+)$", text, re.M)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


def test_every_alert_has_a_section_and_no_section_is_of_an_alert_that_is_gone() -> None:
    rules = yaml.safe_load((ROOT / "deploy" / "prometheus" / "tokenswitch.rules.yml").read_text())
    alerts = {rule["alert"] for group in rules["groups"] for rule in group["rules"] if "alert" in rule}
    said = set(re.findall(r"^### (Tokenswitch\w+)$", page("operations.md"), re.M))
    assert alerts == said, "each alert needs its section `### <name>` in docs/operations.md"


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_to_pages_and_headings_that_exist(name: str) -> None:
    for target, anchor in re.findall(r"\]\((?!https?:)([^)#]*)#?([^)]*)\)", page(name)):
        where = ROOT / "docs" / (target or name)
        assert where.exists(), target
        assert not anchor or anchor in anchors(where.read_text()), anchor


def test_the_readme_leads_to_every_page() -> None:
    readme = (ROOT / "README.md").read_text()
    pages = {path.name for path in (ROOT / "docs").glob("*.md")}
    assert {name for name in pages if f"(docs/{name})" not in readme} == set()


def test_every_command_that_is_said_is_one(capsys: pytest.CaptureFixture[str]) -> None:
    said = re.findall(
        r"(?:^|[ `])((?:keys|dead) (?:[a-z]+)(?: (?:vault|link|seal|NUMBER))?(?: KEY)?)", page("operations.md")
    )
    known = {"keys status", "keys rotate", "keys reseal", "keys retire", "dead list", "dead show", "dead replay"}
    assert known <= {" ".join(command.split()[:2]) for command in said}
    for words in [command.replace("NUMBER", "1").split() for command in said]:
        if " ".join(words[:2]) in known and len(words) > 2:
            parser("auth-svc").parse_args(words)


def test_settings_that_pages_name_exist() -> None:
    known = {name.upper() for settings in CLASSES.values() for name in settings.model_fields} | PLAIN.keys()
    elsewhere = {"TOKENSWITCH_TOKEN", "LOCAL_MONGO"}
    for name in PAGES[:3]:
        said = set(re.findall(r"`([A-Z]+(?:_[A-Z]+)+)(?:=\w+)?`", page(name)))
        assert said - known - elsewhere == set(), name


def test_how_long_keys_stay_is_what_the_command_does() -> None:
    days = {kind: after.days for kind, (after, _) in NEEDED_AFTER.items()}
    assert days == {"vault": 0, "link": 91, "seal": 31}


def test_the_redirect_addresses_are_those_of_the_program() -> None:
    text = page("entra-apps.md")
    assert f"`<PORTAL_URL>{CALLBACK}`" in text
    source = (ROOT / "services" / "auth-svc" / "auth_svc" / "settings.py").read_text()
    assert "{self.invite_url}/signin/return" in source and "`<INVITE_URL>/signin/return`" in text
