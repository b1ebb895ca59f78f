"""The events for other programs: AsyncAPI, a JSON Schema each, and both as one readable page. Public, like /docs."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from shared.contracts.cloudevents import encode
from shared.contracts.events import REGISTRY
from shared.contracts.schemas import about, asyncapi, document, example, headers
from shared.domain.rules import Refused
from shared.http.api_docs import event_page


class EventDocs:
    """`topic`: as this system's is called."""

    def __init__(self, topic: str) -> None:
        self._topic = topic

    def router(self) -> APIRouter:
        routes = APIRouter(include_in_schema=False)
        for path, answer in (
            ("/docs/events", self.page),
            ("/asyncapi.json", self.asyncapi),
            ("/schemas/{name}/{version}", self.schema),
        ):
            routes.add_api_route(path, answer, methods=["GET"], response_model=None)
        return routes

    async def page(self) -> Response:
        return event_page(self._topic, _kinds())

    async def asyncapi(self) -> Response:
        return JSONResponse(asyncapi(self._topic))

    async def schema(self, request: Request) -> Response:
        name, version = (request.path_params[part] for part in ("name", "version"))
        kind: Any = REGISTRY.get(name)
        if kind is None or str(kind.version) != version:
            raise Refused("event_unknown", "There is no such event or version; look at /docs/events.", status=404)
        return JSONResponse(document(kind), media_type="application/schema+json")


@cache
def _kinds() -> list[dict[str, Any]]:
    """Made once: the page is open to everybody."""
    return [
        {
            "name": kind.name,
            "by": f"{kind.by}-svc",
            "about": about(kind),
            "version": kind.version,
            "schema": document(kind),
            "headers": headers(kind),
            "sealed": sorted(kind.sealed_fields),
            "example": json.dumps(json.loads(encode(example(kind))), indent=1),
        }
        for kind in REGISTRY.values()
    ]
