"""Documents of an older version get the search fields of this one, once, wherever the call was cut off."""

from __future__ import annotations

import pytest

from shared.admin.reindex import reindex
from shared.domain.rules import Change, Refused
from shared.store.mongo import Mongo
from shared.store.store import Store
from tests.shared.kit.core import Tally
from tests.shared.kit.faults import Crash, Fuse, faulty

NUMBER = 7


def newer(mongo: Mongo, fuse: int = 0) -> Store[Tally]:
    collection = faulty(mongo.collection("tallies"), Fuse(fuse))
    return Store(collection, Tally, "t/tallies", derived=lambda state, *_: {"name": state.customer.upper()})


async def written_by_an_older_version(mongo: Mongo) -> None:
    older = Store(mongo.collection("tallies"), Tally, "t/tallies")
    for n in range(NUMBER):
        id = f"c{n}"
        await older.apply(id, lambda found, at, id=id: Change(Tally(customer=id, taken=(1, 2))))  # type: ignore[misc]


async def test_they_are_found_by_the_new_field_and_are_what_they_were(
    mongo: Mongo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.admin.reindex.PAGE_SIZE", 3)
    await written_by_an_older_version(mongo)
    store, pages = newer(mongo), list[str]()
    assert await store.find({"index.name": "C3"}) == []
    done = await reindex({"tallies": store}, None, "", lambda name, id, n: pages.append(id))
    assert (done, pages) == ({"tallies": NUMBER}, ["c2", "c5", "c6"])
    (found,) = await store.find({"index.name": "C3"})
    assert (found.state, found.version, found.delayed) == (Tally(customer="c3", taken=(1, 2)), 2, None)


async def test_it_goes_on_behind_the_last_that_was_shown(mongo: Mongo) -> None:
    await written_by_an_older_version(mongo)
    assert await reindex({"tallies": newer(mongo)}, "tallies", "c4") == {"tallies": 2}
    for only, after, why in (("none", "", "There is no none"), (None, "c1", "which collection")):
        with pytest.raises(Refused, match=why):
            await reindex({"tallies": newer(mongo)}, only, after)


async def test_cut_off_at_any_write_it_is_called_again_and_all_are_done(mongo: Mongo) -> None:
    await written_by_an_older_version(mongo)
    at = 0
    while True:
        at += 3
        try:
            await reindex({"tallies": newer(mongo, at)}, None, "")
            break
        except Crash:
            assert await newer(mongo).collection.count({"state.taken": [1, 2]}, limit=100) == NUMBER
    assert await newer(mongo).collection.count({"index.name": {"$exists": True}}, limit=100) == NUMBER
