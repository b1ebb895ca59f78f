"""A bulk switch whose service is killed with -9 again and again: it goes on where it was and invites nobody twice."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections import Counter

import httpx
import pytest

from tests.chaos.chaos_kit import LONG
from tests.e2e.e2e_kit import Body, World
from tests.e2e.e2e_wait import wait_for

ROWS, DEATHS = 32, 3
PER_MINUTE = 48
"""A step of eight rows every ten seconds: each death comes after a step of its own, and the last one before the end."""
BULKS = "/api/v1/bulk-switches"

pytestmark = pytest.mark.timeout(600)


async def test_killed_in_the_middle_it_asks_everybody_once(world: World) -> None:
    customers = await asyncio.gather(*(world.customer() for _ in range(ROWS)))
    rows = [{"customer": one.id, "admin_email": one.user("admin")} for one in customers]
    wish: Body = {"name": "Killed", "per_minute": PER_MINUTE, "first": 0, "rows": rows}
    key = {"Idempotency-Key": secrets.token_hex(8)}

    async def begin() -> str:
        answer = await world.api.http.post(BULKS, json=wish, headers=key)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["bulk"])

    async def waiting(at_most: int) -> Body | None:
        try:
            shown = await world.api.done("GET", f"{BULKS}/{bulk}")
        except httpx.TransportError:  # it is away just now
            return None
        return shown if shown["counts"]["waiting"] <= at_most else None

    bulk = await begin()
    for death in range(1, DEATHS + 1):
        left = ROWS - death * ROWS // (DEATHS + 1)
        shown = await wait_for(lambda: waiting(left), f"bulk with {left} left", LONG)  # noqa: B023
        assert shown["state"] == "running", "it was over before it was killed"
        world.system.kill("config-svc")
        world.system.start("config-svc")
        assert await begin() == bulk, "run again it is the same one"

    async def over() -> Body | None:
        shown = await waiting(0)
        return shown if shown and shown["counts"].get("invited") == ROWS else None

    await wait_for(over, "bulk of which all are invited", LONG)
    said: Counter[tuple[str, str]] = Counter()
    seen: set[str] = set()
    for record in await world.records():
        headers = {name: value.decode() for name, value in record.headers}
        if headers["ce_id"] not in seen:
            seen.add(headers["ce_id"])
            said[headers["ce_type"], json.loads(record.value).get("customer", "")] += 1
    for one in customers:
        assert said["SwitchRequested", one.id] == 1
        assert said["InvitationCreated", one.id] == 1
        await world.link(one, timeout=LONG)
        assert len(await world.links(one.user("admin"))) == 1
