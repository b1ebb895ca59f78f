"""Middleware: every request is a span, named by its route; recorded or not, its ids are those of logs and events."""

from __future__ import annotations

from opentelemetry.trace import SpanKind, get_current_span
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.http.probes import route_of
from shared.observability import tracing

QUIET = ("/healthz", "/readyz", "/metrics", "/static/")
"""Asked for all the time; they would drown the others."""


class TracingMiddleware:
    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        method, parent = scope["method"], tracing.context_of(Headers(scope=scope).get("traceparent"))
        if scope["path"].startswith(QUIET):
            span = get_current_span(parent)
        else:
            span = tracing.tracer.start_span(method, parent, SpanKind.SERVER, {"http.request.method": method})
        with tracing.Current(span if span.is_recording() else tracing.unrecorded(span)) as span:

            async def noting(message: Message) -> None:
                if message["type"] == "http.response.start":
                    span.set_attribute("http.response.status_code", message["status"])
                    if message["status"] >= 500:
                        tracing.fail(span, str(message["status"]))
                await send(message)

            await self._app(scope, receive, noting)
            span.update_name(f"{method} {(route := route_of(scope))}")
            span.set_attribute("http.route", route)
