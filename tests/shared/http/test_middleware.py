"""What stands before every request: headers, body limit, host check, the client's address."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Scope

from shared.http.client_address import client_address, trusted_networks
from shared.http.middleware import CONTENT_SECURITY_POLICY, BodyLimit, allowed_hosts
from tests.shared.kit.protected import protect


async def echo(request: Request) -> Response:
    return PlainTextResponse(str(len(await request.body())), headers={"Cache-Control": "public"})


async def broken(request: Request) -> Response:
    raise RuntimeError("a bug")


async def healthz(request: Request) -> Response:
    return JSONResponse({"ok": True})


def application() -> Starlette:
    return Starlette(
        routes=[
            Route("/", echo, methods=["GET", "POST"]),
            Route("/broken", broken),
            Route("/healthz", healthz),
        ]
    )


def client(app: ASGIApp, base: str = "https://portal.example") -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url=base)


@pytest.mark.parametrize("path, status", [("/", 200), ("/nothing", 404), ("/broken", 500), ("/static/x", 404)])
async def test_every_answer_carries_the_security_headers(path: str, status: int) -> None:
    async with client(protect(application(), "https://portal.example")) as browser:
        answer = await browser.get(path)
    assert answer.status_code == status
    assert answer.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["x-robots-tag"].startswith("noindex")
    assert answer.headers["cross-origin-opener-policy"] == "same-origin"
    assert answer.headers["strict-transport-security"].startswith("max-age=")
    assert "camera=()" in answer.headers["permissions-policy"]


async def test_hsts_only_where_the_public_address_is_https() -> None:
    async with client(protect(application(), "http://localhost:8000"), "http://localhost:8000") as browser:
        answer = await browser.get("/")
    assert answer.status_code == 200
    assert "strict-transport-security" not in answer.headers


async def test_another_host_name_is_refused_but_probes_come_by_address() -> None:
    app = protect(application(), "https://portal.example")
    async with client(app, "http://10.0.0.7:8000") as other:
        refused, probe = await other.get("/"), await other.get("/healthz")
    assert (refused.status_code, refused.json()["code"]) == (400, "unknown_host")
    assert "content-security-policy" in refused.headers
    assert probe.status_code == 200


async def test_a_host_header_that_is_no_host_is_refused() -> None:
    async with client(protect(application(), "https://portal.example")) as browser:
        assert (await browser.get("/", headers={"Host": "[bad"})).status_code == 400


def test_allowed_hosts() -> None:
    assert allowed_hosts("https://portal.example:8443/x") == ("portal.example",)
    assert set(allowed_hosts("http://localhost:8000")) == {"localhost", "127.0.0.1", "::1"}
    with pytest.raises(ValueError, match="is not a URL"):
        allowed_hosts("portal")


async def test_a_body_at_the_limit_is_taken_and_one_byte_more_is_413() -> None:
    async with client(BodyLimit(application(), 100)) as browser:
        assert (await browser.post("/", content=b"x" * 100)).text == "100"
        answer = await browser.post("/", content=b"x" * 101)
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
    assert "100 bytes" in answer.json()["detail"]


async def test_a_chunked_body_over_the_limit_is_413_too() -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(30):
            yield b"x" * 10

    async with client(BodyLimit(application(), 100)) as browser:
        assert (await browser.post("/", content=chunks())).status_code == 413


@pytest.mark.parametrize("stated, reads_at_most", [(b"1000000", 0), (None, 11)])
async def test_no_more_is_read_than_needed_to_know(stated: bytes | None, reads_at_most: int) -> None:
    reads, sent = 0, []

    async def receive() -> Message:
        nonlocal reads
        reads += 1
        return {"type": "http.request", "body": b"x" * 10, "more_body": True}

    async def send(message: Message) -> None:
        sent.append(message)

    headers = [(b"content-length", stated)] if stated else [(b"transfer-encoding", b"chunked")]
    scope: Scope = {"type": "http", "method": "POST", "path": "/", "headers": headers, "query_string": b""}
    await BodyLimit(application(), 100)(scope, receive, send)
    assert reads <= reads_at_most
    assert [message["status"] for message in sent if message["type"] == "http.response.start"] == [413]


async def test_an_error_of_the_application_itself_is_not_hidden_by_the_limit() -> None:
    transport = httpx.ASGITransport(app=BodyLimit(application(), 100))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as browser:
        with pytest.raises(RuntimeError, match="a bug"):
            await browser.get("/broken")


async def test_a_real_server_answers_413_to_an_endless_body_and_hangs_up() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    app = BodyLimit(application(), 1000)
    config = uvicorn.Config(app, log_level="error", timeout_keep_alive=60, lifespan="off")
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve([listener]))
    reader, writer = await asyncio.open_connection(*listener.getsockname())
    writer.write(b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
    writer.write(b"3e8\r\n" + b"x" * 1000 + b"\r\n" + b"a\r\n" + b"x" * 10 + b"\r\n")  # and never an end
    await writer.drain()
    answer = await asyncio.wait_for(reader.read(), 10)  # up to where the server hangs up
    writer.close()
    server.should_exit = True
    await serving
    assert answer.startswith(b"HTTP/1.1 413")


def request(peer: str, *forwarded: str) -> Request:
    headers = [(b"x-forwarded-for", value.encode()) for value in forwarded]
    return Request({"type": "http", "client": (peer, 1), "headers": headers})


@pytest.mark.parametrize(
    "peer, forwarded, expected",
    [
        ("203.0.113.9", (), "203.0.113.9"),
        ("203.0.113.9", ("198.51.100.1",), "203.0.113.9"),  # not a proxy of ours: what it claims is nothing
        ("10.0.0.1", ("198.51.100.1",), "198.51.100.1"),
        ("10.0.0.1", ("1.2.3.4, 198.51.100.1",), "198.51.100.1"),  # the client's own header is not believed
        ("10.0.0.1", ("198.51.100.1, 10.0.0.2",), "198.51.100.1"),
        ("10.0.0.1", ("198.51.100.1", "10.0.0.2"), "198.51.100.1"),  # two headers are one list
        ("10.0.0.1", ("198.51.100.1:4711",), "198.51.100.1"),
        ("10.0.0.1", ("[2001:db8::1]:4711",), "2001:db8::1"),
        ("10.0.0.1", ("2001:db8::1",), "2001:db8::1"),
        ("::ffff:10.0.0.1", ("198.51.100.1",), "198.51.100.1"),
        ("10.0.0.1", ("198.51.100.1, nonsense",), "10.0.0.1"),
        ("10.0.0.1", ("10.0.0.3",), "10.0.0.3"),
        ("10.0.0.1", (), "10.0.0.1"),
        ("fd00::1", ("198.51.100.1",), "198.51.100.1"),
    ],
)
def test_the_clients_address_is_the_rightmost_hop_that_is_not_ours(
    peer: str, forwarded: tuple[str, ...], expected: str
) -> None:
    assert client_address(request(peer, *forwarded), trusted_networks("10.0.0.0/8, fd00::/8")) == expected


def test_a_wrong_list_of_proxies_is_named() -> None:
    assert trusted_networks("") == ()
    with pytest.raises(ValueError, match="TRUSTED_PROXIES"):
        trusted_networks("10.0.0.0/8, proxy.example")
