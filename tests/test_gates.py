"""Each gate of `make check` is seen to fail: a fault is planted in a copy of the tree, and its gate alone names it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
PRODUCT = ("shared", "services", "cli", "dev")
GATES = ("check-style", "check-layers", "check-dead-code", "check-dependencies")
"""Those that take a second; check-types takes ten, so it looks only where the fault is one of types."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """`package` is the only one that is looked at, except by check-layers; `planted`: what is added to which file."""

    gate: str
    package: str
    planted: Mapping[str, str]
    named: str


FAULTS = {
    "a dead function": Fault(
        gate="check-dead-code",
        package="cli",
        planted={"cli/tokenswitch_cli/output.py": "\n\ndef nobody_calls_this() -> None:\n    print()\n"},
        named="unused function 'nobody_calls_this'",
    ),
    "an unused dependency": Fault(
        gate="check-dependencies",
        package="cli",
        planted={"cli/pyproject.toml": '\n[project.optional-dependencies]\nplanted = ["pyyaml"]\n'},
        named="'pyyaml' defined as a dependency but not used",
    ),
    "an undeclared import": Fault(
        gate="check-dependencies",
        package="cli",
        planted={"cli/tokenswitch_cli/__init__.py": "\nimport yaml\n\nprint(yaml)\n"},
        named="'yaml' imported but it is a transitive dependency",
    ),
    "the store uses the web": Fault(
        gate="check-layers",
        package="cli",
        planted={"shared/shared/store/__init__.py": "\nfrom shared.web import pages\n\nprint(pages)\n"},
        named="shared.store -> shared.web.pages",
    ),
    "a rule uses the API": Fault(
        gate="check-layers",
        package="cli",
        planted={"services/config-svc/config_svc/domain/__init__.py": "\nfrom config_svc import api\n\nprint(api)\n"},
        named="config_svc.domain -> config_svc.api",
    ),
    "the API uses the pages": Fault(
        gate="check-layers",
        package="cli",
        planted={"services/config-svc/config_svc/api/__init__.py": "\nfrom config_svc import pages\n\nprint(pages)\n"},
        named="config_svc.api -> config_svc.pages",
    ),
    "a service uses another": Fault(
        gate="check-layers",
        package="cli",
        planted={"services/invite-svc/invite_svc/__init__.py": "\nimport auth_svc\n\nprint(auth_svc)\n"},
        named="invite_svc -> auth_svc",
    ),
    "an untyped call": Fault(
        gate="check-types",
        package="cli",
        planted={
            "cli/tokenswitch_cli/errors.py": "\n\ndef untyped():  # type: ignore[no-untyped-def]\n    print()\n",
            "cli/tokenswitch_cli/__init__.py": "\nfrom tokenswitch_cli.errors import untyped\n\nuntyped()\n",
        },
        named='Call to untyped function "untyped"',
    ),
}


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for package in PRODUCT:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__", "static"))
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def check(copy: Path, gate: str, package: str) -> subprocess.CompletedProcess[str]:
    """The gate as the Makefile has it, on one package, with this environment's tools on the copy's sources."""
    paths = [copy / "shared", copy / "cli", copy / "dev", *(copy / "services").glob("*-svc")]
    tools = Path(sys.executable).parent
    only = [f"{name}={package}" for name in ("PRODUCT", "CHECKED", "PACKAGES")]
    return subprocess.run(
        ["make", "-C", str(copy), "--old-file=env", gate, f"BIN={tools}", *only],
        capture_output=True,
        text=True,
        timeout=60,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": ":".join(map(str, paths)), "COLUMNS": "200"},
    )


@pytest.mark.parametrize("kind", FAULTS)
def test_a_planted_fault_is_named_by_its_gate_alone(kind: str, copy: Path) -> None:
    fault = FAULTS[kind]
    for name, more in fault.planted.items():
        with (copy / name).open("a") as file:
            file.write(more)
    gates = {gate: check(copy, gate, fault.package) for gate in {*GATES, fault.gate}}
    assert {gate for gate, done in gates.items() if done.returncode} == {fault.gate}
    assert fault.named in gates[fault.gate].stdout + gates[fault.gate].stderr


def test_a_commit_is_kept_by_the_same_gates() -> None:
    (repository,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    (gates,) = re.findall(r"^GATES := (.+)$", (ROOT / "Makefile").read_text(), re.M)
    assert [hook["entry"] for hook in repository["hooks"]] == [f"make {gate}" for gate in gates.split()]
    assert {(hook["language"], hook["pass_filenames"]) for hook in repository["hooks"]} == {("system", False)}
