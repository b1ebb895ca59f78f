"""The embedded MongoDB server finds what it found before, and with a limit reads no more than it gives."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import secantus.server
from hypothesis import given, settings
from hypothesis import strategies as st
from pymongo import MongoClient
from pymongo.collection import Collection
from secantus.server import SecantusDBServer
from secantus.storage import Storage

from tokenswitch_dev.stack.mongo_server import OrderedStorage
from tokenswitch_dev.stack.process import free_port

DB, COLL, START = "test", "rows", datetime(2026, 1, 1, tzinfo=UTC)
TEXTS = ("", "a", "ab", "abc", "b", "é", "\t", "a\x00", "a\x00b", "\U0001f600")
INDEXES = ({"name": 1}, {"words": 1, "name": 1}, {"kind": 1, "words": 1, "name": 1}, {"at": 1, "kind": 1}, {"rare": 1})


class Counted(OrderedStorage):
    read = 0

    def _docs_by_recordids(self, db: str, coll: str, recordids: list[int]) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = super()._docs_by_recordids(db, coll, recordids)
        self.read += len(found)
        return found


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Counted]:
    made = Counted(str(tmp_path_factory.mktemp("storage")))
    made.insert(DB, COLL, [row(n) for n in range(300)])
    for number, keys in enumerate(INDEXES):
        made.create_index(DB, COLL, str(number), keys, {"sparse": "rare" in keys})
    yield made
    made.close()


def row(n: int) -> dict[str, Any]:
    words = sorted({TEXTS[n % 7][:1] or "x", TEXTS[n % 10], "all"})
    fields = {"_id": n, "name": f"{TEXTS[n * 7 % 10]}{n % 3}", "words": words, "kind": n % 3}
    return fields | {"at": START + timedelta(seconds=n % 11)} | ({"rare": TEXTS[n % 10]} if n % 5 == 0 else {})


texts, moments = st.sampled_from(TEXTS), st.integers(-1, 12).map(lambda n: START + timedelta(seconds=n))
equal: list[st.SearchStrategy[dict[str, Any]]] = [
    st.just({}),
    texts.map(lambda word: {"words": word}),
    st.integers(0, 3).map(lambda kind: {"kind": kind}),
    st.tuples(texts, st.integers(0, 3)).map(lambda both: {"kind": both[1], "words": both[0]}),
    texts.map(lambda word: {"words": {"$elemMatch": {"$gte": word}}}),
]


@st.composite
def asked(draw: st.DrawFn) -> dict[str, Any]:
    field = draw(st.sampled_from(("name", "at", "rare", "words")))
    values = moments if field == "at" else texts
    bounds = {op: draw(values) for op in draw(st.sampled_from((("$gt",), ("$lte",), ("$gte", "$lt"), ("$gt", "$lte"))))}
    return {
        "filter": {**draw(st.one_of(equal)), field: bounds},
        "sort": {field: draw(st.sampled_from((1, -1)))},
        "skip": draw(st.sampled_from((0, 0, 4))),
        "limit": draw(st.integers(1, 20)),
    }


@settings(max_examples=300, deadline=None)
@given(asked=asked())
def test_what_is_found_is_what_was_found_before(storage: Counted, asked: dict[str, Any]) -> None:
    """Rows of one value stand in any order, so their values are compared."""
    (field,) = asked["sort"]
    found, before = (find(storage, DB, COLL, **asked) for find in (OrderedStorage.find_matching, Storage.find_matching))
    assert [one[field] for one in found] == [one[field] for one in before]
    assert len({one["_id"] for one in found}) == len(found)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Collection[dict[str, Any]], Counted]]:
    """The same rows behind the server's wire: what it hands on to its storage is its own affair."""
    folder = str(tmp_path_factory.mktemp("served"))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(secantus.server, "Storage", Counted)
        made = SecantusDBServer(host="127.0.0.1", port=free_port(), storage_path=folder)
    with made as server, MongoClient[dict[str, Any]](server.host, server.port) as client:
        rows = client[DB][COLL]
        rows.insert_many([row(n) for n in range(300)])
        for keys in INDEXES:
            rows.create_index(list(keys.items()), sparse="rare" in keys)
        yield rows, server.storage


@pytest.mark.parametrize(
    ("filter", "sort"),
    [
        ({"name": {"$gt": "a"}}, {"name": 1}),
        ({"name": {"$gt": ""}}, {"name": -1}),
        ({"words": "all", "name": {"$lte": "b1"}}, {"name": -1}),
        ({"at": {"$gte": START}}, {"at": 1}),
    ],
)
def test_a_limit_ends_the_reading_and_the_plan_says_so(
    served: tuple[Collection[dict[str, Any]], Counted], filter: dict[str, Any], sort: dict[str, int]
) -> None:
    rows, storage = served
    before = storage.read
    asked = rows.find(filter, {"name": 1}).sort(list(sort.items())).limit(5)
    assert len(asked.to_list()) == 5
    assert storage.read - before == 5
    assert "SORT" not in str(asked.explain()["queryPlanner"]["winningPlan"])


@pytest.mark.parametrize("filter", [{"name": {"$gt": "a"}}, {"words": "all"}, {"words": {"$gt": "a"}}, {"kind": 1}, {}])
def test_all_that_is_found_is_what_was_found_before(storage: Counted, filter: dict[str, Any]) -> None:
    found, before = (find(storage, DB, COLL, filter) for find in (OrderedStorage.find_matching, Storage.find_matching))
    assert sorted(one["_id"] for one in found) == sorted(one["_id"] for one in before) and found


@pytest.mark.parametrize("filter", [{"kind": 1, "name": {"$gt": ""}}, {"words": {"$gt": ""}}])
def test_what_no_index_orders_is_read_whole_and_the_plan_says_so(storage: Counted, filter: dict[str, Any]) -> None:
    plan = storage.explain_plan(DB, COLL, filter, sort={next(reversed(filter)): 1})
    assert not plan.get("sorted_by_index")
