"""make lock: every dependency by version and hash, a file per service and one for development."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
LOCKS = {
    "config-svc": ("shared", "services/config-svc"),
    "invite-svc": ("shared", "services/invite-svc"),
    "auth-svc": ("shared", "services/auth-svc"),
    "notify-svc": ("shared", "services/notify-svc"),
}
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


def project(package: str) -> dict[str, Any]:
    return dict(tomllib.loads((ROOT / package / "pyproject.toml").read_text())["project"])


def requirements(package: str) -> list[str]:
    """What it needs from elsewhere. Our own names are never asked for: anybody could register them."""
    found = project(package)
    extras = [need for needs in found.get("optional-dependencies", {}).values() for need in needs]
    return [need for need in found.get("dependencies", []) + extras if not need.startswith(OWN)]


def lock(name: str, needed: Iterable[str], constraint: Path | None) -> Path:
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


def main() -> None:
    every = tuple(dict.fromkeys(package for packages in LOCKS.values() for package in packages))
    everything = lock("dev", all_of(*every, "cli", "dev"), None)
    for name, packages in LOCKS.items():
        lock(name, all_of(*packages), everything)
    extras = project("dev")["optional-dependencies"]
    for name, wanted in EXTRAS.items():
        lock(name, [need for extra in wanted for need in extras[extra]], everything)


def all_of(*packages: str) -> list[str]:
    return [need for package in packages for need in requirements(package)]


if __name__ == "__main__":
    main()
