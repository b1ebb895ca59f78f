"""One port before all replicas of a service: python -m tokenswitch_dev.runner.gateway 8000=config-svc:8000 ...

Each connection goes to the next replica that takes it, and its bytes as they are: event streams flow. Not for
production, where the proxy that ends TLS does this.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import signal
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

Address = tuple[str, int]
Resolver = Callable[[str, int], Awaitable[Sequence[Address]]]
Wire = tuple[asyncio.StreamReader, asyncio.StreamWriter]
CHUNK = 64 * 1024
CONNECT_SECONDS = 2.0


@dataclass(frozen=True)
class Route:
    """Our port, and the service's name and port behind it."""

    port: int
    host: str
    to: int


def route(text: str) -> Route:
    """Reads PORT=HOST:PORT. Raises: ValueError."""
    port, _, target = text.partition("=")
    host, _, to = target.rpartition(":")
    if not host:
        raise ValueError(f"{text!r} is not PORT=HOST:PORT")
    return Route(int(port), host, int(to))


async def by_name(host: str, port: int) -> Sequence[Address]:
    """Asked for each connection, since replicas come and go; sorted, since the answer's order changes."""
    entries = await asyncio.get_running_loop().getaddrinfo(host, port, family=socket.AF_INET, type=socket.SOCK_STREAM)
    return sorted({(str(entry[4][0]), port) for entry in entries})


@dataclass
class Gateway:
    """The replicas of one service, in turn."""

    route: Route
    resolve: Resolver = by_name
    _turns: itertools.count[int] = field(default_factory=itertools.count)

    async def serve(self, host: str) -> asyncio.Server:
        return await asyncio.start_server(self._hand_on, host, self.route.port)

    async def _hand_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Where no replica takes it, the caller's connection is closed."""
        with contextlib.closing(writer):
            wire = await self._next()
            if wire is None:
                return
            with contextlib.closing(wire[1]):
                await asyncio.gather(_pump(reader, wire[1]), _pump(wire[0], writer))

    async def _next(self) -> Wire | None:
        with contextlib.suppress(OSError):
            replicas = list(await self.resolve(self.route.host, self.route.to))
            first = next(self._turns) % max(len(replicas), 1)
            for host, port in replicas[first:] + replicas[:first]:
                with contextlib.suppress(OSError, TimeoutError):
                    return await asyncio.wait_for(asyncio.open_connection(host, port), CONNECT_SECONDS)
        return None


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    """Until the source ends, which is said to the other side; what was on its way the other way still arrives."""
    with contextlib.suppress(OSError):
        while chunk := await source.read(CHUNK):
            sink.write(chunk)
            await sink.drain()
    with contextlib.suppress(OSError):
        if sink.can_write_eof():
            sink.write_eof()


async def run(routes: Sequence[Route], host: str) -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    servers = [await Gateway(one).serve(host) for one in routes]
    await stopped.wait()
    for server in servers:
        server.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="tokenswitch_dev.runner.gateway", description=__doc__)
    parser.add_argument("routes", nargs="+", type=route, metavar="PORT=HOST:PORT")
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on")
    given = parser.parse_args()
    asyncio.run(run(given.routes, given.host))
