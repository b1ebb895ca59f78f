"""The embedded MongoDB protocol server (SecantusDB on WiredTiger), for development and tests only."""

from __future__ import annotations

import socket
import struct
import sys
from collections.abc import Sequence
from pathlib import Path

from tokenswitch_dev.stack.server import EmbeddedServer

OP_MSG = 2013
PING = b"\x1e\x00\x00\x00\x10ping\x00\x01\x00\x00\x00\x02$db\x00\x06\x00\x00\x00admin\x00\x00"


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
    """`options`: further arguments of the server."""

    def __init__(self, data_dir: Path, port: int, options: Sequence[str] = ()) -> None:
        super().__init__(data_dir, port)
        self._options = tuple(options)

    @property
    def url(self) -> str:
        return f"mongodb://{self.address}"

    def prepare(self) -> None:
        (self.data_dir / "data").mkdir(parents=True, exist_ok=True)
        # Its own empty configuration: the server would otherwise take one that lies in a home directory.
        (self.data_dir / "secantusd.toml").touch()

    def command(self) -> list[str]:
        program = str(Path(sys.executable).parent / "secantusd-py")
        return [
            program,
            "--config",
            str(self.data_dir / "secantusd.toml"),
            "--host",
            "127.0.0.1",
            "--port",
            str(self.port),
            "--storage-path",
            str(self.data_dir / "data"),
            "--log-level",
            "WARNING",
            *self._options,
        ]

    def ready(self) -> bool:
        return answers_ping(self.port)
