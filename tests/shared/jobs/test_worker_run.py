"""The loop of due work: woken by writes, at rest when idle, prompt to stop, calm while MongoDB is away."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from shared.domain.rules import Unavailable, utc_now
from shared.jobs.claim import Claim, Outcome
from shared.jobs.worker import Worker
from shared.store.mongo import Collection, Mongo
from shared.store.operations import Document, Filter, Sort
from shared.store.store import Store
from tests.shared.jobs.mailer_kit import mailer, sent
from tests.shared.kit.core import Tally, eventually, put, store
from tests.shared.kit.faults import parts_of


class Counting(Collection):
    """Counts the reads; `away` makes them fail."""

    reads = 0
    away = False

    async def find(
        self, where: Filter, *, sort: Sort = (), limit: int, fields: Sequence[str] | None = None
    ) -> list[Document]:
        self.reads += 1
        if self.away:
            raise Unavailable("MongoDB")
        return await super().find(where, sort=sort, limit=limit, fields=fields)


@pytest.fixture
async def collection(mongo: Mongo) -> Counting:
    return Counting(*parts_of(mongo.collection("tallies")))


@pytest.fixture
async def tallies(collection: Counting) -> Store[Tally]:
    made = store(collection)
    await made.prepare()
    return made


async def looked(parts: list[str | None]) -> None:
    """Until the loop has looked for what is due, and waits."""

    async def told() -> bool:
        return parts[-1:] == [None]

    await eventually(told)


async def stop(stopping: asyncio.Event, running: asyncio.Future[Any]) -> None:
    stopping.set()
    await asyncio.wait_for(running, 12)


async def mailed(tallies: Store[Tally], id: str = "a") -> bool:
    found = await tallies.get(id)
    return found is not None and found.state.mails == 1


@pytest.mark.parametrize("seconds", [0.0, 0.3])
async def test_work_starts_by_the_write_not_by_the_tick(tallies: Store[Tally], seconds: float) -> None:
    stopping, parts = asyncio.Event(), list[str | None]()
    running = asyncio.ensure_future(
        Worker(store=tallies, job="mail", execute=mailer(), tick_seconds=1000, health=parts.append).run(stopping)
    )
    await looked(parts)
    await tallies.apply("far", put(mail_at=utc_now() + timedelta(days=1)))
    await tallies.fold({})
    await tallies.apply("a", put(mail_at=utc_now() + timedelta(seconds=seconds)))
    await eventually(lambda: mailed(tallies))
    await stop(stopping, running)


async def test_deadlines_far_away_cost_no_look(collection: Counting, tallies: Store[Tally]) -> None:
    stopping, parts = asyncio.Event(), list[str | None]()
    running = asyncio.ensure_future(
        Worker(store=tallies, job="mail", execute=mailer(), tick_seconds=1000, health=parts.append).run(stopping)
    )
    await looked(parts)
    before = collection.reads
    for number in range(20):
        await tallies.apply(f"d{number}", put(mail_at=utc_now() + timedelta(days=1)))
    await asyncio.sleep(0.1)
    assert collection.reads == before
    await stop(stopping, running)


async def test_more_work_than_hands_is_done_without_waiting_for_ticks(tallies: Store[Tally]) -> None:
    for number in range(25):
        await tallies.apply(f"d{number}", put(mail_at=utc_now()))
    stopping = asyncio.Event()
    running = asyncio.ensure_future(
        Worker(store=tallies, job="mail", execute=mailer(), concurrency=4, tick_seconds=1000).run(stopping)
    )

    async def all_done() -> bool:
        return all([await mailed(tallies, f"d{number}") for number in range(25)])

    await eventually(all_done)
    await stop(stopping, running)


async def test_stopping_gives_back_what_waits_and_finishes_what_runs(tallies: Store[Tally]) -> None:
    started = asyncio.Event()

    async def polls(claim: Claim[Tally]) -> Outcome[Tally] | None:
        started.set()
        if claim.id == "runs":
            await asyncio.sleep(0.3)
            return Outcome(sent)
        await claim.sleep(1000)
        raise AssertionError("a sleep ends by GiveBack")

    for id in ("waits", "runs"):
        await tallies.apply(id, put(mail_at=utc_now()))
    stopping = asyncio.Event()
    running = asyncio.ensure_future(Worker(store=tallies, job="mail", execute=polls).run(stopping))
    await started.wait()
    await stop(stopping, running)
    assert await mailed(tallies, "runs")
    other = Worker(store=tallies, job="mail", execute=mailer())
    assert await other.once() == 1  # at once, not after the lease
    await other.settled()
    assert await mailed(tallies, "waits")


async def test_what_does_not_end_in_time_is_given_back_too(tallies: Store[Tally]) -> None:
    async def hangs(claim: Claim[Tally]) -> None:
        await asyncio.Event().wait()

    await tallies.apply("a", put(mail_at=utc_now()))
    stopping = asyncio.Event()
    due = Worker(store=tallies, job="mail", execute=hangs, grace_seconds=0.2)
    running = asyncio.ensure_future(due.run(stopping))

    async def held() -> bool:
        return bool(due._held)

    await eventually(held)
    await stop(stopping, running)
    assert await Worker(store=tallies, job="mail", execute=mailer()).once() == 1


async def test_mongodb_away_ends_neither_the_loop_nor_the_work(collection: Counting, tallies: Store[Tally]) -> None:
    goes_on, parts = asyncio.Event(), list[str | None]()

    async def works(claim: Claim[Tally]) -> Outcome[Tally]:
        await goes_on.wait()
        return Outcome(sent)

    await tallies.apply("a", put(mail_at=utc_now()))
    stopping = asyncio.Event()
    due = Worker(store=tallies, job="mail", execute=works, tick_seconds=0.05, lease_seconds=0.3, health=parts.append)
    running = asyncio.ensure_future(due.run(stopping))

    async def held() -> bool:
        return bool(due._held)

    async def red() -> bool:
        return "MongoDB" in parts

    await eventually(held)
    collection.away = True
    await eventually(red)
    await asyncio.sleep(0.5)  # renewals fail as well
    collection.away = False
    goes_on.set()
    await eventually(lambda: mailed(tallies))
    await looked(parts)
    assert not running.done()
    await stop(stopping, running)
