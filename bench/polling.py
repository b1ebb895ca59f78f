"""Pending device flows: how late one auth-svc asks again, and at what cost, with 500 and 2,000 of them."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from datetime import UTC, datetime
from itertools import pairwise

import httpx

from bench.figures import percentile
from bench.servers import Servers
from bench.system import Running, system
from shared.contracts.cloudevents import encode, headers_of
from shared.contracts.events import AuthenticationStarted, CustomerRegistered, Event
from shared.messaging.kafka import Cluster

DOMAIN = "contoso.example"
INTERVAL, SECONDS, START_SECONDS = 5.0, 30, 400
SIZES = ((500, "32"), (2000, "128"))


async def run(servers: Servers) -> None:
    for flows, workers in SIZES:
        with system(ENTRA_WORKERS=workers, TOPIC_PARTITIONS="12") as running:
            await _measure(running, flows)


async def _measure(running: Running, flows: int) -> None:
    await _start(running, flows)
    async with httpx.AsyncClient(base_url=running.authority, verify=running.ca_file, timeout=30) as entra:
        await _until_all_poll(entra, flows)
        service = running.service("auth")
        cpu, began, polls = sum(service.cpu_times()[:2]), time.perf_counter(), await _watch(entra)
        used = (sum(service.cpu_times()[:2]) - cpu) / (time.perf_counter() - began)
    late = [max(0.0, after - before - INTERVAL) for times in polls.values() for before, after in pairwise(times)]
    print(f"\n{flows} pending device flows, {len(late)} polls seen in {SECONDS} s:")
    print(f"  lateness median {percentile(late, 50) * 1000:.0f} ms   p99 {percentile(late, 99) * 1000:.0f} ms")
    print(f"  auth-svc {used * 100:.0f} % of one core, {service.memory_info().rss / 1e6:.0f} MB resident")


async def _start(running: Running, flows: int) -> None:
    """So many invitees have pressed `Start authentication` at once."""
    address = f"{running.authority}/{DOMAIN}/v2.0/.well-known/openid-configuration"
    async with httpx.AsyncClient(verify=running.ca_file) as entra:
        tenant_id = (await entra.get(address)).json()["issuer"].split("/")[-2]
    cluster = Cluster(bootstrap=f"127.0.0.1:{running.ports['PORT_KAFKA']}")
    producer = cluster.producer("bench")
    await producer.start()
    try:
        for number in range(flows):
            customer = f"bench-{number}"
            for event in (
                CustomerRegistered(customer=customer, name="Bench", tenant=DOMAIN),
                AuthenticationStarted(
                    customer=customer,
                    switch=1,
                    attempt=1,
                    method="device_code",
                    accepted_roles=(),
                    tenant_id=tenant_id,
                    login_hint="admin@contoso.example",
                ),
            ):
                await _send(producer, cluster.topic, event)
    finally:
        await producer.stop()


async def _send(producer: object, topic: str, event: Event) -> None:
    name = type(event).__name__
    headers = headers_of(f"config/bench/{event.customer}/{name}/0", name, datetime.now(UTC), event.customer, None)
    await producer.send(topic, encode(event).encode(), event.key.encode(), headers=headers)  # type: ignore[attr-defined]


async def _until_all_poll(entra: httpx.AsyncClient, flows: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if len(await _polls(entra)) >= flows:
            return
        await asyncio.sleep(2)
    raise RuntimeError(f"not all of {flows} flows were started in {START_SECONDS} s")


async def _watch(entra: httpx.AsyncClient) -> dict[str, list[float]]:
    seen: dict[str, set[float]] = defaultdict(set)
    until = time.monotonic() + SECONDS
    since = time.time()
    while time.monotonic() < until:
        await asyncio.sleep(INTERVAL)
        for flow, times in (await _polls(entra)).items():
            seen[flow] |= {at for at in times if at >= since - INTERVAL}
    return {flow: sorted(times) for flow, times in seen.items()}


async def _polls(entra: httpx.AsyncClient) -> dict[str, set[float]]:
    """The polls in the simulator's log, by flow (all polls of a flow carry one client-request-id)."""
    times: dict[str, set[float]] = defaultdict(set)
    for request in (await entra.get("/_sim/log")).json()["requests"]:
        if request["form"].get("grant_type", "").endswith("device_code"):
            times[request["client_request_id"]].add(float(request["at"]))
    return times
