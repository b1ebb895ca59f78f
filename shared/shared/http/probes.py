"""The routes that every service has (/healthz, /readyz, /metrics, /docs), and the quick 503 while MongoDB is away."""

from __future__ import annotations

import time

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.http import api_docs
from shared.http.middleware import PROBES
from shared.http.refusals import KnownAway
from shared.http.static_files import PREFIX
from shared.observability.health import Health
from shared.observability.metrics import HTTP_SECONDS

METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS")
EVENTS = ("/events", "/api/v1/events")
ALWAYS = PROBES | {"/docs", "/docs.css", "/openapi.json"}


def probes_router(health: Health) -> APIRouter:
    router = api_docs.router()

    async def alive() -> Response:
        return JSONResponse({"status": "alive"})

    async def ready() -> Response:
        return JSONResponse(health.report(), 200 if health.ready else 503)

    async def metrics() -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    for path, answer in (("/healthz", alive), ("/readyz", ready), ("/metrics", metrics)):
        router.add_api_route(path, answer, methods=["GET"], include_in_schema=False, response_model=None)
    return router


class MetricsMiddleware:
    """Middleware: how long each request took. Addresses hold ids and links: the declared route is what counts."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        begun, status = time.perf_counter(), 500

        async def seen(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, seen)
        finally:
            route = route_of(scope)
            if route not in EVENTS:  # a stream lasts as long as somebody looks
                taken = time.perf_counter() - begun
                HTTP_SECONDS.labels(_method(scope), route, status).observe(taken)


def route_of(scope: Scope) -> str:
    """The declared address, with the routers' prefixes, which the framework leaves out; `none` where none fits."""
    declared = getattr(scope.get("route"), "path", None)
    if declared is None:
        return "none"
    more = 0 if ":path}" in declared else scope["path"].count("/") - declared.count("/")
    return "".join(f"/{part}" for part in scope["path"].split("/")[1 : more + 1]) + str(declared)


def _method(scope: Scope) -> str:
    """Anybody may send any word as a method: others than these count as one."""
    return scope["method"] if scope["method"] in METHODS else "other"


class FailFast:
    """Middleware: while a part is known to be away, a request is told so at once instead of waiting for it."""

    def __init__(self, app: ASGIApp, health: Health, part: str) -> None:
        self._app, self._health, self._part = app, health, part

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        needed = scope["type"] == "http" and scope["path"] not in ALWAYS and not scope["path"].startswith(PREFIX)
        if needed and self._health.why(self._part):
            raise KnownAway(self._part)
        await self._app(scope, receive, send)
