"""The https port: a bare ASGI application, so that thousands of polls cost little."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import replace
from email.utils import formatdate
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode

from tokenswitch_dev.simulator.control.api import control
from tokenswitch_dev.simulator.endpoints.discovery import instance_discovery, jwks, openid_configuration
from tokenswitch_dev.simulator.endpoints.graph import graph
from tokenswitch_dev.simulator.endpoints.token_endpoint import devicecode, token
from tokenswitch_dev.simulator.endpoints.userinfo import userinfo
from tokenswitch_dev.simulator.simulator import Simulator
from tokenswitch_dev.simulator.wire.calls import Answer, Call, answer
from tokenswitch_dev.simulator.wire.error_table import row

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Endpoint = Callable[[Simulator, Call], Answer]
LARGEST = 1_000_000
log = logging.getLogger(__name__)


def _to_pages(sim: Simulator, call: Call) -> Answer:
    """A browser that came to the machines' address goes on at the people's."""
    asked = urlencode(call.query)
    return Answer(status=302, headers={"location": f"{sim.options.pages}{call.path}?{asked}"})


def _error_page(_sim: Simulator, call: Call) -> Answer:
    error = row(call.query.get("code", ""))
    return answer({"code": call.query.get("code"), "message": error.text if error else "Unknown code"})


# After the tenant's segment of the path.
ENDPOINTS: dict[tuple[str, str], Endpoint] = {
    ("POST", "oauth2/v2.0/token"): token,
    ("POST", "oauth2/v2.0/devicecode"): devicecode,
    ("GET", "v2.0/.well-known/openid-configuration"): openid_configuration,
    ("GET", "discovery/v2.0/keys"): jwks,
    ("GET", "discovery/instance"): instance_discovery,
    ("GET", "oauth2/v2.0/authorize"): _to_pages,
    ("GET", "oauth2/v2.0/logout"): _to_pages,
}


def find(method: str, path: str) -> tuple[Endpoint | None, str]:
    """(endpoint, tenant segment)."""
    if path.startswith("/_sim/"):
        return control, ""
    if path.startswith("/v1.0/"):
        return graph, ""
    if path == "/oidc/userinfo":
        return userinfo, ""
    if path == "/error":
        return _error_page, ""
    tenant, _, rest = path.lstrip("/").partition("/")
    return ENDPOINTS.get((method, rest)), tenant


class Machines:
    def __init__(self, sim: Simulator) -> None:
        self.sim = sim

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        body = await _body(receive)
        path = re.sub(r"/{2,}", "/", unquote(scope["path"]))
        answered = self._handled(scope, path, body)
        if answered.delay:
            await asyncio.sleep(answered.delay)
        await _sent(answered, send)

    def _handled(self, scope: Message, path: str, body: bytes | None) -> Answer:
        if body is None:
            return answer({"error": "invalid_request", "error_description": "The body is too large."}, 413)
        endpoint, tenant = find(scope["method"], path)
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        query = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
        call = Call(method=scope["method"], path=path, query=query, headers=headers, body=body, tenant=tenant)
        if endpoint is control:
            return _guarded(self.sim, control, call)
        answered = self._answered(endpoint, call)
        self.sim.remember(call, answered.status)
        return answered

    def _answered(self, endpoint: Endpoint | None, call: Call) -> Answer:
        raw = self.sim.raw_answer(call)
        with self.sim.clock.ahead(raw.clock_offset if raw else 0.0):
            answered = raw.answer() if raw else None
            if answered is None:
                answered = _guarded(self.sim, endpoint, call) if endpoint else answer({"error": "not_found"}, 404)
            dated = {"date": formatdate(self.sim.clock.wall(), usegmt=True)} | answered.headers
        return replace(answered, headers=dated, delay=answered.delay + (raw.delay if raw else 0.0))


def _guarded(sim: Simulator, endpoint: Endpoint, call: Call) -> Answer:
    try:
        return endpoint(sim, call)
    except Exception:
        log.exception("the simulator failed at %s %s", call.method, call.path)
        return answer({"error": "server_error", "error_description": "The simulator failed; see its log."}, 500)


async def _body(receive: Receive) -> bytes | None:
    """None if it is larger than anything that belongs here."""
    parts, size, more = [], 0, True
    while more:
        message = await receive()
        part = message.get("body", b"")
        size += len(part)
        parts += [part] if size <= LARGEST else []
        more = message.get("more_body", False)
    return b"".join(parts) if size <= LARGEST else None


async def _sent(answered: Answer, send: Send) -> None:
    fixed = [(b"content-type", answered.content_type.encode()), (b"content-length", str(len(answered.body)).encode())]
    more = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in answered.headers.items()]
    await send({"type": "http.response.start", "status": answered.status, "headers": fixed + more})
    await send({"type": "http.response.body", "body": answered.body})
