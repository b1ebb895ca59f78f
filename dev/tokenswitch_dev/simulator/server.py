"""Both servers in one process: https for machines, http for people; also as a context for tests."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import uvicorn

from tokenswitch_dev.simulator import demo
from tokenswitch_dev.simulator.machines import Machines
from tokenswitch_dev.simulator.options import Options
from tokenswitch_dev.simulator.pages.site import build_pages
from tokenswitch_dev.simulator.simulator import Simulator, open_simulator
from tokenswitch_dev.simulator.tls import certificate_authority, server_certificate

SWEEP_SECONDS = 300.0


class Quiet(uvicorn.Server):
    """Leaves the signals to whoever runs us: there are two servers, and tests have their own."""

    def capture_signals(self) -> Any:
        return nullcontext()


@dataclass(frozen=True)
class Running:
    """Where a simulator for tests is found."""

    sim: Simulator
    ca_file: Path

    @property
    def authority(self) -> str:
        return self.sim.authority

    @property
    def graph_url(self) -> str:
        return self.sim.authority

    @property
    def pages_url(self) -> str:
        return self.sim.options.pages

    @property
    def issuer(self) -> str:
        """Of the operators' tenant: OPERATOR_ISSUER."""
        return self.sim.issuer(demo.PROVIDER_TENANT)

    def tid(self, domain: str) -> str:
        tenant = self.sim.directory.tenant(domain)
        if tenant is None:
            raise LookupError(f"no simulated tenant {domain}")
        return tenant.tid


def _listening(host: str, port: int) -> socket.socket:
    # asyncio switches Nagle's algorithm off only where the protocol is named: 40 ms an answer otherwise.
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind((host, port))
    made.listen(2048)
    return made


@asynccontextmanager
async def serving(options: Options) -> AsyncIterator[Running]:
    """Port 0 in the options takes a free one."""
    machines, people = _listening(options.host, options.port), _listening(options.host, options.pages_port)
    options = replace(options, port=machines.getsockname()[1], pages_port=people.getsockname()[1])
    sim = open_simulator(options)
    ca_file = certificate_authority(options.state)
    chain, key = server_certificate(options.state, urlsplit(options.authority).hostname or "localhost")
    common: dict[str, Any] = {
        "log_level": "critical",
        "access_log": False,
        "lifespan": "off",
        "timeout_keep_alive": 75,
        "timeout_graceful_shutdown": 1,
    }
    servers = [
        (
            Quiet(uvicorn.Config(Machines(sim), ssl_certfile=chain, ssl_keyfile=key, date_header=False, **common)),
            machines,
        ),
        (Quiet(uvicorn.Config(build_pages(sim), **common)), people),
    ]
    tasks = [asyncio.create_task(server.serve(sockets=[listener])) for server, listener in servers]
    sweeper = asyncio.create_task(_sweep(sim))
    try:
        yield Running(sim, ca_file)
    finally:
        sweeper.cancel()
        for server, _ in servers:
            server.should_exit = True
        await asyncio.gather(*tasks, return_exceptions=True)
        with suppress(asyncio.CancelledError):
            await sweeper
        sim.store.close()


async def _sweep(sim: Simulator) -> None:
    while True:
        await asyncio.sleep(SWEEP_SECONDS)
        sim.grants.sweep(sim.clock.now())


@asynccontextmanager
async def running_simulator(state: Path, **options: Any) -> AsyncIterator[Running]:
    """For tests: on free ports unless told otherwise."""
    chosen = Options(state=state, **({"port": 0, "pages_port": 0} | options))
    async with serving(chosen) as running:
        yield running
