"""make lock: every dependency by version and hash, a file per service and one for development."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tokenswitch_dev.services import SERVICES

ROOT = Path(__file__).resolve().parent.parent
EXTRAS = {"simulator": ("simulator",), "build": ("image",)}
"""Locks of some of dev's extras alone: what an image needs."""
OWN = "tokenswitch-"
OPTIONS = (
    "--universal",
    "--python-version",
    "3.11",
    "--generate-hashes",
    "--no-header",
    "--no-annotate",
    "--no-emit-index-url",
    "--no-emit-find-links",
    "--quiet",
)


def main() -> None:
    services = [f"services/{service.name}" for service in SERVICES]
    everything = lock("dev", all_of("shared", *services, "cli", "dev"), None)
    for service in SERVICES:
        lock(service.name, all_of("shared", f"services/{service.name}"), everything)
    extras = project("dev")["optional-dependencies"]
    for name, wanted in EXTRAS.items():
        lock(name, [need for extra in wanted for need in extras[extra]], everything)


def all_of(*packages: str) -> list[str]:
    return [need for package in packages for need in requirements(package)]


def requirements(package: str) -> list[str]:
    """What it needs from elsewhere. Our own names are never asked for: anybody could register them."""
    metadata = project(package)
    extras = [need for needs in metadata.get("optional-dependencies", {}).values() for need in needs]
    return [need for need in metadata.get("dependencies", []) + extras if not need.startswith(OWN)]


def project(package: str) -> dict[str, Any]:
    return dict(tomllib.loads((ROOT / package / "pyproject.toml").read_text())["project"])


def lock(name: str, needed: Iterable[str], constraint: Path | None) -> Path:
    """Versions that are locked already stay, unless they no longer fit."""
    needs = "\n".join(sorted(set(needed)))
    target = ROOT / "requirements" / f"{name}.txt"
    target.parent.mkdir(exist_ok=True)
    uv = Path(sys.executable).parent / "uv"
    same = ["--constraint", str(constraint)] if constraint else []
    command = [str(uv), "pip", "compile", "-", *OPTIONS, *same, "--output-file", str(target)]
    subprocess.run(command, input=needs, text=True, check=True, stdout=subprocess.DEVNULL)
    if "://" in target.read_text():
        raise SystemExit(f"{target} names an address; it must not")
    return target


if __name__ == "__main__":
    main()
