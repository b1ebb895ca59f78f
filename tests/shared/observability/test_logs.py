"""Logs: one line of JSON with ids, never a link, a query, a token or what a validation error was given; and traces."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from pydantic import BaseModel

from shared.http.tracing import TracingMiddleware
from shared.observability.logs import configure, redact
from shared.observability.tracing import current_trace, new_trace, trace_id

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.fixture
def out(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    root = logging.getLogger()
    before = root.handlers[:], root.level
    monkeypatch.delenv("LOG_FORMAT", raising=False)
    stream = io.StringIO()
    configure("config-svc", stream)
    yield stream
    root.handlers[:], level = before
    root.setLevel(level)


def lines(out: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_a_line_is_json_with_ids_and_no_payload(out: io.StringIO) -> None:
    extra = {"customer": "contoso", "body": "s3cret-value"}
    logging.getLogger("config_svc.api").info("switch %s requested", 3, extra=extra)
    (line,) = lines(out)
    assert line.pop("time").endswith("+00:00")
    assert line == {
        "level": "info",
        "service": "config-svc",
        "logger": "config_svc.api",
        "message": "switch 3 requested",
        "customer": "contoso",
    }


def test_text_is_for_people(monkeypatch: pytest.MonkeyPatch, out: io.StringIO) -> None:
    monkeypatch.setenv("LOG_FORMAT", "text")
    configure("config-svc", out)
    logging.getLogger("x").warning("Kafka is away", extra={"part": "Kafka"})
    assert out.getvalue().rstrip().endswith("config-svc  warning: Kafka is away  [part=Kafka]")


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("GET /i/AQJrMQAAAAFjb250b3Nv-_x HTTP/1.1", "AQJrMQ"),
        ("open http://localhost:8001/i/AQJrMQAAAAFjb250b3Nv now", "AQJrMQ"),
        ("GET /signin/return?code=0.AXkA&state=s3 done", "0.AXkA"),
        ("to https://login.test/authorize?client_id=1&code_challenge=s3cret", "s3cret"),
        ("Authorization: Bearer eyJhbGciOiJSUzI1NiJ9.eyJhIjoxfQ.c2lnbmF0dXJl", "c2lnbmF0dXJl"),
        ("mongodb://user:hunter2@127.0.0.1/", "hunter2"),
        ("smtp://apikey:hunter2@mail.example:587", "hunter2"),
    ],
)
def test_the_last_net_takes_secrets_out(text: str, secret: str) -> None:
    assert secret not in redact(text)


@pytest.mark.parametrize("text", ["why? nobody knows", "customer contoso/3 is at generation 2", "ratio 3/i/4 ?"])
def test_it_leaves_ordinary_text_alone(text: str) -> None:
    assert redact(text) in (text, text.replace("/i/4", "/i/***"))


class Body(BaseModel):
    secret: int


def test_a_traceback_shows_no_value_that_failed_validation(out: io.StringIO) -> None:
    try:
        try:
            Body.model_validate({"secret": "-".join(("s3cret", "value"))})
        except ValueError as error:
            raise RuntimeError("reading the state failed") from error
    except RuntimeError:
        logging.getLogger("x").exception("bug")
    (line,) = lines(out)
    assert "s3cret-value" not in out.getvalue()
    assert "ValidationError: secret: int_parsing" in line["error"]
    assert line["error"].endswith("RuntimeError: reading the state failed")


def test_a_long_error_is_cut(out: io.StringIO) -> None:
    try:
        raise ValueError("x" * 10_000)
    except ValueError:
        logging.getLogger("x").exception("bug")
    assert len(out.getvalue()) < 3000


def test_libraries_are_quiet(out: io.StringIO) -> None:
    for name in ("msal.application", "httpx", "urllib3.connectionpool", "aiokafka.conn", "uvicorn.access"):
        logging.getLogger(name).info("chatter")
    assert out.getvalue() == ""


async def traces(headers: dict[str, str]) -> tuple[str, str | None]:
    app = FastAPI()

    @app.get("/")
    async def trace() -> list[str | None]:
        return [current_trace(), trace_id()]

    app.add_middleware(TracingMiddleware)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
        found: list[str] = (await client.get("/", headers=headers)).json()
    return found[0], found[1]


async def test_a_request_goes_on_with_the_callers_trace() -> None:
    trace, id = await traces({"traceparent": PARENT})
    assert trace.split("-")[1] == id == PARENT.split("-")[1]
    assert trace.split("-")[2] != PARENT.split("-")[2]  # a span of its own
    assert current_trace() is None


@pytest.mark.parametrize(
    "parent",
    [
        "",
        "x",
        PARENT.upper(),
        PARENT + "-00",
        PARENT.replace("4bf9", "\x00bf9"),
        "00-" + "0" * 32 + "-00f067aa0ba902b7-01",
    ],
)
def test_what_is_no_trace_is_not_taken_over(parent: str) -> None:
    assert new_trace(parent).split("-")[1] != parent[3:35]
