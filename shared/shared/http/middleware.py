"""What stands before every request: security headers, body limit, host check."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.http.client_address import LOOPBACK
from shared.http.problems import problem
from shared.http.static_files import IMMUTABLE, PREFIX

CONTENT_SECURITY_POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; frame-ancestors 'none'; "
    "form-action 'self'; base-uri 'none'; object-src 'none'"
)
PICTURE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
"""For an SVG opened by its own address: it is a document then, and may do nothing."""
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex, nofollow",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
FRAMED = {
    "Content-Security-Policy": "sandbox; default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'self'",
    "X-Frame-Options": "SAMEORIGIN",
}
"""For a document that one of our own pages shows in a frame, such as a mail: it may look as it likes and do nothing."""
_FRAME_POLICY = (b"content-security-policy", FRAMED["Content-Security-Policy"].encode())
HSTS = "max-age=31536000"
MAX_BYTES = 65536
BODY_SECONDS = 20.0
PROBES = frozenset({"/healthz", "/readyz", "/metrics"})


def is_https(public_url: str | None) -> bool:
    return (public_url or "").lower().startswith("https://")


def _raw(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    """As ASGI carries them."""
    return [(name.lower().encode(), value.encode()) for name, value in headers.items()]


class SecurityHeaders:
    """Sets the headers on every answer, also on those of errors: put it outside of everything else."""

    def __init__(self, app: ASGIApp, public_url: str | None = None) -> None:
        self._app = app
        headers = {**HEADERS, **({"Strict-Transport-Security": HSTS} if is_https(public_url) else {})}
        self._usual, self._framed = _raw(headers), _raw({**headers, **FRAMED})
        self._names = {name for name, _ in self._usual}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._set(message, scope["path"])
            await send(message)

        await self._app(scope, receive, send_with_headers)

    def _set(self, message: Message, path: str) -> None:
        own = message["headers"]
        usual = self._framed if _FRAME_POLICY in own else self._usual
        message["headers"] = [*(pair for pair in own if pair[0] not in self._names), *usual]
        headers = MutableHeaders(scope=message)
        if path.startswith(PREFIX) and headers.get("Content-Type", "").startswith("image/"):
            headers["Content-Security-Policy"] = PICTURE_POLICY
        if not (path.startswith(PREFIX) and headers.get("Cache-Control") == IMMUTABLE):
            headers["Cache-Control"] = "no-store"


@dataclass(kw_only=True)
class _Meter:
    """One request's body as it is read, and whether the answer has begun."""

    limit: int
    """Bytes at most."""
    ends: float
    """When it must be here, on the loop's clock."""
    receive: Receive
    send: Send
    read: int = 0
    whole: bool = False
    late: bool = False
    started: bool = False

    @property
    def exceeded(self) -> bool:
        return self.read > self.limit

    @property
    def cut(self) -> bool:
        return self.exceeded or self.late

    async def receive_counted(self) -> Message:
        if self.cut:
            return {"type": "http.disconnect"}
        message = await self._next()
        self.read += len(message.get("body", b""))
        self.whole = self.whole or not message.get("more_body", False)
        return {"type": "http.disconnect"} if self.cut else message

    async def _next(self) -> Message:
        """After the body comes only the end of the connection, which may take as long as it likes."""
        if self.whole:
            return await self.receive()
        try:
            async with asyncio.timeout_at(self.ends):
                return await self.receive()
        except TimeoutError:
            self.late = True
            return {"type": "http.disconnect"}

    async def send_unless_cut(self, message: Message) -> None:
        if self.cut and not self.started:
            return
        self.started = True
        await self.send(message)


class BodyLimit:
    """Refuses a body over the limit with 413: by its stated length before reading, else while reading. One that does
    not come in time is 408."""

    def __init__(
        self,
        app: ASGIApp,
        max_bytes: int = MAX_BYTES,
        seconds: float = BODY_SECONDS,
        larger: Mapping[str, int] | None = None,
    ) -> None:
        """`larger`: paths that take larger bodies (whole files), and how large."""
        self._app = app
        self._max_bytes, self._seconds, self._larger = max_bytes, seconds, larger or {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif self._stated(scope) > self._most(scope):
            await self._refuse(scope, receive, send)
        else:
            await self._metered(scope, receive, send)

    async def _metered(self, scope: Scope, receive: Receive, send: Send) -> None:
        ends = asyncio.get_running_loop().time() + self._seconds
        meter = _Meter(limit=self._most(scope), ends=ends, receive=receive, send=send)
        try:
            await self._app(scope, meter.receive_counted, meter.send_unless_cut)
        except Exception:
            # The application was cut off in the middle of reading; what it makes of that is our doing.
            if not meter.cut or meter.started:
                raise
        if meter.cut and not meter.started:
            await (self._too_late if meter.late else self._refuse)(scope, receive, send)

    def _most(self, scope: Scope) -> int:
        return self._larger.get(scope["path"], self._max_bytes)

    def _stated(self, scope: Scope) -> int:
        length = Headers(scope=scope).get("content-length", "0")
        return int(length) if length.isascii() and length.isdigit() else 0

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        detail = f"The body may have {self._most(scope)} bytes at most. Send less."
        await self._hang_up(problem(413, "body_too_large", detail), scope, receive, send)

    async def _too_late(self, scope: Scope, receive: Receive, send: Send) -> None:
        detail = f"The body must be here within {self._seconds:g} seconds. Send it again."
        await self._hang_up(problem(408, "body_too_slow", detail), scope, receive, send)

    async def _hang_up(self, answer: Response, scope: Scope, receive: Receive, send: Send) -> None:
        # The rest of the body is still on its way: without this the next request would begin with it.
        answer.headers["Connection"] = "close"
        await answer(scope, receive, send)


def allowed_hosts(public_url: str) -> tuple[str, ...]:
    """The host names that a request may carry: the public URL's; on one machine all names of that machine."""
    host = urlsplit(public_url).hostname
    if not host:
        raise ValueError(f"{public_url!r} is not a URL; give one like https://portal.example.com")
    return LOOPBACK if host in LOOPBACK else (host,)


class TrustedHost:
    """Refuses requests made under another host name (DNS rebinding); probes come by address and may."""

    def __init__(self, app: ASGIApp, hosts: Iterable[str]) -> None:
        self._app = app
        self._hosts = frozenset(hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in PROBES or self._host(scope) in self._hosts:
            await self._app(scope, receive, send)
            return
        detail = "This service is not known under the host name of the request. Use its public address."
        await problem(400, "unknown_host", detail)(scope, receive, send)

    def _host(self, scope: Scope) -> str | None:
        try:
            return urlsplit("//" + Headers(scope=scope).get("host", "")).hostname
        except ValueError:
            return None
