"""From `POST switch` to the mail in the mailbox, through all four services."""

from __future__ import annotations

import asyncio
import time
import uuid

import httpx

from bench.figures import percentile
from bench.servers import Servers
from bench.system import Running, system

SWITCHES, WARM_UP = 30, 5
CUSTOMER = "northwind"


async def run(servers: Servers) -> None:
    with system() as running:
        times = await _all(running)
    print(f"\nPOST switch to the mail in the mailbox, {len(times)} times:")
    print(f"  median {percentile(times, 50) * 1000:.0f} ms   p90 {percentile(times, 90) * 1000:.0f} ms")


async def _all(running: Running) -> list[float]:
    headers = {"Authorization": f"Bearer {running.token('operator')}"}
    async with (
        httpx.AsyncClient(base_url=f"{running.portal}/api/v1/customers/{CUSTOMER}", headers=headers) as api,
        httpx.AsyncClient(base_url=running.mailbox) as mailbox,
    ):
        times = [await _once(api, mailbox) for _ in range(WARM_UP + SWITCHES)]
    return times[WARM_UP:]


async def _once(api: httpx.AsyncClient, mailbox: httpx.AsyncClient) -> float:
    await mailbox.delete("/api/v1/messages")
    body = {"to": "token", "admin_email": "admin@northwind.example", "locale": "en"}
    began = time.perf_counter()
    asked = (await api.post("/switch", json=body, headers=_key())).raise_for_status()
    while not (await mailbox.get("/api/v1/messages")).json()["messages"]:  # noqa: ASYNC110 (another process)
        await asyncio.sleep(0.005)
    taken = time.perf_counter() - began
    (await api.delete("/switch", params={"switch": asked.json()["switch"]}, headers=_key())).raise_for_status()
    await asyncio.sleep(0.3)
    return taken


def _key() -> dict[str, str]:
    return {"Idempotency-Key": uuid.uuid4().hex}
