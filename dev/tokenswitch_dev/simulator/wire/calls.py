"""A request and an answer as the endpoints see them, free of any web framework."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl


@dataclass(frozen=True, kw_only=True)
class Call:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes = b""
    tenant: str = ""

    @cached_property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True))

    def json(self) -> dict[str, Any]:
        try:
            value = json.loads(self.body or b"{}")
        except ValueError:
            return {}
        return value if isinstance(value, dict) else {}

    @property
    def bearer(self) -> str:
        scheme, _, token = self.headers.get("authorization", "").partition(" ")
        return token.strip() if scheme.lower() == "bearer" else ""


@dataclass(frozen=True, kw_only=True)
class Answer:
    status: int
    body: bytes = b""
    content_type: str = "application/json; charset=utf-8"
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0


def answer(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Answer:
    return Answer(status=status, body=json.dumps(value).encode(), headers=headers or {})


def html(text: str, status: int = 200) -> Answer:
    return Answer(status=status, body=text.encode(), content_type="text/html; charset=utf-8")


def redirect(address: str) -> Answer:
    return Answer(status=303, headers={"location": address})
