"""How many customers are in which state: counted once, then only the lots in which something was written."""

from __future__ import annotations

import asyncio
import dataclasses
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from config_svc import metrics
from config_svc.domain.model import Customer, Grant, Status
from config_svc.queries import customer_counts
from shared.domain.rules import Unavailable
from shared.store.write_plan import WritePlan
from tests.config_svc.config_kit import Config
from tests.config_svc.queries.test_config_plans import customer

COUNT = 300


@pytest_asyncio.fixture
async def some(tmp_path: Path, mongo_url: str) -> AsyncIterator[Config]:
    config = Config(tmp_path, mongo_url, f"test_{uuid.uuid4().hex[:16]}")
    await config.prepare()
    await write(config, [(customer(n, config), 0) for n in range(COUNT)])
    yield config
    config.service.mongo.close()


async def write(config: Config, rows: Sequence[tuple[Customer, int]]) -> None:
    form = config.customers._mapping
    for start in range(0, len(rows), 100):
        plans = [WritePlan(id=state.id, version=version, state=state) for state, version in rows[start : start + 100]]
        await config.customers.collection.write([form.write(plan, None, config.now) for plan in plans])


def expected(states: Sequence[Customer]) -> dict[str, Counter[str]]:
    there = [state for state in states if not state.removed]
    return {
        "status": Counter(state.status for state in there),
        "method": Counter(state.method for state in there),
        "switch": Counter(state.switch.state for state in there if state.switch),
    }


def said(found: customer_counts.CustomerCounts) -> dict[str, Counter[str]]:
    return {
        name: Counter({k: n for k, n in getattr(found, name).items() if n}) for name in ("status", "method", "switch")
    }


@contextmanager
def lots_read(config: Config) -> Iterator[list[int]]:
    """How many documents each read of lots was given."""
    given: list[int] = []
    find = config.customers.collection.find

    async def noting(where: Any, **more: Any) -> Any:
        found = await find(where, **more)
        if "index.lot" in where:
            given.append(len(found))
        return found

    config.customers.collection.find = noting  # type: ignore[method-assign]
    try:
        yield given
    finally:
        config.customers.collection.find = find  # type: ignore[method-assign]


async def test_the_counts_are_what_the_customers_are(some: Config) -> None:
    states = [customer(n, some) for n in range(COUNT)]
    found = await customer_counts.CustomerCounter(some.customers, some.clock).counted()
    assert said(found) == expected(states) and found.customers == COUNT and found.at == some.now
    assert (found.lost, found.expiring) == (0, 0)


async def test_what_was_written_since_is_counted_and_nothing_else(some: Config) -> None:
    counter = customer_counts.CustomerCounter(some.customers, some.clock, least=0)
    for _ in range(2):
        await counter.counted()
        some.now += timedelta(hours=1)
    changed = {3: _now(some, 3, "successful"), 7: dataclasses.replace(customer(7, some), removed=True)}
    await write(some, [(state, 1) for state in changed.values()])
    with lots_read(some) as given:
        found = await counter.counted()
    states = [changed.get(n) or _before(some, n) for n in range(COUNT)]
    assert said(found) == expected(states) and found.customers == COUNT - 1
    assert found.lost == 1 and found.expiring == 1
    assert len(given) == 2 and sum(given) < COUNT / 10


async def test_a_write_that_comes_later_than_its_plan_is_counted(some: Config) -> None:
    counter = customer_counts.CustomerCounter(some.customers, some.clock, least=0)
    planned, some.now = some.now, some.now + timedelta(hours=1)
    await counter.counted()
    late = WritePlan(id="c-late", version=0, state=dataclasses.replace(customer(1, some), id="c-late"))
    some.now += timedelta(seconds=8)
    await some.customers.collection.write([some.customers._mapping.write(late, None, some.now - timedelta(seconds=9))])
    assert planned < some.now and (await counter.counted()).customers == COUNT + 1


async def test_where_too_much_was_written_all_are_counted_anew(some: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(customer_counts, "MOST_WRITTEN", 20)
    counter = customer_counts.CustomerCounter(some.customers, some.clock, least=0)
    await counter.counted()
    some.now += timedelta(hours=1)
    await write(some, [(_now(some, n, "unknown"), 1) for n in range(40)])
    found = await counter.counted()
    assert found.status["unknown"] == 40 + sum(_before(some, n).status == "unknown" for n in range(40, COUNT))


async def test_a_count_that_fails_keeps_the_numbers_and_is_made_up_for(
    some: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    counter = customer_counts.CustomerCounter(some.customers, some.clock, least=0)
    first = await counter.counted()
    some.now += timedelta(hours=1)
    await write(some, [(_now(some, 3, "failed"), 1)])
    with monkeypatch.context() as away:
        away.setattr(counter, "_these", _away)
        assert await counter.counted() == first
    some.now += timedelta(hours=1)
    assert (await counter.counted()).lost == 1


async def test_nobody_waits_for_a_count_that_takes_its_time(some: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    counter = customer_counts.CustomerCounter(some.customers, some.clock, least=0)
    first = await counter.counted()
    monkeypatch.setattr(counter, "_lasted", 2.0)
    monkeypatch.setattr(counter, "_until", 0.0)
    held = asyncio.Event()

    async def slow(*_: Any) -> None:
        await held.wait()

    monkeypatch.setattr(counter, "_these", slow)
    assert await asyncio.wait_for(counter.counts(), 30) == first
    assert not held.is_set()
    held.set()
    await counter.counted()


def _before(config: Config, n: int) -> Customer:
    """As it was an hour ago: dates of the sample follow the clock."""
    return dataclasses.replace(customer(n, config))


def _now(config: Config, n: int, status: Status) -> Customer:
    """Its token died, and its secret expires soon."""
    state = customer(n, config)
    account = state.grant.account if state.grant else customer(1, config).grant.account  # type: ignore[union-attr]
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


async def _away(*_: Any) -> None:
    raise Unavailable("MongoDB", "away")


async def test_the_numbers_stand_at_metrics_and_are_counted_though_nobody_looks(some: Config) -> None:
    counter, stopping = customer_counts.CustomerCounter(some.customers, some.clock, least=0), asyncio.Event()
    counting = asyncio.create_task(customer_counts.keep_counting(counter, stopping))
    states = [customer(n, some) for n in range(COUNT)]
    for _ in range(1200):
        if metrics.COUNTED._value.get() == some.now.timestamp():
            break
        await asyncio.sleep(0.05)
    stopping.set()
    await asyncio.wait_for(counting, 10)
    shown = {name: metrics.CUSTOMERS.labels(status=name)._value.get() for name in ("failed", "successful")}
    assert shown == {name: sum(state.status == name for state in states) for name in shown}
    tokens = sum(state.method == "token" for state in states)
    assert metrics.GRANTS.labels(health="healthy")._value.get() == tokens
