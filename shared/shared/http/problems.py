"""The HTTP edge: every error as problem+json (or a page), strict bodies."""

from __future__ import annotations

import logging
import math
from collections.abc import Awaitable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Protocol, cast

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.domain.rules import Refused, Unavailable
from shared.http.refusals import KnownAway, RefusedWith
from shared.observability.tracing import trace_id

log = logging.getLogger(__name__)

PROBLEM = "application/problem+json"
SCHEMAS = "#/components/schemas/{model}"
EXAMPLE_TRACE = "0af7651916cd43dd8448eb211c80319c"
MACHINES = ("/api/", "/internal/")


class ErrorPage(Protocol):
    """Renders an error for a person. Empty title and detail: the page's own words for the status (`Pages.error`)."""

    def __call__(
        self, request: Request, status: int, title: str, detail: str, *, reference: str | None
    ) -> Response | Awaitable[Response]: ...


class Strict(BaseModel):
    """The base of request bodies: unknown fields are refused, and an error never shows what was sent."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True, hide_input_in_errors=True)


# --- problems ----------------------------------------------------------------------------------------------------


class FieldProblem(BaseModel):
    """What is wrong with one field. `field`: its path in the body, or its name; null for the body as a whole."""

    field: str | None
    detail: str


def _absent(description: str) -> Any:
    """A field that is left out where it has no value."""
    return Field(default=None, exclude_if=lambda value: value is None, description=description)


class Problem(BaseModel):
    """What every refusal and failure is answered with (RFC 9457); some have fields of their own beside these."""

    model_config = ConfigDict(extra="allow", use_attribute_docstrings=True)

    type: str
    title: str
    status: int
    code: str
    """What is wrong, for programs."""
    detail: str
    """What is wrong and what to do, for people."""
    instance: str
    """`urn:trace:` and the reference that stands in the log."""
    field: str | None = _absent("What of the request it is about.")
    errors: list[FieldProblem] | None = _absent("Where more than one field is wrong: all of them, 20 at most.")


def problem(
    status: int,
    code: str,
    detail: str,
    *,
    field: str | None = None,
    headers: Mapping[str, str] | None = None,
    **more: Any,
) -> JSONResponse:
    """RFC 9457: what is wrong and what to do, with a code for programs and the reference that stands in the log."""
    body = _problem(status, code, detail, trace_id(), field=field, **more)
    return JSONResponse(body, status, headers=headers, media_type=PROBLEM)


def _problem(status: int, code: str, detail: str, trace: str, **more: Any) -> dict[str, Any]:
    named = {"type": "about:blank", "title": _phrase(status), "status": status, "code": code, "detail": detail}
    return Problem.model_validate({**named, "instance": f"urn:trace:{trace}", **more}).model_dump(mode="json")


def problem_shown(status: int, code: str, detail: str, description: str = "", **more: Any) -> dict[str, Any]:
    """A refusal for the OpenAPI document, with an example as `problem` answers it."""
    example = _problem(status, code, detail, EXAMPLE_TRACE, **more)
    content = {"schema": {"$ref": SCHEMAS.format(model=Problem.__name__)}, "example": example}
    return {"description": description or example["title"], "content": {PROBLEM: content}}


def _describe_problems(document: dict[str, Any]) -> dict[str, Any]:
    """FastAPI knows models of `application/json` alone: what `problem_shown` refers to is added here."""
    if document["paths"]:
        schema = Problem.model_json_schema(mode="serialization", ref_template=SCHEMAS)
        more = schema.pop("$defs") | {Problem.__name__: schema}
        document.setdefault("components", {}).setdefault("schemas", {}).update(more)
    return document


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"


def wants_page(request: Request) -> bool:
    """A person's browser asks for a page; programs, and whatever is under /api and /internal, get problem+json."""
    machine = request.url.path.startswith(MACHINES)
    return not machine and "text/html" in request.headers.get("accept", "")


class ErrorHandlers:
    """Answers every error of one application."""

    def __init__(self, html: ErrorPage | None = None) -> None:
        self._html = html

    async def answer(self, request: Request, error: Exception) -> Response:
        kinds = {Refused: self.refused, Unavailable: self.unavailable, HTTPException: self.http}
        handlers = (handler for kind, handler in kinds.items() if isinstance(error, kind))
        return await next(handlers, self.unexpected)(request, error)

    async def refused(self, request: Request, error: Exception) -> Response:
        refusal = cast(Refused, error)
        headers = refusal.headers if isinstance(refusal, RefusedWith) else {}
        if page := await self._page(request, refusal.status, detail=refusal.detail, headers=headers):
            return page
        return problem(refusal.status, refusal.code, refusal.detail, field=refusal.field, headers=headers)

    async def unavailable(self, request: Request, error: Exception) -> Response:
        outage = cast(Unavailable, error)
        headers = {"Retry-After": str(math.ceil(outage.retry_after))}
        level = logging.DEBUG if isinstance(outage, KnownAway) else logging.WARNING
        log.log(level, "answered 503: %s", outage, extra={"part": outage.part})
        if page := await self._page(request, 503, headers=headers):
            return page
        detail = f"{outage.part} is away; nothing was changed. Try again in {math.ceil(outage.retry_after)} seconds."
        return problem(503, "unavailable", detail, headers=headers)

    async def invalid(self, request: Request, error: Exception) -> Response:
        status, code, faults = _invalid(request, cast(RequestValidationError, error).errors())
        if page := await self._page(request, status, detail=faults[0]["detail"]):
            return page
        more: dict[str, Any] = {"errors": faults} if len(faults) > 1 else {}
        return problem(status, code, faults[0]["detail"], field=faults[0]["field"], **more)

    async def http(self, request: Request, error: Exception) -> Response:
        raised = cast(HTTPException, error)
        headers = dict(raised.headers or {})
        if page := await self._page(request, raised.status_code, headers=headers):
            return page
        code, detail = _HTTP.get(raised.status_code, (f"http_{raised.status_code}", str(raised.detail)))
        return problem(raised.status_code, code, detail, headers=headers)

    async def unexpected(self, request: Request, error: Exception) -> Response:
        reference = trace_id()
        log.error("unexpected error %s", reference, exc_info=error, extra={"reference": reference})
        if page := await self._page(request, 500, reference=reference):
            return page
        detail = f"Something went wrong on our side. Try again; if it goes on, tell us the reference {reference}."
        return problem(500, "internal_error", detail)

    async def _page(
        self,
        request: Request,
        status: int,
        *,
        detail: str = "",
        headers: Mapping[str, str] | None = None,
        reference: str | None = None,
    ) -> Response | None:
        if self._html is None or not wants_page(request):
            return None
        page = self._html(request, status, "", detail, reference=reference)
        response = page if isinstance(page, Response) else await page
        response.headers.update(headers or {})
        return response


def install_errors(app: FastAPI, html: ErrorPage | None = None) -> ErrorHandlers:
    """Every error of `app` is answered here; `html` (such as `pages.error`) renders those that a person meets."""
    errors = ErrorHandlers(html)
    app.add_exception_handler(Refused, errors.refused)
    app.add_exception_handler(Unavailable, errors.unavailable)
    app.add_exception_handler(RequestValidationError, errors.invalid)
    app.add_exception_handler(HTTPException, errors.http)
    app.add_middleware(_Unexpected, errors=errors)
    document = app.openapi
    app.openapi = lambda: _describe_problems(document())  # type: ignore[method-assign]
    return errors


class _Unexpected:
    """Answers what no handler takes, and what middleware raises, before the server would log it with all its values."""

    def __init__(self, app: ASGIApp, errors: ErrorHandlers) -> None:
        self._app, self._errors = app, errors

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def noted(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, noted)
        except Exception as error:
            if scope["type"] != "http" or started:
                raise
            response = await self._errors.answer(Request(scope), error)
            await response(scope, receive, send)


_HTTP = {
    400: ("bad_request", "The request cannot be read; check that its body is valid JSON."),
    401: ("unauthenticated", "Sign in, or send a bearer token in the Authorization header."),
    403: ("forbidden", "You may not do this."),
    404: ("not_found", "There is nothing at this address; check the path and the ids in it."),
    405: ("method_not_allowed", "This address does not take this method; the Allow header names those it takes."),
}


def _invalid(request: Request, errors: Sequence[Any]) -> tuple[int, str, list[dict[str, Any]]]:
    """Status, code and the list of what is wrong: never with a value that was sent."""
    if any(error["type"] == "json_invalid" for error in errors):
        return 400, "json_invalid", [{"field": None, "detail": "The body is not valid JSON; correct it."}]
    whole_body = any(tuple(error["loc"]) == ("body",) for error in errors)
    if whole_body and request.headers.get("content-length", "0") != "0" and not _is_json(request):
        detail = "The body must be JSON; send it with Content-Type: application/json."
        return 415, "content_type", [{"field": "Content-Type", "detail": detail}]
    if errors and all(error["loc"][:1] == ("path",) for error in errors):  # an id of another form is of nothing
        code, detail = _HTTP[404]
        return 404, code, [{"field": None, "detail": detail}]
    return 422, "invalid", [_wrong(error) for error in errors[:20]]


def _is_json(request: Request) -> bool:
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    return kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))


_ADVICE = {
    "missing": "This is required; send it.",
    "extra_forbidden": "There is no such field; leave it out.",
    "string_type": "This must be text.",
    "json_type": "This must be JSON.",
    "model_attributes_type": "The body must be a JSON object.",
    "literal_error": "Choose {expected}.",
    "enum": "Choose {expected}.",
    "string_pattern_mismatch": "This has not the form that is wanted; the API's description shows it.",
    "string_too_long": "This is too long; {max_length} characters at most.",
    "int_parsing": "This must be a whole number.",
    "int_type": "This must be a whole number.",
    "bool_parsing": "This must be true or false.",
    "greater_than_equal": "This must be {ge} or more.",
    "less_than_equal": "This must be {le} or less.",
}
"""By pydantic's kinds of errors; in braces what the kind says of what was expected."""


def _wrong(error: Mapping[str, Any]) -> dict[str, Any]:
    place, *path = error["loc"] or ("",)
    field = ".".join(str(part) for part in path) or str(place)
    advice = _ADVICE.get(error["type"], "").format_map(error.get("ctx") or {})
    message = advice or str(error["msg"]).removeprefix("Value error, ")
    return {"field": field, "detail": message if message.endswith(".") else f"{message}."}
