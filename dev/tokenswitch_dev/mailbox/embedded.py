"""The mailbox as a server for tests and programs: started as a process, asked through its API."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx

from tokenswitch_dev.stack.process import accepts
from tokenswitch_dev.stack.server import EmbeddedServer

TIMEOUT = 5.0


class NoMail(AssertionError):
    """The mail that was waited for did not come."""


class EmbeddedMailbox(EmbeddedServer):
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

    def messages(self, to: str = "") -> list[dict[str, Any]]:
        """Newest first; each with headers, Text and HTML, as Mailpit's API tells them."""
        path = f"/api/v1/search?query=to:{to}&limit=500" if to else "/api/v1/messages?limit=500"
        return [
            self._ask("GET", f"/api/v1/message/{mail['ID']}").json()
            for mail in self._ask("GET", path).json()["messages"]
        ]

    def wait_for(
        self, to: str = "", fits: Callable[[dict[str, Any]], bool] = lambda mail: True, timeout: float = 15
    ) -> dict[str, Any]:
        """The newest mail to this address that fits. It blocks: async tests call it by asyncio.to_thread."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            hits = [mail for mail in self.messages(to) if fits(mail)]
            if hits:
                return hits[0]
            time.sleep(0.05)
        raise NoMail(f"no such mail to {to or 'anybody'} within {timeout:.0f} s; there are {self.messages()}")

    def refuse(self, code: int, times: int = 0, recipient: str = "", delay: float = 0) -> None:
        """4xx: come again; 5xx: never. `times` 0 means until `heal`."""
        wanted = {"code": code, "times": times, "recipient": recipient, "delay": delay}
        self._ask("PUT", "/api/v1/fault", wanted)

    def heal(self) -> None:
        self._ask("DELETE", "/api/v1/fault")

    def reset(self) -> None:
        self.heal()
        self._ask("DELETE", "/api/v1/messages")

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> httpx.Response:
        return self._client.request(method, self.url + path, json=body).raise_for_status()

    @cached_property
    def _client(self) -> httpx.Client:
        """One for all questions: to make one costs more than to ask."""
        return httpx.Client(timeout=TIMEOUT, trust_env=False)
