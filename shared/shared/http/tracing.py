"""Middleware: every request has a trace; with tracing on it is a span, named by its route."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.http.probes import route_of
from shared.observability import tracing
from shared.observability.logs import new_trace, trace_reset, trace_set

QUIET = ("/healthz", "/readyz", "/metrics", "/static/")
"""Asked for all the time; they would drown the others."""


class Traced:
    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        parent = Headers(scope=scope).get("traceparent")
        if tracing.on() and not scope["path"].startswith(QUIET):
            return await self._span(scope, receive, send, parent)
        token = trace_set(new_trace(parent))
        try:
            await self._app(scope, receive, send)
        finally:
            trace_reset(token)

    async def _span(self, scope: Scope, receive: Receive, send: Send, parent: str | None) -> None:
        method = scope["method"]
        with tracing.span(method, "server", parent or tracing.ROOT, http__request__method=method) as made:

            async def noting(message: Message) -> None:
                if message["type"] == "http.response.start":
                    made.note(http__response__status_code=message["status"])
                    if message["status"] >= 500:
                        made.fail(str(message["status"]))
                await send(message)

            await self._app(scope, receive, noting)
            made.name(f"{method} {(route := route_of(scope))}")
            made.note(http__route=route)
