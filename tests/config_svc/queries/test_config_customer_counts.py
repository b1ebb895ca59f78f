"""How many customers are in which state: one count for all who look, never older than it says."""

from __future__ import annotations

import asyncio
import dataclasses
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest

from config_svc import metrics
from config_svc.domain.model import Customer, Grant, Status
from config_svc.queries import customer_counts
from config_svc.queries.customer_counts import PIPELINE, CustomerCounter, CustomerCounts
from shared.domain.rules import Unavailable
from shared.store.operations import Document
from tests.config_svc.config_kit import Config
from tests.config_svc.queries.test_config_plans import customer, write

COUNT = 60


def expected(states: Sequence[Customer]) -> dict[str, Counter[str]]:
    there = [state for state in states if not state.removed]
    return {
        "status": Counter(state.status for state in there),
        "method": Counter(state.method for state in there),
        "switch": Counter(state.switch.state for state in there if state.switch),
    }


def said(found: CustomerCounts) -> dict[str, Counter[str]]:
    return {
        name: Counter({k: n for k, n in getattr(found, name).items() if n}) for name in ("status", "method", "switch")
    }


class Time:
    """Seconds that pass when a test says so."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr(customer_counts, "time", self)

    def monotonic(self) -> float:
        return self.now


class Counting:
    """A collection that counts how often it is asked; it is away, or answers when it is let."""

    def __init__(self, config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked, self.away, self.open = 0, False, asyncio.Event()
        self._aggregate = config.customers.collection.aggregate
        self.open.set()
        monkeypatch.setattr(config.customers.collection, "aggregate", self)

    async def __call__(self, pipeline: Sequence[Document], *, limit: int, seconds: float) -> list[Document]:
        assert pipeline == PIPELINE
        self.asked += 1
        await self.open.wait()
        if self.away:
            raise Unavailable("MongoDB", "away")
        return await self._aggregate(pipeline, limit=limit, seconds=seconds)


async def counted(counter: CustomerCounter) -> CustomerCounts:
    """As a reader has them in the end, however slow the machine."""
    await counter.counts()
    if counter._counting:
        await counter._counting
    return await counter.counts()


async def test_the_counts_are_what_the_customers_are(config: Config) -> None:
    states = [customer(n, config) for n in range(COUNT)]
    states[3] = _troubled(config, 3, "successful")
    states[7] = dataclasses.replace(states[7], removed=True)
    states[8] = dataclasses.replace(states[8], switch=None)
    await write(config, states)
    found = await counted(CustomerCounter(config.customers, config.clock))
    assert said(found) == expected(states) and found.customers == COUNT - 1 and found.at == config.now
    assert (found.lost, found.expiring, found.old) == (1, 1, False)


def _troubled(config: Config, n: int, status: Status) -> Customer:
    """Its token died, and its secret expires soon."""
    state = customer(n, config)
    account = customer(1, config).grant.account  # type: ignore[union-attr]
    grant = Grant(
        id="g",
        account=account,
        method="sign_in",
        roles=("r",),
        scopes=("User.Read",),
        claimed_at=config.now,
        expires_at=config.now,
        lost=True,
    )
    return dataclasses.replace(
        state, status=status, grant=grant, method="app_registration", secret_warned=30, secret_expires_on="2126-03-09"
    )


async def test_all_who_look_have_one_count_that_is_renewed_while_somebody_looks(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    time, counting = Time(monkeypatch), Counting(config, monkeypatch)
    counter = CustomerCounter(config.customers, config.clock)
    await counted(counter)
    await asyncio.gather(*(counter.counts() for _ in range(20)))
    assert counting.asked == 1
    await write(config, [customer(1, config)])
    time.now += 9.9
    assert (await counted(counter)).customers == 0
    time.now += 0.2
    assert (await counted(counter)).customers == 1 and counting.asked == 2


async def test_numbers_of_a_database_that_is_away_are_shown_as_old(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    time, counting = Time(monkeypatch), Counting(config, monkeypatch)
    counter = CustomerCounter(config.customers, config.clock)
    first = await counted(counter)
    counting.away = True
    time.now += 14.9
    assert await counted(counter) == first
    time.now += 0.2
    assert await counted(counter) == dataclasses.replace(first, old=True)
    counting.away = False
    time.now += 60
    assert not (await counted(counter)).old


async def test_nobody_waits_for_a_count_that_takes_its_time(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    time, counting = Time(monkeypatch), Counting(config, monkeypatch)
    counter = CustomerCounter(config.customers, config.clock)
    counting.open.clear()
    monkeypatch.setattr(customer_counts, "PATIENCE", 0.01)
    assert (await counter.counts()).at is None
    time.now += 3
    counting.open.set()
    first = await counted(counter)
    assert first.at and counting.asked == 1
    time.now += 26.9  # a tenth of the time at most
    await counted(counter)
    assert counting.asked == 1
    time.now += 0.2
    counting.open.clear()
    assert await counter.counts() == dataclasses.replace(first, old=True)
    counting.open.set()
    assert not (await counted(counter)).old


async def test_the_numbers_stand_at_metrics_and_are_counted_though_nobody_looks(config: Config) -> None:
    states = [customer(n, config) for n in range(COUNT)]
    await write(config, states)
    counter, stopping = CustomerCounter(config.customers, config.clock), asyncio.Event()
    keeping = asyncio.create_task(customer_counts.keep_counting(counter, stopping))
    while counter._counting is None:
        await asyncio.sleep(0)
    await counter._counting
    stopping.set()
    await asyncio.wait_for(keeping, 10)
    shown = {name: metrics.CUSTOMERS.labels(status=name)._value.get() for name in ("failed", "successful")}
    assert shown == {name: sum(state.status == name for state in states) for name in shown}
    assert metrics.COUNTED._value.get() == config.now.timestamp()
    assert metrics.GRANTS.labels(health="healthy")._value.get() == sum(state.method == "token" for state in states)


async def test_old_numbers_are_marked_on_the_pages_that_show_them(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    time, counting = Time(monkeypatch), Counting(config, monkeypatch)
    browser = await config.browser()
    counter: Any = config.app.state.application.customer_counter
    await counted(counter)
    for page in ("/live", "/status"):
        await browser.open(page)
        assert "as-of-old" not in browser.page.text
    counting.away = True
    time.now += 20
    await counted(counter)
    for page in ("/live", "/live/numbers", "/status", "/status/rows"):
        await browser.open(page)
        assert "as-of-old" in browser.page.text and "and not renewed since" in browser.text
