"""Answers on request, byte for byte: status, headers, body, a delay, another clock; for an endpoint and a tenant.

What stands between a client and Microsoft answers too: gateways, proxies, half-broken servers, and clocks that differ.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import count
from urllib.parse import parse_qs

from tokenswitch_dev.simulator.wire.calls import Answer, Call

ENDPOINTS = (
    "devicecode",
    "poll",
    "code",
    "refresh",
    "app",
    "discovery",
    "keys",
    "instance",
    "authorize",
    "graph",
    "any",
)
_GRANTS = {
    "urn:ietf:params:oauth:grant-type:device_code": "poll",
    "authorization_code": "code",
    "refresh_token": "refresh",
    "client_credentials": "app",
}
_PATHS = {
    "/oauth2/v2.0/devicecode": "devicecode",
    "/oauth2/v2.0/authorize": "authorize",
    "/.well-known/openid-configuration": "discovery",
    "/discovery/v2.0/keys": "keys",
    "/discovery/instance": "instance",
}


@dataclass(kw_only=True)
class RawAnswer:
    """What is answered instead of what the endpoint would say."""

    endpoint: str = "any"
    tenant: str = "*"
    """Its GUID; `*`: whatever it is, also none."""
    path: str = ""
    """What the address holds, such as `/organization`."""
    status: int | None = None
    """None: the endpoint itself answers, late or by another clock."""
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    delay: float = 0.0
    """Seconds."""
    clock_offset: float = 0.0
    """Seconds that Microsoft's clock is ahead: in the Date header, and in the times of a token."""
    times: int | None = None
    """How often; None: until it is taken back."""
    id: int = 0

    def matches(self, endpoint: str, tenant: str, path: str) -> bool:
        return self.endpoint in (endpoint, "any") and self.tenant in (tenant, "*") and self.path in path

    def answer(self) -> Answer | None:
        if self.status is None:
            return None
        headers = {name.lower(): value for name, value in self.headers.items()}
        kind = headers.pop("content-type", "application/json")
        return Answer(status=self.status, body=self.body, content_type=kind, headers=headers)


@dataclass
class RawAnswers:
    """Those asked for, the newest first; of this run only."""

    active: list[RawAnswer] = field(default_factory=list)
    _ids: count[int] = field(default_factory=lambda: count(1))

    def add(self, raw: RawAnswer) -> RawAnswer:
        raw.id = next(self._ids)
        self.active.insert(0, raw)
        return raw

    def remove(self, id: int | None = None) -> int:
        """One, or all."""
        before = len(self.active)
        self.active = [raw for raw in self.active if id is not None and raw.id != id]
        return before - len(self.active)

    def take(self, endpoint: str, tenant: str, path: str) -> RawAnswer | None:
        raw = next((raw for raw in self.active if raw.matches(endpoint, tenant, path)), None)
        if raw is not None and raw.times is not None:
            raw.times -= 1
            if raw.times <= 0:
                self.active.remove(raw)
        return raw


def endpoint_of(call: Call) -> str:
    """The endpoint that a call is for; empty where it is none of Microsoft's."""
    if call.path.startswith("/v1.0/"):
        return "graph"
    if call.path.endswith("/oauth2/v2.0/token"):
        return _GRANTS.get(_first(parse_qs(call.body.decode("utf-8", "replace")), "grant_type"), "")
    return next((name for end, name in _PATHS.items() if call.path.endswith(end)), "")


def _first(form: Mapping[str, list[str]], name: str) -> str:
    return form.get(name, [""])[0]
