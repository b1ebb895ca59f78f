"""Due work against a real server: claimed once, its outcome taken in once, given back, and tried again."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from prometheus_client import REGISTRY

from shared.domain.rules import Unavailable
from shared.jobs.claim import Claim, GiveBack, Outcome
from shared.jobs.worker import Worker
from shared.store.mongo import Mongo
from shared.store.store import Store
from tests.shared.jobs.mailer_kit import Work, due_at, mailer, state_of
from tests.shared.kit.core import NOW, Tally, Ticking, put, store
from tests.shared.kit.faults import Crash, Fuse, faulty


async def test_what_is_due_is_done_and_what_is_not_is_left(tallies: Store[Tally], clock: Ticking) -> None:
    await tallies.apply("now", put(mail_at=NOW))
    await tallies.apply("later", put(mail_at=NOW + timedelta(minutes=5)))
    await tallies.apply("never", put())
    done: list[str] = []
    due = Worker(store=tallies, job="mail", execute=mailer(done))
    for minutes, expected in ((0, ["now"]), (4, ["now"]), (6, ["now", "later"])):
        clock.now = NOW + timedelta(minutes=minutes)
        await due.once()
        await due.settled()
        assert done == expected
    assert (await state_of(tallies, "later")).mails == 1


async def test_a_crash_at_any_await_loses_no_work_and_takes_no_outcome_in_twice(
    mongo: Mongo, tallies: Store[Tally], clock: Ticking
) -> None:
    for point in range(1, 30):
        fuse, done, id = Fuse(point), list[str](), f"d{point}"
        broken = store(faulty(mongo.collection("tallies"), fuse), clock=clock)
        await tallies.apply(id, put(mail_at=clock()))
        work = mailer(done)

        async def mail(claim: Claim[Tally], fuse: Fuse = fuse, work: Work = work) -> Outcome[Tally] | None:
            return await fuse.guard(work(claim))

        due, crashed = Worker(store=broken, job="mail", execute=mail), False
        try:
            await due.once()
        except Crash:
            crashed = True
        for task in set(due._tasks):
            crashed = isinstance((await asyncio.gather(task, return_exceptions=True))[0], Crash) or crashed
        clock.move(60)
        fresh = Worker(store=tallies, job="mail", execute=mailer(done))
        await fresh.once()
        await fresh.settled()
        assert ((await state_of(tallies, id)).mails, 1 <= len(done) <= 2) == (1, True)
        if not crashed:
            assert point == 13  # find, claim, read back, execute, load and write: before and after each
            return
    raise AssertionError("due work never ended")


async def test_two_replicas_share_the_work(mongo: Mongo, tallies: Store[Tally], clock: Ticking) -> None:
    other = store(mongo.collection("tallies"), clock=clock)
    for number in range(60):
        await tallies.apply(f"d{number:02}", put(mail_at=NOW))
    done: list[str] = []
    replicas = [Worker(store=one, job="mail", execute=mailer(done), concurrency=20) for one in (tallies, other)]
    for _ in range(6):
        await asyncio.gather(*(due.once() for due in replicas))
        await asyncio.gather(*(due.settled() for due in replicas))
    assert sorted(done) == [f"d{number:02}" for number in range(60)]


async def outcome(tallies: Store[Tally], error: BaseException | None) -> Worker[Tally]:
    async def ends(claim: Claim[Tally]) -> None:
        if error:
            raise error

    await tallies.apply("a", put(mail_at=NOW))
    due = Worker(store=tallies, job="mail", execute=ends)
    await due.once()
    await due.settled()
    return due


ENDINGS: list[tuple[BaseException | None, float]] = [
    (GiveBack(), 0),
    (Unavailable("SMTP", retry_after=7), 7),
    (ValueError("a bug"), 30),
    (None, 30),
]


@pytest.mark.parametrize(("error", "seconds"), ENDINGS)
async def test_how_work_without_an_outcome_is_due_again(
    tallies: Store[Tally], clock: Ticking, error: BaseException | None, seconds: float
) -> None:
    await outcome(tallies, error)
    assert await due_at(tallies) == NOW + timedelta(seconds=seconds)
    clock.move(seconds + 0.001)
    assert await Worker(store=tallies, job="mail", execute=mailer()).once() == 1


async def test_an_outcome_that_came_too_late_leaves_what_is_due_now_due_at_once(
    tallies: Store[Tally], clock: Ticking
) -> None:
    async def overtaken(claim: Claim[Tally]) -> Outcome[Tally]:
        await tallies.apply("a", put(mail_at=NOW, note="another mail is wanted meanwhile"))
        return Outcome(lambda state, now: None)

    await tallies.apply("a", put(mail_at=NOW))
    due = Worker(store=tallies, job="mail", execute=overtaken)
    await due.once()
    await due.settled()
    assert await due_at(tallies) == NOW
    assert await Worker(store=tallies, job="mail", execute=mailer()).once() == 1


async def test_unavailable_and_bugs_are_tried_ever_more_rarely(tallies: Store[Tally], clock: Ticking) -> None:
    for error, most in ((Unavailable("SMTP", retry_after=1), 60), (ValueError("a bug"), 3600)):
        due, pauses = await outcome(tallies, error), list[float]()
        for _ in range(12):
            clock.now = (await due_at(tallies)) or clock.now
            await due.once()
            await due.settled()
            pauses.append((((await due_at(tallies)) or clock.now) - clock.now).total_seconds())
        assert pauses == sorted(pauses)
        assert (pauses[-1], pauses[0] < pauses[-1]) == (most, True)
        await tallies.apply("a", put(mail_at=None))


async def test_two_lanes_of_one_document_are_held_apart(tallies: Store[Tally], clock: Ticking) -> None:
    go = asyncio.Event()

    async def checks(claim: Claim[Tally]) -> Outcome[Tally]:
        await go.wait()
        return Outcome(put(checks=1, check_at=None))

    await tallies.apply("a", put(mail_at=NOW, check_at=NOW))
    mail, check = (
        Worker(store=tallies, job="mail", execute=mailer()),
        Worker(store=tallies, job="check", execute=checks),
    )
    assert (await check.once(), await mail.once()) == (1, 1)
    await mail.settled()
    assert (
        await Worker(store=tallies, job="check", execute=checks).once() == 0
    )  # the mail's outcome left the other lease alone
    go.set()
    await check.settled()
    state = await state_of(tallies)
    assert (state.mails, state.checks, await due_at(tallies, "check")) == (1, 1, None)


def test_failures_of_a_lane_are_counted_from_nought(tallies: Store[Tally]) -> None:
    """So that the first one is a rise that an alert sees."""
    Worker(store=tallies, job="never ran", execute=mailer())
    labels = {"lane": "never ran", "outcome": "bug"}
    assert REGISTRY.get_sample_value("tokenswitch_due_done_total", labels) == 0
