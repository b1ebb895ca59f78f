"""/docs: the OpenAPI document as a readable page, with no script and nothing from elsewhere, so it works offline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, Response

if TYPE_CHECKING:
    from jinja2 import Template

_HERE = Path(__file__).parents[1]


def router() -> APIRouter:
    routes = APIRouter(include_in_schema=False)
    routes.add_api_route("/docs", _docs, methods=["GET"], response_model=None)
    routes.add_api_route("/docs.css", _style, methods=["GET"], response_model=None)
    return routes


async def _docs(request: Request) -> Response:
    return HTMLResponse(render(request.app.openapi()))


async def _style() -> Response:
    return Response((_HERE / "static" / "docs.css").read_text("utf-8"), media_type="text/css")


def render(document: dict[str, Any]) -> str:
    """The page of an OpenAPI document."""
    operations = [
        {"method": method.upper(), "path": path, **operation}
        for path, methods in document.get("paths", {}).items()
        for method, operation in methods.items()
    ]
    schemas = document.get("components", {}).get("schemas", {})
    return _template("api_docs.html").render(info=document["info"], operations=operations, schemas=schemas)


def event_page(topic: str, kinds: Sequence[Mapping[str, Any]]) -> Response:
    """The events of a topic as a page."""
    return HTMLResponse(_template("event_docs.html").render(topic=topic, kinds=kinds))


def type_of(schema: dict[str, Any]) -> str:
    """A schema's type in a few words."""
    if "$ref" in schema:
        return str(schema["$ref"]).rsplit("/", 1)[-1]
    if options := schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf"):
        return " or ".join(dict.fromkeys(type_of(option) for option in options))
    if "enum" in schema or "const" in schema:
        return " | ".join(str(value) for value in schema.get("enum", [schema.get("const")]))
    if schema.get("type") == "array":
        return f"list of {type_of(schema.get('items', {}))}"
    return " ".join(filter(None, (str(schema.get("type", "any")), schema.get("format"))))


@cache
def _template(name: str) -> Template:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # not before somebody looks

    environment = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["type_of"] = type_of
    return environment.get_template(name)
