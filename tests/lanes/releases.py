"""The whole system with services of a release before this one, taken from git, and those of this tree beside them."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from tests.system import SERVICES, WholeSystem
from tokenswitch_dev.runner.gateway import Address
from tokenswitch_dev.stack.process import answers_ok, free_port

RELEASE = os.environ.get("LANE_RELEASE", "v0.2.0")
ROOT = Path(__file__).parents[2]
PACKAGES = ("shared", *(f"services/{service}" for service in SERVICES))


class AcrossReleases(WholeSystem):
    """`release`: the services as programs of the release; `heads`: the same of this tree, each on a port of its own."""

    def __init__(self, home: Path) -> None:
        super().__init__(home)
        self._paths = checked_out(home / "release")
        self.heads: dict[str, str] = {}
        for service in SERVICES:
            program = self.programs[service]
            self._plan_head(service)
            self.programs[service] = replace(program, env={**program.env, "PYTHONPATH": self._paths})

    def _plan_head(self, service: str) -> None:
        port, name = free_port(), f"{service}-head"
        program = self.programs[service]
        env = {**program.env, "PORT": str(port)}
        self.programs[name] = replace(program, name=name, env=env, ready=lambda: answers_ok(port, "/readyz"))
        self.heads[service] = name

    def addresses(self, *names: str) -> list[Address]:
        """Of those that run."""
        return [("127.0.0.1", int(self.programs[name].env["PORT"])) for name in names if self._runs(name)]

    def origin(self, name: str) -> Path:
        """The file that a program's package is imported from."""
        module = self.programs[name].prepare()[-1]
        told = subprocess.run(
            [sys.executable, "-c", f"import {module}; print({module}.__file__)"],
            env=os.environ | dict(self.programs[name].env),
            capture_output=True,
            text=True,
            check=True,
        )
        return Path(told.stdout.strip())


def checked_out(folder: Path) -> str:
    """The release's packages, as a PYTHONPATH: it comes before those of this tree."""
    folder.mkdir()
    archive = subprocess.run(["git", "-C", ROOT, "archive", RELEASE, "--", *PACKAGES], capture_output=True, check=False)
    if archive.returncode:
        raise RuntimeError(f"git does not know {RELEASE}; fetch its tags, or name another release in LANE_RELEASE")
    subprocess.run(["tar", "-x", "-C", folder], input=archive.stdout, check=True)
    return os.pathsep.join(str(folder / package) for package in PACKAGES)
