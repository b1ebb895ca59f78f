"""Codes that wait for somebody are cheap to ask for: over the limit they are refused, and hold up nobody else."""

from __future__ import annotations

import asyncio
from typing import Any, Literal

from auth_svc.jobs.attempts import AttemptJobs
from shared.jobs.worker import Worker
from tests.auth_svc.auth_kit import Bench, FakeMicrosoft, bench

LIMIT = 2


async def started(here: Bench, customer: str, method: Literal["device_code", "sign_in"]) -> None:
    here.customer = customer
    await here.start(method)


async def came_to(here: Bench, customer: str, state: str) -> Any:
    found = await here.until(lambda access: access.attempt is not None and access.attempt.state == state, customer)
    return found.attempt


async def test_over_the_limit_a_code_is_refused_and_the_button_still_works(mongo_url: str, mongo_database: str) -> None:
    fake = FakeMicrosoft({"poll": ["pending"]})
    async with bench(mongo_url, mongo_database, fake, fake) as here:
        jobs = AttemptJobs(
            entra=fake,
            graph=fake,
            credential_store=here.keys.credential_store,
            store=here.store,
            scopes=("User.Read",),
            max_pending_codes=LIMIT,
        )
        due = Worker(store=here.store, job="attempt", execute=jobs.execute, concurrency=LIMIT + 2, tick_seconds=0.1)
        running = asyncio.ensure_future(due.run(here.stopping))
        for customer in ("c1", "c2"):
            await started(here, customer, "device_code")
            await came_to(here, customer, "code_issued")
        while jobs.polling.watched < LIMIT:
            await asyncio.sleep(0.02)
        await started(here, "c3", "device_code")
        await started(here, "c4", "sign_in")
        await came_to(here, "c4", "sign_in_ready")
        assert (await came_to(here, "c3", "failed")).reason == "code_busy"
        assert not await here.events("DeviceCodeIssued", "c3")
        here.stopping.set()
        await running
        assert jobs.polling.watched == 0
