"""A service stands in one list, tokenswitch_dev/services.py. Files that cannot read it are compared with it here: each
line that one of them lacks is named, so that the list of what a new service needs is what this test says."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import get_args

from shared.contracts import events
from tokenswitch_dev.runner.ports import DEFAULTS
from tokenswitch_dev.services import SERVICES, Service

ROOT = Path(__file__).resolve().parents[2]
KUBERNETES = "deploy/kubernetes"
FIFTH = Service(key="report", face="the reports", port=8004, port_variable="PORT_REPORT", keys=("link.json",))

OF_EACH = {
    "docker-compose.yml": (
        "\n  {name}:\n",
        "image: tokenswitch/{name}\n",
        'volumes: ["keys-{key}:/keys:ro"]',
        "- keys-{key}:/keys/{key}\n",
        "keys-{key}: {{}}",
    ),
    "docker-compose.prod.yml": (
        "\n  {name}:\n",
        "image: ${{REGISTRY:-tokenswitch}}/{name}:${{VERSION:-latest}}\n",
        "KAFKA_USERNAME: ${{KAFKA_USERNAME_{KEY}:-{name}}}",
        "MONGO_USERNAME: ${{MONGO_USERNAME_{KEY}:-tokenswitch-{key}}}",
        'kafka-password-{key}: {{file: "',
        'mongo-password-{key}: {{file: "',
    ),
    "deploy/trial/docker-compose.trial.yml": ("\n  {name}:", "{KEY}_PASSWORD=$$(password {key})"),
    f"{KUBERNETES}/base/deployments.yaml": ("\n  name: {name}\n", "image: tokenswitch/{name}\n"),
    f"{KUBERNETES}/base/services.yaml": ("\n  name: {name}\n",),
    f"{KUBERNETES}/base/disruption.yaml": ("app.kubernetes.io/name: {name}",),
    f"{KUBERNETES}/autoscaling/scaled.yaml": ("scaleTargetRef: {{name: {name}}}",),
    f"{KUBERNETES}/overlays/example/kustomization.yaml": ("{{name: tokenswitch/{name}, newName:",),
    "dev/pyproject.toml": ('"tokenswitch-{name}",', 'tokenswitch-{name} = ["{module}"]'),
    "pyproject.toml": ('containers = ["{module}"]',),
    "Makefile": ("{port_variable} {port}",),
    "services/{name}/pyproject.toml": ('name = "tokenswitch-{name}"', 'packages = ["{module}"]'),
    "services/{name}/{module}/__main__.py": (),
    "services/{name}/{module}/settings.py": ("class {Key}Settings(",),
    "requirements/{name}.txt": (),
    "docs/architecture.md": ("| {name} |",),
}
"""What a file says of each service, once for each."""

OF_ALL = {
    "Dockerfile": "for folder in {keys} all; do",
    "deploy/kafka-acls.sh": "for service in {keys}; do",
    "deploy/mongo-users.js": "for (const service of [{quoted keys}])",
    "deploy/trial/docker-compose.trial.yml": "for service in {keys}; do",
}
"""What a file says of all together, in the order of the list."""


def missing(services: Sequence[Service]) -> list[str]:
    """`<file> lacks: <line>` for each line that the files lack of these services."""
    return [
        f"{file} lacks: {line.strip()}" if line else f"{file} is missing"
        for file, line in _wanted(services)
        if not (ROOT / file).exists() or line not in (ROOT / file).read_text()
    ] + _missing_in_code(services)


def _wanted(services: Sequence[Service]) -> Iterator[tuple[str, str]]:
    for service in services:
        words = {
            "name": service.name,
            "key": service.key,
            "KEY": service.key.upper(),
            "Key": service.key.title(),
            "module": service.module,
            "port": service.port,
            "port_variable": service.port_variable,
        }
        for file, lines in OF_EACH.items():
            for line in lines or ("",):
                yield file.format(**words), line.format(**words)
    keys = [service.key for service in services]
    for file, line in OF_ALL.items():
        yield file, line.format(**{"keys": " ".join(keys), "quoted keys": ", ".join(f'"{key}"' for key in keys)})


def _missing_in_code(services: Sequence[Service]) -> list[str]:
    tools = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]
    folders = [f"services/{service.name}" for service in services]
    known = {
        "pyproject.toml, ruff's src": (tools["ruff"]["src"], folders),
        "pyproject.toml, mypy_path": (tools["mypy"]["mypy_path"].split(":"), folders),
        "pyproject.toml, root_packages": (tools["importlinter"]["root_packages"], [one.module for one in services]),
        "shared.contracts.events.Service": (get_args(events.Service), [one.key for one in services]),
    }
    return [f"{where} lacks: {name}" for where, (there, names) in known.items() for name in names if name not in there]


def test_every_file_says_all_services() -> None:
    lines = missing(SERVICES)
    assert not lines, "\n".join(lines)


def test_of_a_fifth_service_every_line_that_is_to_be_written_is_named() -> None:
    named = missing([*SERVICES, FIFTH])
    places = {re.split(" lacks: | is missing", line)[0] for line in named}
    assert places >= {file.format(name="report-svc", module="report_svc") for file in (*OF_EACH, *OF_ALL)}
    assert "deploy/kafka-acls.sh lacks: for service in config invite auth notify report; do" in named
    assert "services/report-svc/report_svc/__main__.py is missing" in named
    assert "docker-compose.yml lacks: image: tokenswitch/report-svc" in named
    assert "pyproject.toml, mypy_path lacks: services/report-svc" in named
    assert "shared.contracts.events.Service lacks: report" in named


def test_the_list_of_make_says_the_ports_as_they_are() -> None:
    said = dict(re.findall(r"(PORT_[A-Z_]+) (\d+)", (ROOT / "Makefile").read_text()))
    assert said == {name: str(port) for name, (port, _) in DEFAULTS.items()}
