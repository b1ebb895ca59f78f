"""Just after an election a read may be older than what was confirmed before it: a decision that writes nothing is made
again on what a linearizable read gives."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime

import pytest

from shared.domain.rules import Change, Refused
from shared.store.mongo import Mongo
from shared.store.store import Store
from shared.store.write_plan import Step
from tests.shared.kit.core import NOW, Tally, add, store
from tests.shared.kit.mongo_proxy import MongoProxy, Refusal, is_linearizable, proxied


def follows(state: Tally | None, now: datetime) -> Change[Tally] | None:
    """Number 2 counts only behind number 1, as most events of a switch do."""
    return add(2)(state, now) if state and 1 in state.taken else None


def refuses(state: Tally | None, now: datetime) -> Change[Tally]:
    if change := follows(state, now):
        return change
    raise Refused("too_early", "Number 1 is missing.")


def fails(state: Tally | None, now: datetime) -> Change[Tally]:
    assert state is not None
    return add(state.taken[0] + 1)(state, now)


RULES = {"nothing to do": follows, "refused": refuses, "a bug": fails}


@pytest.fixture
async def proxy(mongo_url: str) -> AsyncIterator[MongoProxy]:
    async with proxied(mongo_url) as proxy:
        yield proxy


@pytest.fixture
async def tallies(proxy: MongoProxy, mongo: Mongo, mongo_database: str) -> AsyncIterator[Store[Tally]]:
    client = Mongo(proxy.url, mongo_database)
    yield store(client.collection("tallies"), clock=lambda: NOW)
    await asyncio.to_thread(client.close)  # its monitor waits for the proxy, which this loop serves


def step(rule: str) -> Step[Tally]:
    return Step(rule=RULES[rule], cause="other/links/c/2/0")


@pytest.mark.parametrize("older", ["another version", "none"])
@pytest.mark.parametrize("rule", RULES)
async def test_a_decision_on_what_was_older_is_made_again(
    rule: str, older: str, proxy: MongoProxy, tallies: Store[Tally]
) -> None:
    await tallies.apply("c", add(0))
    before = await tallies.collection.get("c")
    assert before
    before["state"]["taken"] = []
    await tallies.collection.update_many({"_id": "c"}, {"$set": {"state.taken": [1]}, "$inc": {"version": 1}})

    proxy.older = [before] if older == "another version" else []
    assert await tallies.fold({"c": [step(rule)]}) == []
    (stored,) = await tallies.collection.find_latest(["c"])
    assert stored["state"]["taken"] == [1, 2]


@pytest.mark.parametrize("rule", ["nothing to do", "refused"])
async def test_a_command_is_not_answered_by_what_was_older(rule: str, proxy: MongoProxy, tallies: Store[Tally]) -> None:
    await tallies.apply("c", add(1))
    proxy.older = []
    assert (await tallies.apply("c", RULES[rule])).changed


async def test_what_stands_there_is_decided_once(proxy: MongoProxy, tallies: Store[Tally]) -> None:
    await tallies.apply("c", add(3))
    proxy.commands.clear()
    assert await tallies.fold({"c": [step("nothing to do")], "d": [step("nothing to do")]}) == []
    with pytest.raises(Refused):
        await tallies.apply("d", refuses)
    assert [name for name in proxy.commands if name != "hello"] == ["find"] * 4
    ((id, _, error),) = await tallies.fold({"d": [step("a bug")]})
    assert id == "d" and isinstance(error, AssertionError)


@pytest.mark.parametrize("code", [123, 72, 115])
async def test_a_server_that_knows_no_linearizable_reads_is_taken_at_its_word(
    code: int, proxy: MongoProxy, tallies: Store[Tally], caplog: pytest.LogCaptureFixture
) -> None:
    await tallies.apply("c", add(3))
    proxy.refusal, proxy.only = Refusal(code=code), lambda command, statements: is_linearizable(command)
    for _ in range(2):
        assert not (await tallies.apply("c", follows)).changed
    assert caplog.text.count(f"knows no linearizable reads (error {code})") == 1
