"""Denial of service by few bytes: slow heads, slow bodies, endless heads, more streams than one may have."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from config_svc.stream.streams import Streams
from shared.http.middleware import BodyLimit
from shared.http.refusals import TooMany
from shared.messaging.kafka import Cluster
from shared.service.server import HeadTimeoutProtocol, bind

HEAD = b"POST / HTTP/1.1\r\nHost: localhost\r\n"


class Quick(HeadTimeoutProtocol):
    head_timeout_seconds = 0.5


async def echo(request: Request) -> Response:
    await asyncio.sleep(float(request.query_params.get("seconds", "0")))
    return PlainTextResponse(str(len(await request.body())))


@contextlib.asynccontextmanager
async def served() -> AsyncIterator[tuple[str, int]]:
    """A real server as services have it, but quick to lose patience."""
    app = BodyLimit(Starlette(routes=[Route("/", echo, methods=["POST"])]), 1000, seconds=0.5)
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, http=Quick, ws="none", log_level="error", lifespan="off"))
    serving = asyncio.create_task(server.serve([listener]))
    yield listener.getsockname()
    server.should_exit = True
    await serving


async def answer(address: tuple[str, int], *parts: bytes, pause: float = 0.0) -> bytes:
    """What the server says to these bytes until it hangs up; the client itself never does."""
    reader, writer = await asyncio.open_connection(*address)
    reading = asyncio.create_task(_all(reader))
    for part in parts:
        if reading.done():
            break
        writer.write(part)
        await asyncio.sleep(pause)
    said = await asyncio.wait_for(reading, 20)
    writer.close()
    return said


async def _all(reader: asyncio.StreamReader) -> bytes:
    found = b""
    with contextlib.suppress(ConnectionError):
        while part := await reader.read(4096):
            found += part
    return found


@pytest.mark.parametrize("sent", [b"", b"P", HEAD, HEAD + b"X-A: " + b"a" * 1000])
async def test_who_never_ends_the_head_of_a_request_is_hung_up_on(sent: bytes) -> None:
    async with served() as address:
        assert await answer(address, sent) == b""


async def test_a_head_that_trickles_has_no_more_time_than_another() -> None:
    async with served() as address:
        assert await answer(address, *(bytes([byte]) for byte in HEAD), pause=0.1) == b""


async def test_a_second_request_is_held_to_the_same() -> None:
    async with served() as address:
        whole = HEAD + b"Content-Length: 2\r\n\r\nhi"
        said = await answer(address, whole, HEAD, pause=0.2)
        assert said.startswith(b"HTTP/1.1 200") and said.count(b"HTTP/1.1") == 1


async def test_a_body_that_does_not_come_is_408() -> None:
    async with served() as address:
        said = await answer(address, HEAD + b"Content-Length: 500\r\n\r\n", b"x")
        assert said.startswith(b"HTTP/1.1 408") and b"body_too_slow" in said


async def test_a_body_that_trickles_has_no_more_time_than_another() -> None:
    async with served() as address:
        head = HEAD + b"Content-Length: 500\r\n\r\n"
        said = await answer(address, head, *([b"x"] * 20), pause=0.1)
        assert said.startswith(b"HTTP/1.1 408")


async def test_a_slow_answer_of_ours_is_nobodys_fault() -> None:
    async with served() as address:
        slow = HEAD.replace(b"POST /", b"POST /?seconds=1") + b"Content-Length: 2\r\nConnection: close\r\n\r\nhi"
        said = await answer(address, slow)
        assert said.startswith(b"HTTP/1.1 200") and said.endswith(b"2")


async def test_a_head_without_end_is_refused_not_kept() -> None:
    async with served() as address:
        said = await answer(address, HEAD, *([b"X-A: " + b"a" * 8000 + b"\r\n"] * 20))
        assert said.startswith(b"HTTP/1.1 4") or said == b""


async def test_one_caller_cannot_take_the_event_streams_of_all() -> None:
    streams = Streams(cluster=Cluster(bootstrap="127.0.0.1:1"), stopping=asyncio.Event(), most=8)
    held: list[Any] = []
    for _ in range(streams.most_each):
        held.append(streams.events(None, None, "mallory"))
        await anext(held[-1])
    with pytest.raises(TooMany):
        streams.events(None, None, "mallory")
    other = streams.events(None, None, "otto")
    await anext(other)
    for stream in (*held, other):
        await stream.aclose()
    assert (streams._open, dict(streams._by)) == (0, {})


async def test_no_answer_waits_for_the_readers_acknowledgement() -> None:
    """Nagle's algorithm holds back the second part of every answer on a kept connection, for 40 ms on Linux."""
    undelayed = asyncio.get_running_loop().create_future()

    def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted = writer.get_extra_info("socket")
        undelayed.set_result(accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        writer.close()

    sock = bind("127.0.0.1", 0)
    async with await asyncio.start_server(answer, sock=sock):
        _, writer = await asyncio.open_connection(*sock.getsockname())
        assert await undelayed
        writer.close()
