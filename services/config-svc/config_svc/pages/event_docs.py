"""The events for other programs: AsyncAPI, a JSON Schema each, and both as one readable page. Public, like /docs."""

from __future__ import annotations

import json
from functools import cache
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from starlette.responses import JSONResponse, Response

from shared.contracts.cloudevents import encode
from shared.contracts.events import REGISTRY
from shared.contracts.schemas import about, asyncapi, document, example, headers
from shared.domain.rules import Refused
from shared.http.api_docs import event_page

router = APIRouter(include_in_schema=False)


async def _topic(request: Request) -> str:
    """As this system's is called."""
    return str(request.app.state.topic)


Topic = Annotated[str, Depends(_topic)]


@router.get("/docs/events")
async def events_page(topic: Topic) -> Response:
    return event_page(topic, _kinds())


@router.get("/asyncapi.json")
async def asyncapi_document(topic: Topic) -> Response:
    return JSONResponse(asyncapi(topic))


@router.get("/schemas/{name}/{version}")
async def event_schema(name: str, version: str) -> Response:
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
