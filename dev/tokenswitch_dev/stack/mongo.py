"""The MongoDB-compatible server of development and tests: the embedded one, or secantusd-rs where it is installed."""

from __future__ import annotations

import os
import shutil
import socket
import struct
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path

from tokenswitch_dev.stack.process import StartFailed
from tokenswitch_dev.stack.server import EmbeddedServer

LOCAL_MONGO, EMBEDDED, SECANTUSD = "LOCAL_MONGO", "embedded", "secantusd-rs"
TOOLS = Path(__file__).resolve().parents[3] / ".tools" / "bin"
"""Where `make mongo` builds it."""
VERSION_SECONDS = 10.0
EMBEDDED_DATA = "data"
OP_MSG = 2013
PING = b"\x1e\x00\x00\x00\x10ping\x00\x01\x00\x00\x00\x02$db\x00\x06\x00\x00\x00admin\x00\x00"


@dataclass(frozen=True, slots=True)
class MongoProgram:
    """One of the two servers, which take the same options."""

    command: tuple[str, ...]
    """What starts it, without options."""
    name: str
    """With its version, as it is said to people."""
    folder: str
    """Where its data lie: the embedded one finds nothing in what the other has written."""


def mongo_program(environment: Mapping[str, str] = os.environ) -> MongoProgram:
    """What LOCAL_MONGO names; else secantusd-rs where it is on the PATH or in `.tools`, else the embedded one.

    Raises: StartFailed, with what to do.
    """
    wanted = environment.get(LOCAL_MONGO, "")
    if wanted not in ("", EMBEDDED, SECANTUSD):
        raise StartFailed(f"{LOCAL_MONGO}={wanted}: there are {EMBEDDED} and {SECANTUSD}")
    found = shutil.which(SECANTUSD, path=os.pathsep.join((environment.get("PATH", ""), str(TOOLS))))
    if wanted == SECANTUSD and found is None:
        raise StartFailed(f"{SECANTUSD} is neither on the PATH nor in {TOOLS}: build it by `make mongo`")
    if wanted == EMBEDDED or found is None:
        program = (sys.executable, "-m", "tokenswitch_dev.stack.mongo_server")
        return MongoProgram(program, f"{EMBEDDED} (SecantusDB {metadata.version('secantusdb')})", EMBEDDED_DATA)
    return MongoProgram((found,), _name_and_version(found), SECANTUSD)


@cache
def _name_and_version(program: str) -> str:
    """The first line of what it says to --version, such as `secantusd-rs 0.5.3`."""
    try:
        said = subprocess.run([program, "--version"], capture_output=True, check=True, timeout=VERSION_SECONDS)
    except (OSError, subprocess.SubprocessError) as wrong:
        raise StartFailed(f"{program} does not run ({wrong}): build it anew by `make mongo`") from wrong
    return said.stdout.decode(errors="replace").partition("\n")[0]


def answers_ping(port: int) -> bool:
    """One OP_MSG `ping`: an open port alone does not prove that the storage is recovered."""
    body = struct.pack("<iB", 0, 0) + PING
    message = struct.pack("<iiii", 16 + len(body), 1, 0, OP_MSG) + body
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as wire:
            wire.settimeout(1)
            wire.sendall(message)
            return len(wire.recv(16)) == 16
    except OSError:
        return False


class EmbeddedMongo(EmbeddedServer):
    """Where the embedded server's data lie already, and LOCAL_MONGO says nothing, it goes on with them.

    `options`: further arguments of the server.
    """

    def __init__(self, data_dir: Path, port: int, options: Sequence[str] = ()) -> None:
        super().__init__(data_dir, port)
        begun = (data_dir / EMBEDDED_DATA).exists() and not (data_dir / SECANTUSD).exists()
        self.program = mongo_program({LOCAL_MONGO: EMBEDDED, **os.environ} if begun else os.environ)
        self._options = tuple(options)

    @property
    def url(self) -> str:
        return f"mongodb://{self.address}"

    @property
    def _data(self) -> Path:
        return self.data_dir / self.program.folder

    def prepare(self) -> None:
        self._data.mkdir(parents=True, exist_ok=True)
        # Its own empty configuration: the server would otherwise take one that lies in a home directory.
        (self.data_dir / "secantusd.toml").touch()

    def command(self) -> list[str]:
        return [
            *self.program.command,
            "--config",
            str(self.data_dir / "secantusd.toml"),
            "--host",
            "127.0.0.1",
            "--port",
            str(self.port),
            "--storage-path",
            str(self._data),
            "--cache-size",
            "1G",
            "--log-level",
            "WARNING",
            *self._options,
        ]

    def ready(self) -> bool:
        return answers_ping(self.port)
