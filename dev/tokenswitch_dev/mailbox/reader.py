"""Reads a mailbox by Mailpit's API: our own, or a Mailpit that runs somewhere."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import cached_property
from typing import Any

import httpx

TIMEOUT_SECONDS = 20.0


class NoMail(AssertionError):
    """The mail that was waited for did not come."""


class MailReader(ABC):
    """Where mails go in is `smtp_url`, where they are read `url`."""

    @property
    @abstractmethod
    def url(self) -> str:
        """Like http://127.0.0.1:8025: the page, and the API below it."""

    @property
    @abstractmethod
    def smtp_url(self) -> str:
        """Like smtp://127.0.0.1:1025."""

    def messages(self, to: str = "") -> list[dict[str, Any]]:
        """Newest first; each with headers, Text and HTML, as Mailpit's API tells them."""
        path, query = ("search", {"query": f'to:"{to}"'}) if to else ("messages", {})
        listed = self._ask("GET", f"/api/v1/{path}", params={**query, "limit": "500"}).json()["messages"]
        return [self._ask("GET", f"/api/v1/message/{mail['ID']}").json() for mail in listed]

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

    def clear(self) -> None:
        """Every mail goes, whoever it was for."""
        self._ask("DELETE", "/api/v1/messages")

    def _ask(
        self, method: str, path: str, body: dict[str, Any] | None = None, params: dict[str, str] | None = None
    ) -> httpx.Response:
        return self._client.request(method, self.url + path, json=body, params=params).raise_for_status()

    @cached_property
    def _client(self) -> httpx.Client:
        """One for all questions: to make one costs more than to ask."""
        return httpx.Client(timeout=TIMEOUT_SECONDS, trust_env=False)
