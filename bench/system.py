"""A whole system as `make run` starts it, with data and ports of its own, for as long as a benchmark needs it."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from tokenswitch_dev.runner.ports import DEFAULTS
from tokenswitch_dev.stack.process import free_port

START_SECONDS = 180.0


@dataclass(frozen=True, slots=True)
class Running:
    ports: dict[str, int]
    home: Path
    process: subprocess.Popen[str]

    @property
    def portal(self) -> str:
        return f"http://127.0.0.1:{self.ports['PORT_PORTAL']}"

    @property
    def mailbox(self) -> str:
        return f"http://127.0.0.1:{self.ports['PORT_MAILBOX']}"

    @property
    def authority(self) -> str:
        return f"https://localhost:{self.ports['PORT_ENTRA']}"

    @property
    def ca_file(self) -> str:
        return str(self.home / "entra" / "ca.pem")

    def token(self, role: str) -> str:
        command = [sys.executable, "-m", "tokenswitch_dev.runner.token", role, "--authority", self.authority]
        made = subprocess.run([*command, "--ca-file", self.ca_file], capture_output=True, text=True, check=True)
        return made.stdout.strip()

    def service(self, name: str) -> psutil.Process:
        children = psutil.Process(self.process.pid).children(recursive=True)
        return next(child for child in children if f"{name}_svc" in child.cmdline())


@contextlib.contextmanager
def system(**settings: str) -> Iterator[Running]:
    with tempfile.TemporaryDirectory(prefix="tokenswitch-bench-") as folder:
        ports = {name: free_port() for name in DEFAULTS}
        environment = os.environ | {name: str(port) for name, port in ports.items()} | settings
        process = subprocess.Popen(
            [sys.executable, "-m", "tokenswitch_dev.runner"],
            env=environment | {"RUN_DIR": folder},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            _wait_until_it_runs(process)
            threading.Thread(target=_drain, args=(process,), daemon=True).start()
            yield Running(ports, Path(folder), process)
        finally:
            process.terminate()
            process.wait(60)


def _wait_until_it_runs(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("Tokenswitch runs"):
            return
    raise RuntimeError("the system did not start; `make run` says why")


def _drain(process: subprocess.Popen[str]) -> None:
    """What the services say goes through the runner, which a full pipe would stop."""
    assert process.stdout is not None
    for _ in process.stdout:
        pass
