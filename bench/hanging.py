"""A database that hangs (SIGSTOP) while 100 calls come at once: how long the slowest waits, beside a call's limit."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import time
from pathlib import Path

from bench.figures import percentile
from bench.servers import Servers
from shared.domain.rules import Unavailable
from shared.store.mongo import Collection, Mongo
from tokenswitch_dev.stack.mongo import EmbeddedMongo
from tokenswitch_dev.stack.process import free_port

CALLS, LIMIT_SECONDS = 100, 5.0


async def run(servers: Servers) -> None:
    with (
        tempfile.TemporaryDirectory(prefix="tokenswitch-bench-") as folder,
        EmbeddedMongo(Path(folder), free_port()) as server,
    ):
        mongo = Mongo(server.url, "bench", timeout_seconds=LIMIT_SECONDS)
        there = mongo.collection("things")
        await asyncio.gather(*(there.get("a") for _ in range(CALLS)))
        server.freeze()
        try:
            took = await asyncio.gather(*(waited(there) for _ in range(CALLS)))
        finally:
            server.thaw()
        await asyncio.to_thread(mongo.close)
    print(f"\n{CALLS} calls at a database that hangs (limit {LIMIT_SECONDS:g} s):")
    print(f"  median {percentile(took, 50):.1f} s   slowest {max(took):.1f} s")


async def waited(collection: Collection) -> float:
    began = time.perf_counter()
    with contextlib.suppress(Unavailable):
        await collection.get("a")
    return time.perf_counter() - began
