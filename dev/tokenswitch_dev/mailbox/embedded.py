"""The mailbox as a server for tests and programs: started as a process, asked through its API."""

from __future__ import annotations

import sys
from pathlib import Path

from tokenswitch_dev.mailbox.reader import MailReader
from tokenswitch_dev.stack.process import accepts
from tokenswitch_dev.stack.server import EmbeddedServer


class EmbeddedMailbox(EmbeddedServer, MailReader):
    """Beside what Mailpit does it refuses mails when told to."""

    def __init__(self, data_dir: Path, port: int, smtp_port: int, options: tuple[str, ...] = ()) -> None:
        super().__init__(data_dir, port)
        self.smtp_port = smtp_port
        self._options = options

    @property
    def url(self) -> str:
        return f"http://{self.address}"

    @property
    def smtp_url(self) -> str:
        return f"smtp://127.0.0.1:{self.smtp_port}"

    def prepare(self) -> None:
        self.data_dir.mkdir(parents=True, exist_ok=True)

    def command(self) -> list[str]:
        return [
            sys.executable,
            "-m",
            "tokenswitch_dev.mailbox",
            "--port",
            str(self.port),
            "--smtp-port",
            str(self.smtp_port),
            "--state",
            str(self.data_dir),
            *self._options,
        ]

    def ready(self) -> bool:
        return accepts(self.smtp_port) and accepts(self.port)

    def refuse(self, code: int, times: int = 0, recipient: str = "", delay: float = 0) -> None:
        """4xx: come again; 5xx: never. `times` 0 means until `heal`."""
        wanted = {"code": code, "times": times, "recipient": recipient, "delay": delay}
        self._ask("PUT", "/api/v1/fault", wanted)

    def heal(self) -> None:
        self._ask("DELETE", "/api/v1/fault")
