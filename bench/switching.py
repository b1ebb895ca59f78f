"""Whole switches through all four services, some side by side: how many a minute, what CPU each costs a service, and
how much memory the services hold at rest and after."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from bench.servers import Servers
from tests.e2e.e2e_kit import World, open_world
from tests.system import SERVICES, WholeSystem, started

SWITCHES, AT_ONCE = int(os.environ.get("BENCH_SWITCHES", "1000")), 8
PATIENCE_SECONDS, REST_SECONDS = 120.0, 5.0


async def run(servers: Servers) -> None:
    with whole_system() as system:
        processes = {name: psutil.Process(system.children[name].pid) for name in (*SERVICES, "mongodb", "kafka")}
        world = open_world(system)
        world.patience = PATIENCE_SECONDS
        try:
            await asyncio.sleep(REST_SECONDS)
            at_rest = {name: megabytes(process) for name, process in processes.items()}
            before, began = {name: cpu(process) for name, process in processes.items()}, time.perf_counter()
            await switch_all(world)
            minutes = (time.perf_counter() - began) / 60
        finally:
            await world.close()
        print(f"\n{SWITCHES} switches by device code, {AT_ONCE} side by side: {SWITCHES / minutes:.0f} a minute")
        for name, process in processes.items():
            used = (cpu(process) - before[name]) / SWITCHES * 1000
            resident = f"{at_rest[name]:>5.0f} MB at rest {megabytes(process):>5.0f} MB after"
            print(f"  {name:<12}{used:>7.0f} ms CPU a switch   {resident}")


async def switch_all(world: World) -> None:
    left = iter(range(SWITCHES))

    async def some() -> None:
        for _ in left:
            await world.switched(await world.customer())

    await asyncio.gather(*(some() for _ in range(AT_ONCE)))


def megabytes(process: psutil.Process) -> float:
    """Resident."""
    return process.memory_info().rss / 1e6


def cpu(process: psutil.Process) -> float:
    return sum(process.cpu_times()[:2])


@contextmanager
def whole_system() -> Iterator[WholeSystem]:
    with (
        tempfile.TemporaryDirectory(prefix="tokenswitch-bench-") as folder,
        started(WholeSystem(Path(folder))) as system,
    ):
        yield system
