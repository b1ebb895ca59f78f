"""Leases against a real server: renewed, lost, run out under work that goes on, and kept apart from rules."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import pytest

from shared.domain.rules import Unavailable
from shared.jobs.claim import Claim, GiveBack, Outcome
from shared.jobs.worker import Worker
from shared.store.mongo import Collection, Mongo
from shared.store.operations import Document, Filter
from shared.store.store import Store
from tests.shared.jobs.mailer_kit import due_at, mailer, sent, state_of
from tests.shared.kit.core import NOW, Tally, Ticking, put, store
from tests.shared.kit.faults import parts_of


@pytest.mark.parametrize("first_succeeds", [True, False])
async def test_a_lease_that_runs_out_while_its_holder_still_works(
    tallies: Store[Tally], mongo: Mongo, clock: Ticking, first_succeeds: bool
) -> None:
    goes_on = asyncio.Event()

    async def slow(claim: Claim[Tally]) -> Outcome[Tally]:
        await goes_on.wait()
        if not first_succeeds:
            raise Unavailable("SMTP")
        return Outcome(sent)

    await tallies.apply("a", put(mail_at=NOW))
    first = Worker(store=tallies, job="mail", execute=slow)
    assert await first.once() == 1
    clock.move(31)
    second_goes_on = asyncio.Event()

    async def second_works(claim: Claim[Tally]) -> Outcome[Tally]:
        await second_goes_on.wait()
        return Outcome(put(checks=1, mail_at=NOW + timedelta(days=1)))

    second = Worker(store=store(mongo.collection("tallies"), clock=clock), job="mail", execute=second_works)
    assert await second.once() == 1
    goes_on.set()
    await first.settled()
    held = await tallies.collection.get("a")
    assert held is not None
    lease = held["lease"]["mail"]
    assert (lease["n"], lease["until"]) == (2, clock() + timedelta(seconds=30))
    assert await Worker(store=tallies, job="mail", execute=mailer()).once() == 0  # the second one still holds it
    second_goes_on.set()
    await second.settled()
    state = await state_of(tallies)
    assert (state.mails, state.checks) == (int(first_succeeds), 1)
    assert await due_at(tallies) == NOW + timedelta(days=1)


async def test_a_holder_that_lost_its_lease_hears_of_it(tallies: Store[Tally], mongo: Mongo, clock: Ticking) -> None:
    given_back = asyncio.Event()

    async def polls(claim: Claim[Tally]) -> None:
        try:
            while True:
                await claim.sleep(0.01)
        except GiveBack:
            given_back.set()
            raise

    await tallies.apply("a", put(mail_at=NOW))
    first = Worker(store=tallies, job="mail", execute=polls)
    await first.once()
    clock.move(31)
    second = Worker(store=store(mongo.collection("tallies"), clock=clock), job="mail", execute=mailer())
    await second.once()
    await first.renew()
    await asyncio.wait_for(given_back.wait(), 5)
    await first.settled()
    await second.settled()
    assert (await state_of(tallies)).mails == 1


async def test_renewals_keep_the_lease_and_bring_the_state(tallies: Store[Tally], clock: Ticking) -> None:
    seen: list[str] = []
    go = asyncio.Event()

    async def looks(claim: Claim[Tally]) -> Outcome[Tally]:
        await go.wait()
        seen.append(claim.state.note)
        return Outcome(sent)

    for id in ("a", "b"):
        await tallies.apply(id, put(mail_at=NOW))
    holder, other = (
        Worker(store=tallies, job="mail", execute=looks),
        Worker(store=tallies, job="mail", execute=mailer()),
    )
    assert await holder.once() == 2
    for _ in range(4):
        clock.move(20)
        await holder.renew()
        assert await other.once() == 0
    await tallies.apply("a", put(note="changed"))
    await holder.renew()
    go.set()
    await holder.settled()
    assert sorted(seen) == ["", "changed"]


async def test_what_is_held_hears_at_the_next_look_that_its_document_was_overtaken(
    tallies: Store[Tally], clock: Ticking
) -> None:
    notes: list[str] = []
    go = asyncio.Event()

    async def looks(claim: Claim[Tally]) -> Outcome[Tally]:
        await go.wait()
        notes.append(claim.state.note)
        return Outcome(sent)

    for id in ("a", "b"):
        await tallies.apply(id, put(mail_at=NOW))
    holder, other = (
        Worker(store=tallies, job="mail", execute=looks),
        Worker(store=tallies, job="mail", execute=mailer()),
    )
    await holder.once()
    await tallies.apply("a", put(note="overtaken", mail_at=NOW))
    assert await other.once() == 0
    await other.notice()
    await holder.notice()
    go.set()
    await holder.settled()
    assert sorted(notes) == ["", "overtaken"]


@pytest.mark.parametrize("moved", [None, NOW + timedelta(days=1)])
async def test_a_renewal_does_not_undo_a_deadline_that_a_rule_moved(
    tallies: Store[Tally], clock: Ticking, moved: datetime | None
) -> None:
    async def forever(claim: Claim[Tally]) -> None:
        await asyncio.Event().wait()

    await tallies.apply("a", put(mail_at=NOW))
    holder = Worker(store=tallies, job="mail", execute=forever)
    await holder.once()
    await tallies.apply("a", put(mail_at=moved))  # a cancel, say, while the mail is being sent
    await holder.renew()
    assert await due_at(tallies) == moved
    clock.move(3600)  # the holder was killed: nobody executes what is no longer due
    assert await Worker(store=tallies, job="mail", execute=mailer()).once() == 0
    for task in holder._tasks:
        task.cancel()
    await holder.settled()


async def test_a_lease_of_our_own_that_ran_out_is_not_claimed_twice_here(tallies: Store[Tally], clock: Ticking) -> None:
    go, done = asyncio.Event(), list[str]()

    async def slow(claim: Claim[Tally]) -> Outcome[Tally]:
        await go.wait()
        done.append(claim.id)
        return Outcome(sent)

    await tallies.apply("a", put(mail_at=NOW))
    due = Worker(store=tallies, job="mail", execute=slow)
    assert await due.once() == 1
    clock.move(31)
    assert await due.once() == 0
    go.set()
    await due.settled()
    assert (done, due._held) == (["a"], {})


async def test_a_release_does_not_undo_a_deadline_that_a_rule_moves_at_that_moment(
    mongo: Mongo, tallies: Store[Tally], clock: Ticking
) -> None:
    class Late(Collection):
        """A rule writes between the release's read and its write."""

        written = False

        async def update_many(self, where: Filter, change: Document) -> int:
            if isinstance(where.get("_id"), str):
                await self.meanwhile()
            return await super().update_many(where, change)

        async def meanwhile(self) -> None:
            if not self.written:
                self.written = True
                await tallies.apply("a", put(mail_at=NOW + timedelta(days=1)))

    async def gives_back(claim: Claim[Tally]) -> None:
        raise GiveBack

    await tallies.apply("a", put(mail_at=NOW))
    late = Late(*parts_of(mongo.collection("tallies")))
    due = Worker(store=store(late, clock=clock), job="mail", execute=gives_back)
    await due.once()
    await due.settled()
    assert (late.written, await due_at(tallies)) == (True, NOW + timedelta(days=1))
