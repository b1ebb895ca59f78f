"""The HTTP edge: each kind of bad input has its answer, which says what to do and shows nothing that was sent."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any

import httpx
import pytest
from fastapi import Depends, FastAPI, Query, Request
from pydantic import EmailStr, Field, field_validator
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse

from shared.domain.rules import Refused, Unavailable
from shared.http.idempotency import command, idempotency
from shared.http.middleware import BodyLimit
from shared.http.problems import Strict, install_errors
from shared.http.refusals import TooMany, Unauthenticated
from shared.http.tracing import TracingMiddleware
from shared.store.write_plan import Command

API, JSON = "/api/v1", {"content-type": "application/json"}


class Registration(Strict):
    client_id: str
    client_secret: Annotated[str, Field(min_length=8)] | None = None


class Body(Strict):
    name: Annotated[str, Field(max_length=100)]
    admin_email: EmailStr | None = None
    app_registration: Registration | None = None

    @field_validator("name")
    @classmethod
    def plain(cls, name: str) -> str:
        if "@" in name:
            raise ValueError("A name holds no address; write the name only")
        return name


def caller(request: Request) -> None:
    request.state.caller = "u-1"


def page(request: Request, status: int, title: str, detail: str, *, reference: str | None = None) -> HTMLResponse:
    return HTMLResponse(f"<h1>{status}</h1>{title}{detail}<i>{reference or ''}</i>", status)


RAISES: dict[str, Callable[[], Exception]] = {
    "refused": lambda: Refused("switch_running", "A switch runs; cancel it first.", field="to"),
    "away": lambda: Unavailable("MongoDB", "no server", retry_after=7),
    "bug": lambda: ValueError("s3cret-value"),
    "many": lambda: TooMany("Too many; try again in 30 seconds.", retry_after=30),
    "token": lambda: Unauthenticated("Send a token."),
    "teapot": lambda: HTTPException(418, "short and stout"),
}


def build(html: Any = None) -> FastAPI:
    app = FastAPI()

    @app.put(API + "/things")
    async def put(body: Body) -> dict[str, str]:
        return {"name": body.name}

    @app.get(API + "/things")
    async def things(limit: Annotated[int, Query(ge=1, le=200)] = 50) -> dict[str, int]:
        return {"limit": limit}

    @app.post(API + "/commands", dependencies=[Depends(caller)])
    async def commands(body: Body, command: Annotated[Command, Depends(idempotency)]) -> dict[str, str]:
        return {"key": command.key, "digest": command.digest}

    @app.get("/{area}/raise/{kind}")
    async def fails(kind: str) -> None:
        raise RAISES[kind]()

    install_errors(app, html)
    app.add_middleware(BodyLimit)
    app.add_middleware(TracingMiddleware)
    return app


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with connect(build()) as found:
        yield found


def connect(app: FastAPI) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost")


def problem(response: httpx.Response, status: int, code: str) -> dict[str, Any]:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    found: dict[str, Any] = response.json()
    assert (found["status"], found["code"]) == (status, code)
    assert found["title"] and found["detail"] and found["instance"].startswith("urn:trace:")
    return found


async def test_a_refusal_has_its_code_its_sentence_and_its_field(client: httpx.AsyncClient) -> None:
    found = problem(await client.get("/api/raise/refused"), 409, "switch_running")
    assert (found["detail"], found["field"]) == ("A switch runs; cancel it first.", "to")


async def test_what_is_away_is_503_with_the_time_to_wait(client: httpx.AsyncClient) -> None:
    response = await client.get("/api/raise/away")
    assert "MongoDB is away" in problem(response, 503, "unavailable")["detail"]
    assert response.headers["retry-after"] == "7"


async def test_refusals_keep_their_headers(client: httpx.AsyncClient) -> None:
    many, token = await client.get("/api/raise/many"), await client.get("/api/raise/token")
    problem(many, 429, "too_many_requests")
    problem(token, 401, "token_missing")
    assert many.headers["retry-after"] == "30"
    assert token.headers["www-authenticate"].startswith("Bearer ")


async def test_a_bug_is_500_with_the_reference_that_stands_in_the_log(
    client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR, "shared.http.problems"):
        response = await client.get("/api/raise/bug")
    found = problem(response, 500, "internal_error")
    reference = found["instance"].removeprefix("urn:trace:")
    assert reference in found["detail"]
    assert caplog.records[0].reference == reference  # type: ignore[attr-defined]
    assert "s3cret" not in response.text


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/api/v1/nothing", 404, "not_found"),
        ("DELETE", "/api/v1/things", 405, "method_not_allowed"),
        ("GET", "/api/raise/teapot", 418, "http_418"),
    ],
)
async def test_errors_of_the_framework_are_problems(
    client: httpx.AsyncClient, method: str, path: str, status: int, code: str
) -> None:
    problem(await client.request(method, path), status, code)


async def test_405_names_what_is_allowed(client: httpx.AsyncClient) -> None:
    assert (await client.delete("/api/v1/commands")).headers["allow"] == "POST"


@pytest.mark.parametrize(
    ("body", "field", "said"),
    [
        ({}, "name", "required"),
        ({"name": 7}, "name", "text"),
        ({"name": "n" * 101}, "name", "100"),
        ({"name": "a@b.example"}, "name", "A name holds no address; write the name only."),
        ({"name": "n", "colour": "red"}, "colour", "no such field"),
        ({"name": "n", "admin_email": "nobody"}, "admin_email", "email"),
        (
            {"name": "n", "app_registration": {"client_id": "c", "client_secret": "short"}},
            "app_registration.client_secret",
            "8",
        ),
        ([], "body", "JSON object"),
        ("text", "body", "JSON object"),
        (None, "body", "JSON object"),
    ],
)
async def test_a_wrong_body_is_422_with_the_field_and_what_to_do(
    client: httpx.AsyncClient, body: Any, field: str, said: str
) -> None:
    response = await client.put(API + "/things", content=json.dumps(body), headers=JSON)
    found = problem(response, 422, "invalid")
    assert found["field"].startswith(field)
    assert said in found["detail"]
    assert "short" not in response.text and "a@b" not in response.text


async def test_all_that_is_wrong_is_listed(client: httpx.AsyncClient) -> None:
    response = await client.put(API + "/things", json={"admin_email": "x", "more": 1})
    fields = {error["field"] for error in problem(response, 422, "invalid")["errors"]}
    assert fields == {"name", "admin_email", "more"}


async def test_a_wrong_query_names_the_parameter(client: httpx.AsyncClient) -> None:
    assert problem(await client.get(API + "/things?limit=0"), 422, "invalid")["field"] == "limit"


@pytest.mark.parametrize("content", [b"{", b"", b"\xff\xfe", b"[" * 60_000])
async def test_what_is_no_json_is_400(client: httpx.AsyncClient, content: bytes) -> None:
    response = await client.put(API + "/things", content=content, headers=JSON)
    assert response.status_code in (400, 422)
    assert response.headers["content-type"] == "application/problem+json"
    assert (response.status_code == 422) == (content == b"")


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "nonsense"])
async def test_another_content_type_is_415(client: httpx.AsyncClient, kind: str) -> None:
    response = await client.put(API + "/things", content=b'{"name": "n"}', headers={"content-type": kind})
    assert "application/json" in problem(response, 415, "content_type")["detail"]


async def test_no_content_type_is_415(client: httpx.AsyncClient) -> None:
    problem(await client.put(API + "/things", content=b'{"name": "n"}'), 415, "content_type")


async def test_a_large_body_is_413(client: httpx.AsyncClient) -> None:
    response = await client.put(API + "/things", content=b"x" * 1_000_000, headers=JSON)
    assert response.status_code == 413
    assert response.json()["code"] == "body_too_large"


# --- pages -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "status"),
    [("/x/raise/refused", 409), ("/x/raise/away", 503), ("/x/raise/bug", 500), ("/x", 404), ("/x/raise/many", 429)],
)
async def test_people_get_pages(path: str, status: int) -> None:
    async with connect(build(page)) as client:
        response = await client.get(path, headers={"accept": "text/html,*/*"})
    assert response.status_code == status
    assert response.text.startswith(f"<h1>{status}</h1>")
    assert ("retry-after" in response.headers) == (status in (503, 429))


@pytest.mark.parametrize(("path", "accept"), [("/api/raise/refused", "text/html"), ("/x/raise/refused", "*/*")])
async def test_programs_get_problems(path: str, accept: str) -> None:
    async with connect(build(page)) as client:
        problem(await client.get(path, headers={"accept": accept}), 409, "switch_running")


# --- commands --------------------------------------------------------------------------------------------------


async def post(client: httpx.AsyncClient, key: str | None, content: str = '{"name": "n"}') -> httpx.Response:
    headers = JSON | ({"idempotency-key": key} if key is not None else {})
    return await client.post(API + "/commands", content=content, headers=headers)


async def test_a_command_needs_its_key(client: httpx.AsyncClient) -> None:
    found = problem(await post(client, None), 400, "idempotency_key_missing")
    assert found["field"] == "Idempotency-Key"


@pytest.mark.parametrize("key", ["a b", "é", "x" * 201, "a\tb", '"'])
async def test_a_strange_key_is_400(key: str) -> None:
    with pytest.raises(Refused) as refused:
        command(key, "POST /", b"", "u-1")
    assert (refused.value.status, refused.value.code) == (400, "idempotency_key_invalid")


async def test_a_retry_has_the_same_digest_however_its_json_is_written(client: httpx.AsyncClient) -> None:
    one = await post(client, "k1", '{"name": "n", "admin_email": null}')
    two = await post(client, "k1", '{ "admin_email":null,"name":"n" }')
    assert one.json() == two.json()
    assert one.json()["digest"] != (await post(client, "k1", '{"name": "other"}')).json()["digest"]


def test_the_digest_tells_callers_methods_and_addresses_apart() -> None:
    asked = [("POST /a", b"1", "u-1"), ("POST /b", b"1", "u-1"), ("DELETE /a", b"1", "u-1"), ("POST /a", b"1", "u-2")]
    digests = {command("k", *each).digest for each in asked}
    assert len(digests) == len(asked)
    assert command("k", "POST /ab", b"c", "u").digest != command("k", "POST /a", b"bc", "u").digest


async def test_a_route_for_commands_that_knows_no_caller_is_a_bug() -> None:
    app = FastAPI()

    @app.post("/api/commands")
    async def anonymous(command: Annotated[Command, Depends(idempotency)]) -> None:
        raise AssertionError(command)

    install_errors(app)
    async with connect(app) as client:
        problem(await client.post("/api/commands", headers={"idempotency-key": "k"}), 500, "internal_error")
