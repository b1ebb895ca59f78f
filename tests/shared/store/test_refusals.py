"""MongoDB refuses, as it may at any time: what is not final is waited for, wherever it is met, and nothing is lost.

Driven through a proxy that answers in the wire protocol's own words, for each statement or for the whole command.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from shared.contracts.events import Actor
from shared.domain.rules import Unavailable
from shared.http.rate_limits import Limits
from shared.identity.bearer import Identity
from shared.identity.sessions import Sessions
from shared.jobs.leases import Leases
from shared.store.errors import FINAL_CODES, is_duplicate_id, is_final
from shared.store.mongo import Mongo
from shared.store.operations import Insert, Update
from shared.store.store import Store
from tests.shared.kit.core import NOW, Tally, add, step, store
from tests.shared.kit.mongo_proxy import DATA_COMMANDS, MongoProxy, Refusal, proxied

WAITED = {
    371: "user writes are blocked, also by a full disk",
    365: "a chunk or tenant migrates",
    16500: "throttled",
    133: "no primary",
    13388: "stale shard version",
    24: "lock timeout",
    121: "a validator",
    13: "a right is missing",
    18: "the login is not accepted",
    112: "write conflict",
    50: "time exceeded",
    8: "unknown error",
    424242: "a code that nobody has heard of",
}
RETRIED = {91: "shutdown", 189: "stepped down", 10107: "not primary", 11600: "interrupted", 13436: "not primary"}
"""The driver itself tries these again until the call's time is over."""
FINAL = {2: "bad value", 10334: "too large", 17419: "too large after the update", 17420: "too large to upsert"}
IDENTITY = Identity(Actor(id="operator-1"), frozenset({"operator"}))


class Callers:
    """Everything of the machinery that calls the database, once each; `effects` is what a call leaves behind."""

    def __init__(self, mongo: Mongo) -> None:
        self.mongo = mongo
        self.tallies: Store[Tally] = store(mongo.collection("tallies"), clock=lambda: NOW)
        self.sessions, self.limits = Sessions(mongo.collection("sessions")), Limits(mongo.collection("limits"))
        self.leases: Leases[Tally] = Leases(self.tallies, "mail", 30)

    async def apply(self) -> None:
        await self.tallies.apply("new", add(1, "new"), cause="a/b/c/1/0")

    async def apply_again(self) -> None:
        await self.tallies.apply("old", add(1, "old"), cause="a/b/c/1/0")

    async def fold(self) -> None:
        failed = await self.tallies.fold({name: [step(1, name)] for name in ("old", "new", "newer")})
        assert failed == []

    async def claim(self) -> None:
        assert [document["_id"] for document in (await self.leases.claim(10, ()))[0]] == ["due"]

    async def renew(self) -> None:
        await self.leases.renew(1)

    async def release(self) -> None:
        ((document,), _) = await Leases(self.tallies, "check", 30).claim(1, ())
        assert document["_id"] == "due"

    async def session_begins(self) -> None:
        assert await self.sessions.find(await self.sessions.begin(IDENTITY, NOW), NOW)

    async def sign_in_used_up(self) -> None:
        assert await self.sessions.use_up("state", NOW)

    async def limit(self) -> None:
        await self.limits.check("validations", "contoso", 3, timedelta(hours=1), NOW)

    async def insert(self) -> None:
        assert (await self.mongo.collection("log").write([Insert({"_id": str(n)}) for n in range(3)])).complete

    async def update_many(self) -> None:
        assert await self.tallies.collection.update_many({"_id": "old"}, {"$set": {"x": 1}}) == 1

    async def delete(self) -> None:
        assert await self.tallies.collection.delete({"_id": "due"}) == 1


READERS: dict[str, Callable[[Callers], Awaitable[Any]]] = {
    "get": lambda callers: callers.tallies.get("old"),
    "find": lambda callers: callers.tallies.find({}, limit=5),
    "find_ids": lambda callers: callers.tallies.collection.find_ids(["old", "due"]),
    "count": lambda callers: callers.tallies.collection.count({"_id": "old"}, limit=5),
    "session": lambda callers: callers.sessions.find("cookie", NOW),
}
WRITERS = {
    name: getattr(Callers, name)
    for name in (
        "apply",
        "apply_again",
        "fold",
        "claim",
        "renew",
        "release",
        "session_begins",
        "sign_in_used_up",
        "limit",
        "insert",
        "update_many",
        "delete",
    )
}


@pytest.fixture
async def proxy(mongo: Mongo, mongo_url: str) -> AsyncIterator[MongoProxy]:
    tallies = store(mongo.collection("tallies"), clock=lambda: NOW)
    await tallies.apply("old", add(7, "old"), cause="a/b/c/0/0")
    await tallies.apply("due", add(7, "due", mail_at=NOW, check_at=NOW), cause="a/b/c/0/0")
    async with proxied(mongo_url) as proxy:
        yield proxy


@pytest.fixture
async def callers(proxy: MongoProxy, mongo_database: str) -> AsyncIterator[Callers]:
    mongo = Mongo(proxy.url, mongo_database, timeout_seconds=1)
    yield Callers(mongo)
    await asyncio.to_thread(mongo.close)  # its monitor waits for the proxy, which this loop serves


@pytest.mark.parametrize("caller", READERS)
async def test_a_refused_reader_is_told_to_wait(caller: str, proxy: MongoProxy, callers: Callers) -> None:
    for code in WAITED:
        proxy.refusal = Refusal(code=code)
        with pytest.raises(Unavailable):
            await READERS[caller](callers)
    assert proxy.refused >= len(WAITED)
    proxy.refusal = None
    await READERS[caller](callers)


@pytest.mark.parametrize("per_statement", [True, False], ids=["statement", "command"])
@pytest.mark.parametrize("caller", WRITERS)
async def test_a_refused_writer_waits_and_then_its_work_is_done_once(
    caller: str, per_statement: bool, proxy: MongoProxy, callers: Callers
) -> None:
    commands = frozenset({"insert", "update", "delete"} | (set() if per_statement else {"findAndModify"}))
    for code in WAITED:
        proxy.refusal = Refusal(code=code, per_statement=per_statement, commands=commands)
        with pytest.raises(Unavailable):
            await WRITERS[caller](callers)
    assert proxy.refused >= len(WAITED)
    proxy.refusal = None
    await WRITERS[caller](callers)
    for tally in await callers.tallies.find({}, limit=10):
        numbers = tally.state.taken
        assert len(numbers) == len(set(numbers)) and tally.state.said == len(numbers)


@pytest.mark.parametrize("per_statement", [True, False], ids=["statement", "command"])
@pytest.mark.parametrize("code", FINAL)
async def test_a_document_that_is_too_large_is_given_up_alone(
    code: int, per_statement: bool, proxy: MongoProxy, callers: Callers
) -> None:
    proxy.refusal = Refusal(code=code, per_statement=per_statement, commands=frozenset({"insert", "update"}))
    proxy.only = lambda command, statements: any("huge" in str(statement) for statement in statements)
    work = {name: [step(1, name)] for name in ("old", "huge", "new")}
    if per_statement:  # the proxy refuses whole commands: the server itself would take the others of this one
        proxy.only = lambda command, statements: len(statements) == 1 and "huge" in str(statements)
        work = {"huge": work["huge"]}
    failed = await callers.tallies.fold(work)
    assert [id for id, _, _ in failed] == ["huge"]
    folded = await callers.tallies.find({"_id": {"$in": ["old", "new"]}}, limit=5)
    assert per_statement or {tally.id: tally.state.taken for tally in folded} == {"old": (7, 1), "new": (1,)}
    assert await callers.tallies.get("huge") is None


@pytest.mark.parametrize("code", RETRIED)
@pytest.mark.parametrize("caller", ["find", "fold"])
async def test_what_the_driver_tries_again_ends_with_the_calls_time(
    caller: str, code: int, proxy: MongoProxy, callers: Callers
) -> None:
    proxy.refusal = Refusal(code=code)
    with pytest.raises(Unavailable):
        await (READERS | WRITERS)[caller](callers)
    assert proxy.refused


@pytest.mark.parametrize("caller", READERS)
async def test_no_refusal_of_a_reader_is_final(caller: str, proxy: MongoProxy, callers: Callers) -> None:
    """It says nothing of a document: what cannot be read must not be taken for what cannot be written."""
    for code in FINAL:
        proxy.refusal = Refusal(code=code)
        with pytest.raises(Unavailable):
            await READERS[caller](callers)
    assert proxy.refused >= len(FINAL)


@pytest.mark.parametrize("code", [64, 91, 100, 11602, 424242])
@pytest.mark.parametrize("caller", WRITERS)
async def test_a_write_that_no_majority_has_is_no_success(
    caller: str, code: int, proxy: MongoProxy, callers: Callers
) -> None:
    """The server did it, and says in a `writeConcernError` that it may be rolled back."""
    proxy.unconfirmed = code
    with pytest.raises(Unavailable):
        await WRITERS[caller](callers)


@pytest.mark.parametrize("label", ["RetryableWriteError", "TransientTransactionError"])
async def test_an_error_label_says_that_another_try_may_succeed(
    label: str, proxy: MongoProxy, callers: Callers
) -> None:
    proxy.refusal = Refusal(code=2, commands=frozenset({"update"}), labels=(label,))
    with pytest.raises(Unavailable):
        await callers.tallies.apply("old", add(3, "old"))


async def test_a_list_is_one_round_trip_and_a_lost_cursor_is_read_again(
    mongo: Mongo, proxy: MongoProxy, callers: Callers
) -> None:
    documents = [Insert({"_id": f"{number:04}"}) for number in range(350)]
    assert (await mongo.collection("many").write(documents)).complete
    many = callers.mongo.collection("many")
    proxy.commands.clear()
    assert len(await many.find({}, limit=300)) == 300
    assert [name for name in proxy.commands if name in DATA_COMMANDS] == ["find"]
    proxy.refusal = Refusal(code=43, commands=frozenset({"find"}))
    with pytest.raises(Unavailable):
        await many.find({}, limit=300)
    assert proxy.refused == 2


def test_codes_are_either_waited_for_or_final() -> None:
    assert not FINAL_CODES & WAITED.keys() and FINAL.keys() <= FINAL_CODES
    assert not is_final(None) and not is_final(2, {"errorLabels": ["RetryableWriteError"]}) and is_final(2, {})


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        ({"code": 11000, "keyPattern": {"_id": 1}}, True),
        ({"code": 11000, "keyPattern": {"index.name": 1}}, False),
        ({"code": 11000, "errmsg": "E11000 duplicate key error collection: a.b index: _id_ dup key: { _id: 1 }"}, True),
        ({"code": 11000, "errmsg": "E11000 duplicate key error index: a.b.$_id_ dup key: { : 1 }"}, True),
        ({"code": 11000, "errmsg": "E11000 duplicate key error collection: a.b index: name_1 dup key: {}"}, False),
        ({"code": 11000, "errmsg": "Duplicate key violation"}, True),
        ({"code": 2, "errmsg": "index: _id_"}, False),
    ],
)
def test_a_duplicate_id_is_told_from_another_duplicate(error: dict[str, Any], expected: bool) -> None:
    assert is_duplicate_id(error) is expected


async def test_what_is_refused_for_good_in_one_statement_does_not_hold_up_the_others(mongo: Mongo) -> None:
    there = mongo.collection("plain")
    assert (await there.write([Insert({"_id": "a", "n": "text"})])).complete
    bad = Update({"_id": "a"}, {"$inc": {"n": 1}})
    written = await there.write([Insert({"_id": "b"}), bad, Insert({"_id": "c"})])
    assert not written.complete and set(written.refused) == {"a"}
    assert await there.count({}, limit=9) == 3
