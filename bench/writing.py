"""Writes to `customers`, beside 1,000 others: what one change costs, and 5,000 events folded into 1,000 of them."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable
from dataclasses import replace
from datetime import datetime

from bench.pages import cpu, fill, portal
from bench.servers import Servers
from config_svc.domain import switches
from config_svc.domain.model import Customer
from config_svc.subscriptions import CUSTOMERS
from shared.contracts.events import EmailSent
from shared.domain.rules import Change, Unavailable
from shared.store.store import Store
from shared.store.write_plan import Step

DOCUMENTS, EVENTS, WRITES, POLLED, TRIES = 1000, 5000, 500, 500, 20


async def run(servers: Servers) -> None:
    async with portal(servers) as (service, _, _):
        await fill(service, servers.mongo, DOCUMENTS)
        store = service._stores[CUSTOMERS]
        print(f"\nWrites to customers, {len(store.indexes)} indexes beside that of ids, {DOCUMENTS:,} documents:")

        async def changes() -> None:
            for number in range(WRITES):
                await store.apply(_id(number), _renamed, number)

        async def folds() -> None:
            events = list(range(EVENTS))
            for start in range(0, EVENTS, POLLED):
                steps: dict[str, list[Step[Customer]]] = {}
                for number in events[start : start + POLLED]:
                    steps.setdefault(_id(number), []).append(_mailed(number))
                await _folded(store, steps)

        await _taken("one change by a command", WRITES, changes())
        await _taken(f"events folded, {POLLED} a poll", EVENTS, folds())


async def _folded(store: Store[Customer], steps: dict[str, list[Step[Customer]]]) -> None:
    """As the consumer does it: what a slow database left undone is folded again."""
    for _ in range(TRIES):
        with contextlib.suppress(Unavailable):
            assert not await store.fold(steps)
            return
    raise RuntimeError(f"{len(steps)} documents could not be written in {TRIES} tries")


async def _taken(name: str, count: int, work: Awaitable[None]) -> None:
    """CPU of this process and the database."""
    used, began = cpu(), time.perf_counter()
    await asyncio.wait_for(work, 600)
    taken = time.perf_counter() - began
    print(f"  {name:<26}{count / taken:>7,.0f}/s {(cpu() - used) / count * 1000:>8.2f} ms CPU each")


def _id(number: int) -> str:
    return f"c-{number % DOCUMENTS:06}"


def _renamed(customer: Customer | None, number: int, now: datetime) -> Change[Customer]:
    assert customer is not None
    return Change(replace(customer, name=f"Renamed {number}"))


def _mailed(number: int) -> Step[Customer]:
    event = EmailSent(
        customer=_id(number), switch=1, kind="invitation", generation=1, tries=1, count=1 + number // DOCUMENTS
    )
    return Step(rule=switches.mailed, facts=(event,), cause=f"notify/outgoing_mails/{_id(number)}/{number}/0")
