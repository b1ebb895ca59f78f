"""The one-document write against a real server: atomic, guarded, repeatable, bounded."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from shared.contracts.events import EmailFailed
from shared.domain.rules import Change, Refused, Unavailable
from shared.store.mongo import Mongo, NotWritable
from shared.store.operations import Index, Insert
from shared.store.store import Store
from shared.store.write_plan import MAX_EVENT_BYTES, MAX_UNSENT, TooLarge
from tests.shared.kit.core import NOW, Tally, add, command, put, step, store
from tests.shared.kit.faults import Crash, Fuse, faulty, parts_of


@pytest.fixture
async def tallies(mongo: Mongo) -> Store[Tally]:
    made = store(mongo.collection("tallies"))
    await made.prepare()
    return made


async def test_a_change_and_its_events_are_one_document(tallies: Store[Tally]) -> None:
    await tallies.apply("a", add(1))
    document = await tallies.collection.get("a")
    assert document is not None
    assert document["state"]["taken"] == [1]
    assert [(entry["id"], entry["type"], entry["key"]) for entry in document["outbox"]] == [
        ("toy/tallies/a/1/0", "InvitationRevoked", "c")
    ]
    assert document["unsent"] == document["outbox"][0]["at"]


@pytest.mark.parametrize("kind", ["command", "cause"])
async def test_apply_survives_a_crash_at_any_await(mongo: Mongo, tallies: Store[Tally], kind: str) -> None:
    for point in range(1, 20):
        fuse, id = Fuse(point), f"{kind}{point}"
        broken = store(faulty(mongo.collection("tallies"), fuse))
        more = {"command": command("k")} if kind == "command" else {"cause": "e"}
        await tallies.apply(id, put(note="there"))
        crashed = False
        try:
            await broken.apply(id, add(1), **more)
        except Crash:
            crashed = True
        await tallies.apply(id, add(1), **more)
        document = await tallies.collection.get(id)
        assert document is not None
        assert document["state"]["taken"] == [1]
        assert len(document["outbox"]) == 1
        if not crashed:
            assert point == 5  # before and after the read, before and after the write
            return
    raise AssertionError("apply never ended")


@pytest.mark.parametrize("replicas", [1, 4])
async def test_a_hundred_racing_writers_lose_nothing(mongo: Mongo, tallies: Store[Tally], replicas: int) -> None:
    stores = [store(mongo.collection("tallies")) for _ in range(replicas)]
    racing = (stores[n % replicas].apply("a", add(n), cause=f"e{n % 50}") for n in range(100))
    await asyncio.gather(*racing)
    found = await tallies.get("a")
    assert found is not None
    assert len(found.state.taken) == found.state.said == found.version == 50
    assert len({number % 50 for number in found.state.taken}) == 50


async def test_a_command_sent_again_gets_the_same_answer(tallies: Store[Tally]) -> None:
    once = await tallies.apply("a", add(1), command=command("k"))
    again = await tallies.apply("a", add(2), command=command("k"))
    assert (once.answer, once.changed) == ({"number": 1}, True)
    assert (again.answer, again.changed) == ({"number": 1}, False)
    assert again.state is not None
    assert again.state.taken == (1,)


async def test_a_key_used_for_another_request_is_refused(tallies: Store[Tally]) -> None:
    await tallies.apply("a", add(1), command=command("k", "one"))
    with pytest.raises(Refused) as caught:
        await tallies.apply("a", add(1), command=command("k", "two"))
    refused = caught.value
    assert (refused.status, refused.code, refused.field) == (422, "idempotency_key_reused", "Idempotency-Key")


async def test_racing_copies_of_one_command_are_one_change(tallies: Store[Tally]) -> None:
    done = await asyncio.gather(*(tallies.apply("a", add(1), command=command("k")) for _ in range(20)))
    assert [applied.answer for applied in done] == [{"number": 1}] * 20
    assert sum(applied.changed for applied in done) == 1


async def test_what_is_seen_and_answered_is_bounded(tallies: Store[Tally]) -> None:
    await tallies.fold({"a": [step(number) for number in range(150)]})
    await tallies.fold({"a": [step(number) for number in range(150, 300)]})
    await tallies.collection.update_many({"_id": "a"}, {"$set": {"outbox": []}})
    for number in range(30):
        await tallies.apply("a", add(number), command=command(f"k{number}"))
    document = await tallies.collection.get("a")
    assert document is not None
    assert len(document["seen"]) == 200
    assert document["seen"][-1].endswith("/299/0")
    assert [answer["key"] for answer in document["answers"]] == [f"k{number}" for number in range(10, 30)]


async def test_too_many_unsent_events_stop_commands_but_not_facts(tallies: Store[Tally]) -> None:
    await tallies.fold({"a": [step(number) for number in range(MAX_UNSENT)]})
    with pytest.raises(Unavailable) as caught:
        await tallies.apply("a", add(1), command=command("k"))
    assert caught.value.part == "Kafka"
    assert not await tallies.fold({"a": [step(1000)]})
    found = await tallies.get("a")
    assert found is not None
    assert found.state.taken[-1] == 1000
    assert found.delayed is not None


async def test_an_event_over_256_kb_is_refused_by_its_bytes(tallies: Store[Tally]) -> None:
    def shout(state: Tally | None, now: object) -> Change[Tally]:
        why = "\N{SNOWMAN}" * (MAX_EVENT_BYTES // 2)  # fewer characters than allowed, more bytes
        return Change(
            Tally(customer="c"),
            (EmailFailed(customer="c", switch=1, kind="invitation", generation=1, tries=1, why=why, final=True),),
        )

    with pytest.raises(TooLarge) as caught:
        await tallies.apply("a", shout)
    assert caught.value.status == 413
    assert await tallies.get("a") is None


async def test_a_document_over_16_mb_is_refused_and_stays_as_it_was(tallies: Store[Tally]) -> None:
    await tallies.apply("a", add(1))
    with pytest.raises(NotWritable):
        await tallies.apply("a", put(note="x" * 17_000_000))
    with pytest.raises(NotWritable):
        await tallies.apply("new", put(note="x" * 17_000_000))
    found = await tallies.get("a")
    assert found is not None
    assert (found.version, found.state.note) == (1, "")
    assert await tallies.get("new") is None


async def test_in_a_fold_only_the_impossible_fact_is_given_up(tallies: Store[Tally]) -> None:
    large = replace(step(2), rule=put(note="x" * 17_000_000))
    not_bson = replace(step(5, "b"), rule=put(mails=1 << 70))
    work = {"a": [step(1), large, step(3)], "b": [step(4, "b"), not_bson], "c": [step(6)]}
    failed = await tallies.fold(work)
    assert [(id, given.origin, type(error)) for id, given, error in sorted(failed, key=lambda f: f[0])] == [
        ("a", 2, NotWritable),
        ("b", 5, NotWritable),
    ]
    assert {found.id: found.state.taken for found in await tallies.find({})} == {"a": (1, 3), "b": (4,), "c": (6,)}


async def test_a_state_that_cannot_be_read_holds_up_no_other_document(tallies: Store[Tally]) -> None:
    await tallies.apply("a", add(1))
    await tallies.collection.update_many({"_id": "a"}, {"$set": {"state.taken": "none"}})
    failed = await tallies.fold({"a": [step(2)], "b": [step(3)]})
    assert [(id, given.origin) for id, given, _ in failed] == [("a", 2)]
    assert await tallies.get("b") is not None


async def test_a_duplicate_in_another_index_ends_instead_of_going_round(mongo: Mongo) -> None:
    notes = store(mongo.collection("notes"), indexes=[Index(keys=(("state.note", 1),), unique=True)])
    await notes.prepare()
    await notes.apply("a", put(note="same"))
    with pytest.raises(NotWritable):
        await notes.apply("b", put(note="same"))
    failed = await notes.fold({"b": [replace(step(1), rule=put(note="same"))]})
    assert [type(error) for _, _, error in failed] == [NotWritable]


async def test_a_document_created_between_read_and_write_is_folded_again(mongo: Mongo, tallies: Store[Tally]) -> None:
    class Late(type(tallies.collection)):  # type: ignore[misc]
        """Another process creates the document just before our first write."""

        first = True

        async def write(self, operations: list[Insert]) -> object:
            if self.first:
                self.first = False
                await tallies.apply("a", add(7))
            return await super().write(operations)

    late = store(Late(*parts_of(mongo.collection("tallies"))))
    assert not await late.fold({"a": [step(1), step(2)], "b": [step(3)]})
    found = await tallies.get("a")
    assert found is not None
    assert (found.state.taken, found.state.said) == ((7, 1, 2), 3)


async def test_commands_and_folds_of_one_document_at_once_lose_nothing(tallies: Store[Tally]) -> None:
    async def folds() -> None:
        for start in range(0, 60, 10):
            await tallies.fold({"a": [step(number) for number in range(start, start + 10)]})

    await asyncio.gather(folds(), *(tallies.apply("a", add(100 + n)) for n in range(30)))
    found = await tallies.get("a")
    assert found is not None
    assert sorted(found.state.taken) == [*range(60), *range(100, 130)]
    assert [n for n in found.state.taken if n < 60] == list(range(60))
    document = await tallies.collection.get("a")
    assert document is not None
    assert len({entry["id"] for entry in document["outbox"]}) == 90


async def test_who_lost_the_partitions_does_not_fold_again(mongo: Mongo, tallies: Store[Tally]) -> None:
    class Guardless(type(tallies.collection)):  # type: ignore[misc]
        writes = 0

        async def write(self, operations: list[Insert]) -> object:
            self.writes += 1
            await tallies.apply("a", add(0))
            return await super().write(operations)

    collection = Guardless(*parts_of(mongo.collection("tallies")))
    await store(collection).fold({"a": [step(1)]}, owned=lambda: collection.writes < 3)
    assert collection.writes == 3


async def test_deadlines_follow_the_state(tallies: Store[Tally]) -> None:
    await tallies.apply("a", put(mail_at=NOW, check_at=NOW))
    await tallies.apply("a", put(mail_at=None))
    document = await tallies.collection.get("a")
    assert document is not None
    assert document["due"] == {"check": NOW}
