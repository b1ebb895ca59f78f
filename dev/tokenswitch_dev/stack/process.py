"""Child processes that never outlive their parent: a group of their own, stopped gently, then firmly."""

from __future__ import annotations

import contextlib
import ctypes
import http.client
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

PR_SET_PDEATHSIG = 1
GRACE_SECONDS = 8.0
SERVER_PORTS = (11_000, 32_000)


class StartFailed(RuntimeError):
    """A server did not come up; the message says what it said last."""


def die_with_parent() -> Callable[[], None] | None:
    """What a child does before exec so that a kill -9 of its parent ends it too (Linux; elsewhere nothing).

    The kernel ties this to the thread that forks: spawn from one that lives as long as the child should.
    """
    if sys.platform != "linux":
        return None
    prctl, parent = ctypes.CDLL(None).prctl, os.getpid()

    def ask() -> None:
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os.kill(os.getpid(), signal.SIGKILL)

    return ask


def signal_group(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def free_port() -> int:
    """Below the range that outgoing connections take theirs from: nobody gets it between now and its use."""
    for _ in range(200):
        if port_is_free(port := random.randrange(*SERVER_PORTS)):
            return port
    raise StartFailed(f"no free port between {SERVER_PORTS[0]} and {SERVER_PORTS[1]}")


def port_is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def accepts(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def answers_ok(port: int, path: str) -> bool:
    """Does this machine's port answer 200 there? Plain and cheap, since it is asked ten times a second."""
    asking = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        asking.request("GET", path)
        return asking.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        asking.close()


def tail(path: Path, lines: int = 12) -> str:
    if not path.exists():
        return ""
    return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])


@dataclass
class Child:
    """One running program whose output goes to a file."""

    argv: Sequence[str]
    log: Path
    env: Mapping[str, str] | None = None
    """Its whole environment; None: ours."""
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def start(self) -> None:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(
                list(self.argv),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                env=self.env,
                start_new_session=True,
                preexec_fn=die_with_parent(),
            )

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    @property
    def pid(self) -> int:
        if self.process is None:
            raise RuntimeError(f"{self.argv[0]} was not started")
        return self.process.pid

    def wait_until(self, ready: Callable[[], bool], timeout: float) -> None:
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if not self.running:
                raise StartFailed(f"{self.argv[0]} ended at once; its last lines ({self.log}):\n{tail(self.log)}")
            if ready():
                return
            time.sleep(0.03)
        raise StartFailed(f"{self.argv[0]} was not ready in {timeout:.0f} s ({self.log}):\n{tail(self.log)}")

    def stop(self, grace: float = GRACE_SECONDS) -> None:
        """SIGTERM (a frozen one is thawed first), after the grace SIGKILL; nothing of its group is left."""
        if self.process is None:
            return
        signal_group(self.pid, signal.SIGCONT)
        signal_group(self.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(grace)
        self.kill()

    def kill(self) -> None:
        """kill -9 of the whole group."""
        if self.process is None:
            return
        signal_group(self.pid, signal.SIGKILL)
        self.process.wait()
        self.process = None

    def freeze(self) -> None:
        signal_group(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        signal_group(self.pid, signal.SIGCONT)
