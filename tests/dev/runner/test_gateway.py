"""The gateway of compose: one port before all replicas, in turn, past the dead ones, bytes as they are."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from tokenswitch_dev.runner.gateway import Address, Gateway, Route, by_name, route
from tokenswitch_dev.stack.process import free_port


@asynccontextmanager
async def replica(name: str) -> AsyncIterator[Address]:
    """Says its name, then what it hears, until the caller has said all; then `bye`."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(name.encode())
        while heard := await reader.read(1000):
            writer.write(heard)
        writer.write(b"bye")
        writer.close()

    async with await asyncio.start_server(talk, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()


@asynccontextmanager
async def gateway(*replicas: Address) -> AsyncIterator[int]:
    async def resolve(host: str, port: int) -> Sequence[Address]:
        return replicas

    port = free_port()
    async with await Gateway(Route(port, "service", 1), resolve).serve("127.0.0.1"):
        yield port


async def asked(port: int, said: bytes = b"") -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(said)
    writer.write_eof()
    heard = await asyncio.wait_for(reader.read(), 5)
    writer.close()
    return heard


async def test_connections_go_to_the_replicas_in_turn() -> None:
    async with replica("a") as a, replica("b") as b, gateway(a, b) as port:
        assert [await asked(port) for _ in range(4)] == [b"abye", b"bbye", b"abye", b"bbye"]


async def test_a_dead_replica_is_passed_over() -> None:
    async with replica("a") as a, gateway(("127.0.0.1", free_port()), a) as port:
        assert [await asked(port) for _ in range(3)] == [b"abye"] * 3


async def test_where_nobody_is_left_the_connection_is_closed() -> None:
    async with gateway(("127.0.0.1", free_port())) as port:
        assert await asked(port) == b""
    async with gateway() as port:
        assert await asked(port) == b""


async def test_a_stream_flows_and_much_of_it_arrives_whole() -> None:
    async with replica("a") as a, gateway(a) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        assert await asyncio.wait_for(reader.readexactly(1), 5) == b"a", "before anything was said"
        for number in range(3):
            writer.write(b"%d" % number)
            assert await asyncio.wait_for(reader.readexactly(1), 5) == b"%d" % number
        writer.close()
        much = b"x" * 300_000
        assert await asked(port, much) == b"a" + much + b"bye"


async def test_names_are_looked_up() -> None:
    assert await by_name("localhost", 80) == [("127.0.0.1", 80)]


def test_a_route_is_read() -> None:
    assert route("8000=config-svc:8001") == Route(8000, "config-svc", 8001)
    for wrong in ("8000", "8000=config-svc", "x=config-svc:80"):
        with pytest.raises(ValueError):
            route(wrong)
