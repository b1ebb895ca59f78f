"""Indexes of collections that have grown: built in one command with a time of its own, replaced, dropped on request."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from shared.admin.indexes import build
from shared.domain.rules import Unavailable
from shared.store.indexes import index_plan
from shared.store.mongo import Collection, Mongo
from shared.store.operations import Document, Index, Insert
from tests.shared.kit.mongo_proxy import MongoProxy, proxied

EXPIRING = Index(keys=(("name", 1),), expire_after=0)
NAME, DUE = Index(keys=(("name", 1),)), Index(keys=(("due", 1),), sparse=True)
BOTH = Index(keys=(("name", 1), ("due", -1)))
PRESENT: list[Document] = [
    {"name": "_id_", "key": {"_id": 1}},
    {"name": "name_1", "key": {"name": 1}},
    {"name": "due_1", "key": {"due": 1}, "sparse": True},
]


@pytest.mark.parametrize(
    ("wanted", "build", "replace", "unwanted"),
    [
        ((NAME, DUE), (), (), ()),
        ((NAME,), (), (), ("due_1",)),
        ((NAME, DUE, BOTH), (BOTH,), (), ()),
        ((NAME, Index(keys=(("due", 1),))), (Index(keys=(("due", 1),)),), ("due_1",), ()),
        ((DUE, Index(keys=(("name", 1),), unique=True)), (Index(keys=(("name", 1),), unique=True),), ("name_1",), ()),
        (
            (DUE, EXPIRING),
            (EXPIRING,),
            ("name_1",),
            (),
        ),
        ((), (), (), ("name_1", "due_1")),
    ],
)
def test_what_is_missing_differs_or_is_left_over(
    wanted: tuple[Index, ...], build: tuple[Index, ...], replace: tuple[str, ...], unwanted: tuple[str, ...]
) -> None:
    plan = index_plan(PRESENT, wanted)
    assert (plan.build, plan.replace, plan.unwanted) == (build, replace, unwanted)


def test_the_direction_of_a_key_makes_another_index() -> None:
    plan = index_plan(PRESENT, [NAME, Index(keys=(("due", -1),), sparse=True)])
    assert [index.keys for index in plan.build] == [(("due", -1),)] and plan.unwanted == ("due_1",)


@pytest.fixture
async def proxy(mongo_url: str) -> AsyncIterator[MongoProxy]:
    async with proxied(mongo_url) as proxy:
        yield proxy


@pytest.fixture
async def slow(proxy: MongoProxy, mongo: Mongo, mongo_database: str) -> AsyncIterator[Collection]:
    """A collection whose index builds take longer than a call may."""
    documents = [Insert({"_id": str(number), "name": str(number)}) for number in range(50)]
    assert (await mongo.collection("things").write(documents)).complete
    client = Mongo(proxy.url, mongo_database, timeout_seconds=1.0)
    proxy.delays = {"createIndexes": 3.0}
    yield client.collection("things")
    await asyncio.to_thread(client.close)


async def test_a_build_has_a_time_of_its_own_and_is_one_command(proxy: MongoProxy, slow: Collection) -> None:
    building = asyncio.ensure_future(slow.ensure([NAME, DUE, BOTH]))
    await asyncio.sleep(0.2)
    assert not building.done() and (await slow.get("7"))  # the service works meanwhile
    await building
    assert proxy.commands.count("createIndexes") == 1
    await slow.ensure([NAME, DUE, BOTH])
    assert proxy.commands.count("createIndexes") == 1, "nothing is missing any more"


async def test_a_refused_build_is_tried_again(proxy: MongoProxy, slow: Collection) -> None:
    proxy.refuse("createIndexes", 371)
    with pytest.raises(Unavailable):
        await slow.ensure([NAME])
    proxy.refusal = None
    await slow.ensure([NAME])
    assert not await slow.index_plan([NAME])


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        (67, "drop what nobody needs"),
        (85, "other options; drop it"),
        (86, "other keys; drop it"),
        (11000, "change one of them"),
    ],
)
async def test_what_only_people_can_mend_is_told_with_what_to_do(
    proxy: MongoProxy, slow: Collection, code: int, advice: str
) -> None:
    proxy.delays = {}
    proxy.refuse("createIndexes", code)
    with pytest.raises(Unavailable, match=f"the indexes of things cannot be built: .*{advice}"):
        await slow.ensure([NAME])


async def test_two_equal_values_under_a_unique_index_are_told_by_field_alone(mongo: Mongo) -> None:
    there = mongo.collection("things")
    await there.write([Insert({"_id": id, "name": "anna@contoso.example"}) for id in ("a", "b")])
    with pytest.raises(Unavailable, match="unique") as told:
        await there.ensure([Index(keys=(("name", 1),), unique=True)])
    assert "anna" not in str(told.value)
    assert await there.delete({"_id": "b"}) == 1
    await there.ensure([Index(keys=(("name", 1),), unique=True)])


async def test_changed_options_are_built_anew_and_what_is_left_over_goes_on_request(mongo: Mongo) -> None:
    there = mongo.collection("things")
    await there.insert({"_id": "1", "name": "Contoso"})
    await there.ensure([NAME, DUE])
    told: list[str] = []
    changed = [Index(keys=(("due", 1),))]
    assert await build([(there, changed)], drop=False, progress=told.append) == {"things": ["name_1"]}
    assert told == ["building 1 for 1 documents of things"]
    plan = await there.index_plan(changed)
    assert not plan and plan.unwanted == ("name_1",), "an older version may still find by it"
    await build([(there, changed)], drop=True, progress=told.append)
    assert (await there.index_plan(changed)).unwanted == () and len(told) == 1
