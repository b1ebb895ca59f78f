"""Due work: a way back without an answer ends by itself, a secret that expires is told; once, by whichever replica."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from config_svc.commands import deadlines
from config_svc.domain.model import Customer
from shared.jobs.worker import Worker
from tests.config_svc.config_kit import C, Config


def worker(config: Config) -> Worker[Customer]:
    """Another replica."""
    return Worker(store=config.customers, job=deadlines.JOB, execute=deadlines.on_deadline, lease_seconds=5)


async def work(*workers: Worker[Customer]) -> int:
    claimed = sum(await asyncio.gather(*(one.once() for one in workers)))
    await asyncio.gather(*(one.settled() for one in workers))
    return claimed


async def test_a_way_back_without_an_answer_ends_once(config: Config) -> None:
    await config.invited()
    await config.claims()
    await config.gateway().post(f"/customers/{C}/switch", {"to": "app_registration"})
    await config.relays()
    assert await work(worker(config)) == 0
    config.later(minutes=15)
    assert await work(worker(config), worker(config), worker(config)) == 1
    assert await config.relays() == ["SwitchFailed"]
    found = await config.customer()
    assert (found.method, found.switch and found.switch.state) == ("token", "failed")
    assert await work(worker(config)) == 0


async def test_a_secret_that_expires_is_told_four_times(config: Config) -> None:
    await config.registered()  # until 2127-01-31
    said: list[str] = []
    for _ in range(340):
        config.later(days=1)
        while await work(worker(config)):
            said += await config.relays()
    assert said == ["SecretExpiring"] * 4
    found = (await config.gateway().get("/customers", params={"status": "unknown"})).json()["items"][0]
    assert found["secret_days_left"] < 0


async def test_a_cancelled_way_back_has_no_deadline_left(config: Config) -> None:
    await config.invited()
    await config.claims()
    await config.gateway().post(f"/customers/{C}/switch", {"to": "app_registration"})
    await config.gateway().delete(f"/customers/{C}/switch", params={"switch": 2})
    document = await config.customers.collection.get(C)
    assert document and document["due"].get(deadlines.JOB, config.now) > config.now + timedelta(days=100)
