"""The numbers of Live: each event counts once, whatever comes twice, late, out of order or to two consumers at once."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from config_svc.domain import hourly_counts
from config_svc.domain.hourly_counts import EDGES, SHARES, HourlyCounts
from config_svc.queries.cached import Cached
from config_svc.queries.statistics import KEPT, Statistics, quantile
from config_svc.subscriptions import COUNTS, HOURLY_COUNTS, hourly_counts_id
from shared.contracts import cloudevents
from shared.contracts.cloudevents import Record
from shared.contracts.events import (
    AccessLost,
    AuthenticationFailed,
    AuthenticationStarted,
    Event,
    InvitationCreated,
    InvitationOpened,
    Person,
    SwitchCompleted,
    SwitchRequested,
)
from shared.contracts.reasons import REASONS
from shared.messaging.event_handlers import EventHandlers
from shared.messaging.kafka import KafkaRecord
from tests.config_svc.config_kit import NOW, TENANT, Config, Nowhere

HOUR = timedelta(hours=1)


def requested(customer: str, number: int = 1, invited: bool = True) -> SwitchRequested:
    invitee = Person("a@b.example") if invited else None
    return SwitchRequested(
        customer=customer,
        switch=number,
        to="token",
        renew=False,
        customer_name="Name",
        tenant_id=TENANT,
        methods=("sign_in",),
        accepted_roles=("r",),
        expires_at=NOW,
        invitee=invitee,
    )


def way(customer: str, took: timedelta = HOUR) -> list[Event]:
    """A switch from its request to its end, with a second attempt."""
    return [
        requested(customer),
        InvitationCreated(customer=customer, switch=1, generation=1, created_at=NOW, expires_at=NOW),
        InvitationOpened(customer=customer, switch=1, generation=1, opened_at=NOW),
        AuthenticationStarted(
            customer=customer, switch=1, attempt=1, method="sign_in", accepted_roles=("r",), tenant_id=TENANT
        ),
        AuthenticationFailed(customer=customer, switch=1, attempt=1, method="sign_in", reason="declined"),
        AuthenticationStarted(
            customer=customer, switch=1, attempt=2, method="sign_in", accepted_roles=("r",), tenant_id=TENANT
        ),
        SwitchCompleted(
            customer=customer,
            switch=1,
            to="token",
            method="sign_in",
            invited=True,
            grant="g",
            requested_at=NOW - took,
            in_force="token",
        ),
    ]


def raws(events: Sequence[Event], at: datetime = NOW) -> list[KafkaRecord]:
    found = []
    for n, event in enumerate(events):
        id = f"config/customers/{event.key}/{n}/0"
        headers = cloudevents.headers_of(id, type(event).__name__, at, event.key, None)
        found.append(
            KafkaRecord(
                topic="events",
                partition=0,
                offset=n,
                key=event.key.encode(),
                value=cloudevents.encode(event).encode(),
                headers=headers,
            )
        )
    return found


def member(config: Config) -> EventHandlers:
    """One consumer of the group, with what config-svc counts."""
    return EventHandlers(COUNTS, config.service._stores, Nowhere(), "dead", clock=config.clock)


async def take(intake: EventHandlers, records: Sequence[KafkaRecord]) -> None:
    for batch in intake.batches(records):
        await intake.handle(batch)
        assert not batch.dead, batch.dead


def statistics(config: Config) -> Statistics:
    return Statistics(config.service._stores[HOURLY_COUNTS], config.clock, least=0, past=0)


WHOLE = {
    "requested": 1,
    "asked": 1,
    "invited": 1,
    "opened": 1,
    "started": 1,
    "refused": 1,
    "reason/declined": 1,
    "completed": 1,
    "claimed": 1,
}


def plain(counts: Any) -> dict[str, int]:
    return {name: n for name, n in counts.items() if not name.startswith("took/")}


# --- the rule --------------------------------------------------------------------------------------------------------


def fold(events: Sequence[tuple[Event, datetime]]) -> HourlyCounts | None:
    state: HourlyCounts | None = None
    for event, at in events:
        change = hourly_counts.count(state, "t", event, at)
        state = change.state if change else state
    return state


def test_what_a_switch_adds_does_not_depend_on_the_order_of_its_events() -> None:
    events: list[tuple[Event, datetime]] = [(event, NOW + n * HOUR / 2) for n, event in enumerate(way("c1"))]
    straight, mixed = fold(events), list(events)
    for seed in range(20):
        random.Random(seed).shuffle(mixed)
        assert fold(mixed) == straight
    assert straight is not None and straight.hours["12"] == {"requested": 1, "asked": 1, "invited": 1}


def test_an_hour_is_that_of_the_event_in_utc() -> None:
    at = datetime.fromisoformat("2126-03-02T00:30:00+02:00")
    state = fold([(requested("c1"), at)])
    assert state is not None and (state.day, list(state.hours)) == ("2126-03-01", ["22"])


def test_a_switch_back_without_an_invitation_is_none_of_the_funnel() -> None:
    state = fold(
        [
            (requested("c1", invited=False), NOW),
            (
                SwitchCompleted(
                    customer="c1",
                    switch=1,
                    to="app_registration",
                    method="app_registration",
                    invited=False,
                    requested_at=NOW,
                ),
                NOW,
            ),
        ]
    )
    assert state is not None and state.hours["12"] == {"requested": 1, "completed": 1}


def test_a_day_stays_small_whatever_comes() -> None:
    events: list[tuple[Event, datetime]] = []
    for n in range(3000):
        at = NOW.replace(hour=n % 24)
        reason = list(REASONS)[n % len(REASONS)] if n % 2 else f"unheard-of-{n}"
        events.append((AccessLost(customer="c", customer_name="Name", method="token", reason=reason), at))
        done = NOW - timedelta(seconds=1.02 ** (n % 900))
        events.append(
            (SwitchCompleted(customer="c", switch=n, to="token", method="sign_in", invited=True, requested_at=done), at)
        )
    state = fold(events)
    assert state is not None
    assert len(state.hours) == 24 and max(map(len, state.hours.values())) < len(REASONS) + len(EDGES) + 12


def test_the_share_of_a_customer_is_one_of_its_partition() -> None:
    """So that with 1, 2, 3, 4, 6, 8, 12 or 24 partitions no two consumers write one document."""
    from aiokafka.partitioner import DefaultPartitioner

    for partitions in (12, 4, 24):
        numbers = list(range(partitions))
        for n in range(200):
            record = Record(
                id="id",
                type="SwitchRequested",
                source="",
                time=NOW,
                key=f"customer-{n}",
                trace=None,
                event=requested("x"),
            )
            share = int(hourly_counts_id(record).rpartition("/")[2])
            assert share < SHARES
            assert share % partitions == DefaultPartitioner()(f"customer-{n}".encode(), numbers, numbers)


# --- counted once ----------------------------------------------------------------------------------------------------


async def test_a_switch_counts_once_at_each_step(config: Config) -> None:
    await take(member(config), raws(way("c1")))
    window = await statistics(config).window("24h")
    assert plain(window.counts) == WHOLE
    assert window.reasons() == [("declined", 1)]


async def test_what_is_delivered_again_is_not_counted_again(config: Config) -> None:
    records = [record for n in range(30) for record in raws(way(f"c{n}"))]
    intake = member(config)
    await take(intake, records)
    config.later(hours=3)  # a member that was away for hours: what it hears again happened when it happened
    await take(member(config), records)
    await take(intake, [*records, *records])
    window = await statistics(config).window("24h")
    assert plain(window.counts) == {name: 30 * n for name, n in WHOLE.items()}
    assert sum(1 for column in window.columns if column.counts) == 1


async def test_two_consumers_that_take_in_the_same_at_once_count_it_once(config: Config) -> None:
    """As in a rebalance: the member that lost the partition still writes what the new one takes in already."""
    records = [record for n in range(40) for record in raws(way(f"c{n}"))]
    other = records[::-1]
    await asyncio.gather(take(member(config), records), take(member(config), other), take(member(config), records))
    window = await statistics(config).window("24h")
    assert plain(window.counts) == {name: 40 * n for name, n in WHOLE.items()}


async def test_two_consumers_of_different_customers_lose_nothing(config: Config) -> None:
    halves = [[record for n in range(start, 60, 2) for record in raws(way(f"c{n}"))] for start in (0, 1)]
    await asyncio.gather(*(take(member(config), half) for half in halves))
    window = await statistics(config).window("24h")
    assert plain(window.counts) == {name: 60 * n for name, n in WHOLE.items()}


async def test_the_service_counts_what_it_does_itself(config: Config) -> None:
    await config.invited()
    config.later(hours=2)
    await config.claims()
    window = await statistics(config).window("24h")
    assert (window.count("requested"), window.count("completed"), window.count("claimed")) == (1, 1, 1)
    took = window.took(0.5)
    assert took is not None and 7200 * 0.75 <= took <= 7200 * 1.25


# --- windows ---------------------------------------------------------------------------------------------------------


async def test_a_window_ends_with_the_hour_at_hand_and_begins_where_it_says(config: Config) -> None:
    ages = {"now": 0, "day": 22, "before": 24, "week": 7 * 24 - 2, "month": 30 * 24 - 2, "old": 31 * 24}
    for name, hours in ages.items():
        await take(member(config), raws([requested(name)], NOW - timedelta(hours=hours) + timedelta(minutes=20)))
    config.later(minutes=30)
    found = {name: await statistics(config).window(name) for name in ("24h", "7d", "30d")}
    assert [found[name].count("requested") for name in found] == [2, 4, 5]
    assert [len(window.columns) for window in found.values()] == [24, 8, 31]
    for window in found.values():
        assert sum(column.counts.get("requested", 0) for column in window.columns) == window.count("requested")
    day = found["24h"]
    assert (day.since, day.until) == (NOW - 23 * HOUR, NOW + HOUR)


async def test_another_replica_and_a_restart_show_the_same(config: Config) -> None:
    await take(member(config), raws(way("c1")))
    first, second = await statistics(config).window("7d"), await statistics(config).window("7d")
    assert first == second


async def test_a_day_that_is_over_is_read_once_in_a_while_and_today_again_and_again(config: Config) -> None:
    reader = Statistics(config.service._stores[HOURLY_COUNTS], config.clock, least=0, past=600)
    await take(member(config), raws([requested("c1")], NOW - timedelta(days=3)))
    assert (await reader.window("7d")).count("requested") == 1
    await take(member(config), raws([requested("late")], NOW - timedelta(days=3)))
    await take(member(config), raws([requested("new")], NOW))
    for _ in range(600):
        if (found := (await reader.window("7d")).count("requested")) > 1:
            break
        await asyncio.sleep(0.1)
    assert found == 2 and (await statistics(config).window("7d")).count("requested") == 3


async def test_old_days_are_removed_by_the_database(config: Config) -> None:
    await take(member(config), raws([requested("c1")]))
    document = (await config.service._stores[HOURLY_COUNTS].collection.find({}, limit=2))[0]
    assert document["index"]["ends"] == datetime(2126, 3, 1, tzinfo=UTC) + KEPT and document["index"]["day"] == (
        "2126-03-01"
    )


# --- quantiles, and values that many want ----------------------------------------------------------------------------


def test_quantiles_are_right_within_their_class() -> None:
    rng = random.Random(7)
    times = [rng.lognormvariate(9, 1.5) for _ in range(5000)]
    classes: dict[int, int] = {}
    for seconds in times:
        number = hourly_counts.took_class(seconds)
        classes[number] = classes.get(number, 0) + 1
    for part in (0.5, 0.9):
        true, found = sorted(times)[int(part * len(times))], quantile(classes, part)
        assert found is not None and abs(found - true) < 0.1 * true
    assert quantile({}, 0.5) is None and quantile({0: 1}, 1.0) == EDGES[0]


async def test_many_readers_ask_once() -> None:
    asked = 0

    async def ask() -> int:
        nonlocal asked
        asked += 1
        await asyncio.sleep(0.05)
        return asked

    cached = Cached(ask, least=30)
    assert await asyncio.gather(*(cached.get() for _ in range(20))) == [1] * 20
    slow = Cached(ask, least=0)
    assert [await slow.get() for _ in range(5)] == [2] * 5  # 50 ms of asking are good for a second


async def test_a_failed_look_is_not_kept() -> None:
    answers: list[Any] = [RuntimeError("away"), 7]

    async def ask() -> int:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return int(answer)

    cached = Cached(ask, least=30)
    with pytest.raises(RuntimeError):
        await cached.get()
    assert await cached.get() == 7
