"""A customer read over kept connections: ours (token, tracing, headers) beside a bare FastAPI and Motor application.

Both are processes of their own, read the same document of the same database, and are asked in turns.
"""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import psutil

from bench.figures import percentile
from bench.servers import Servers
from bench.system import Running, system
from tokenswitch_dev.runner.customers import customer_id
from tokenswitch_dev.simulator import demo
from tokenswitch_dev.stack.process import accepts, free_port

CUSTOMER = customer_id(demo.customers()[0])
ROUNDS, ALONE, SECONDS, CONNECTIONS = 3, 200, 4.0, 8


async def run(servers: Servers) -> None:
    with system() as running, bare(f"mongodb://127.0.0.1:{running.ports['PORT_MONGO']}") as (plain, process):
        config = running.service("config")
        targets = (
            Target("bare", process, *request(plain, f"/customers/{CUSTOMER}")),
            Target("ours", config, *request(running.portal, f"/api/v1/customers/{CUSTOMER}", token(running))),
            Target("healthz", config, *request(running.portal, "/healthz")),
        )
        for _ in range(ROUNDS):
            for target in targets:
                target.alone += await latencies(target.port, target.head)
                before = target.cpu
                target.answers += await answers(target.port, target.head)
                target.used += target.cpu - before
    print(f"\nA customer read on kept connections ({CONNECTIONS} at once):")
    for target in targets:
        median, late = (percentile(target.alone, percent) * 1000 for percent in (50, 99))
        print(
            f"  {target.name:<8} {target.rate:>7,.0f} requests/s   {target.micros:>6,.0f} us CPU a request   "
            f"alone: median {median:.1f} ms   p99 {late:.1f} ms"
        )
    plain_one, ours, _ = targets
    print(
        f"  ratio    {ours.rate / plain_one.rate:.2f} of the bare application's requests a second, "
        f"{ours.micros / plain_one.micros:.2f} of its CPU a request"
    )


@dataclass(slots=True)
class Target:
    """What is asked: a process by its port with one request, and what came of it so far."""

    name: str
    process: psutil.Process
    port: int
    head: bytes
    answers: int = 0
    used: float = 0.0
    """Seconds of CPU in which it gave them."""
    alone: list[float] = field(default_factory=list)
    """Seconds an answer takes when nothing else is asked."""

    @property
    def cpu(self) -> float:
        return sum(self.process.cpu_times()[:2])

    @property
    def rate(self) -> float:
        return self.answers / (ROUNDS * SECONDS)

    @property
    def micros(self) -> float:
        return self.used / self.answers * 1e6


def token(running: Running) -> str:
    return f"Authorization: Bearer {running.token('viewer')}\r\n"


def request(server: str, path: str, headers: str = "") -> tuple[int, bytes]:
    """The port, and a request as it is sent again and again."""
    address = urlsplit(server)
    assert address.port is not None
    return address.port, f"GET {path} HTTP/1.1\r\nHost: {address.netloc}\r\n{headers}\r\n".encode()


async def latencies(port: int, head: bytes) -> list[float]:
    """Seconds from a request to its whole answer, one after the other on one connection."""
    seconds = []
    async with connection(port) as (reader, writer):
        for _ in range(ALONE):
            began = time.perf_counter()
            await exchange(reader, writer, head)
            seconds.append(time.perf_counter() - began)
    return seconds


async def answers(port: int, head: bytes) -> int:
    """How many come in `SECONDS` over some connections at once."""
    until = time.perf_counter() + SECONDS

    async def ask() -> int:
        count = 0
        async with connection(port) as (reader, writer):
            while time.perf_counter() < until:
                await exchange(reader, writer, head)
                count += 1
        return count

    return sum(await asyncio.gather(*(ask() for _ in range(CONNECTIONS))))


@contextlib.asynccontextmanager
async def connection(port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader, writer
    finally:
        writer.close()


async def exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: bytes) -> None:
    writer.write(head)
    answer = await reader.readuntil(b"\r\n\r\n")
    if not answer.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(answer.decode(errors="replace").splitlines()[0])
    length = next(line for line in answer.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    await reader.readexactly(int(length.split(b":")[1]))


@contextlib.contextmanager
def bare(mongo_url: str) -> Iterator[tuple[str, psutil.Process]]:
    port = free_port()
    process = subprocess.Popen([sys.executable, "-m", "bench.bare", mongo_url, str(port)])
    try:
        until = time.monotonic() + 30
        while not accepts(port):
            if time.monotonic() > until:
                raise RuntimeError("the bare application did not start")
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}", psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(10)
