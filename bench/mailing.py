"""From `POST switch` to the mail in the mailbox, through three services: how long it takes, and what of it is work.

The services' own spans tell: where one of the switch's is open something is done; the rest is waiting for a wake-up, a
poll or a turn.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import httpx

from bench.figures import percentile
from bench.servers import Servers
from bench.system import Running, system

SWITCHES, WARM_UP = 30, 5
CUSTOMER = "northwind"
LONGEST_SECONDS = 120.0
TRACED = {"OTEL_TRACES_EXPORTER": "console", "OTEL_BSP_SCHEDULE_DELAY": "500", "PYTHONUNBUFFERED": "1"}
ASKED, HANDED_OVER = "POST /api/v1/customers/{id}/switch", "outgoing_mails mail"
_SPAN = re.compile(rb"^\{\n.*?^\}\n", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Worked:
    """A span: times in seconds since 1970."""

    trace: str
    name: str
    begin: float
    end: float


async def run(servers: Servers) -> None:
    with system(**TRACED) as running:
        times = await asked_one_by_one(running)
        await asyncio.sleep(2)
        ways = [way for way in ways_of(running.home / "logs") if way[0].name == ASKED][-len(times) :]
    print(f"\nPOST switch to the mail in the mailbox, {len(times)} times:")
    print(f"  median {percentile(times, 50) * 1000:.0f} ms   p90 {percentile(times, 90) * 1000:.0f} ms")
    whole, worked = (sum(seconds) for seconds in zip(*map(shares, ways), strict=True))
    print(
        f"  until the mail is handed over {whole / len(ways) * 1000:.0f} ms in the mean, of it work "
        f"{worked / len(ways) * 1000:.0f} ms, waiting {(whole - worked) / len(ways) * 1000:.0f} ms: "
        f"ratio of work {worked / whole:.2f}"
    )


async def asked_one_by_one(running: Running) -> list[float]:
    """Seconds of each switch."""
    headers = {"Authorization": f"Bearer {running.token('operator')}"}
    async with (
        httpx.AsyncClient(base_url=f"{running.portal}/api/v1/customers/{CUSTOMER}", headers=headers) as api,
        httpx.AsyncClient(base_url=running.mailbox) as mailbox,
    ):
        times = [await _once(api, mailbox, number) for number in range(WARM_UP + SWITCHES)]
    return times[WARM_UP:]


async def _once(api: httpx.AsyncClient, mailbox: httpx.AsyncClient, number: int) -> float:
    invitee = f"admin{number}@northwind.example"
    body = {"to": "token", "admin_email": invitee, "locale": "en"}
    began = time.perf_counter()
    asked = (await api.post("/switch", json=body, headers=_key())).raise_for_status()
    async with asyncio.timeout(LONGEST_SECONDS):
        while not await _mails(mailbox, invitee):  # noqa: ASYNC110 (another process)
            await asyncio.sleep(0.005)
    taken = time.perf_counter() - began
    (await api.delete("/switch", params={"switch": asked.json()["switch"]}, headers=_key())).raise_for_status()
    await asyncio.sleep(0.3)
    return taken


async def _mails(mailbox: httpx.AsyncClient, to: str) -> list[object]:
    found: list[object] = (await mailbox.get("/api/v1/search", params={"query": f'to:"{to}"'})).json()["messages"]
    return found


def _key() -> dict[str, str]:
    return {"Idempotency-Key": uuid.uuid4().hex}


# --- what their spans tell --------------------------------------------------------------------------------------------


def ways_of(logs: Path) -> list[list[Worked]]:
    """The spans of each trace from its request to the mail's hand-over, by their begin."""
    traces: dict[str, list[Worked]] = {}
    for log in logs.glob("*-svc.log"):
        for one in _spans(log.read_bytes()):
            traces.setdefault(one.trace, []).append(one)
    ways = []
    for spans in traces.values():
        spans.sort(key=lambda one: one.begin)
        handed_over = [one.end for one in spans if one.name == HANDED_OVER]
        if handed_over:
            ways.append([one for one in spans if one.begin < handed_over[0]])
    return sorted(ways, key=lambda way: way[0].begin)


def _spans(log: bytes) -> Iterator[Worked]:
    for found in _SPAN.findall(log):
        span = json.loads(found)
        begin, end = (datetime.fromisoformat(span[name]).timestamp() for name in ("start_time", "end_time"))
        yield Worked(span["context"]["trace_id"], span["name"], begin, end)


def shares(way: Sequence[Worked]) -> tuple[float, float]:
    """Seconds in all, and those in which at least one span is open. Who calls waits in its own span: a span that only
    waits for another process does not count as work twice."""
    began, worked, until = way[0].begin, 0.0, way[0].begin
    last = next(one.end for one in way if one.name == HANDED_OVER)
    for one in way:
        end = min(one.end, last)
        worked += max(0.0, end - max(one.begin, until))
        until = max(until, end)
    return last - began, worked
