"""True at any size: every list is read in order by an index, whatever its filters; nothing reads a whole collection."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from config_svc import census, index, lists
from config_svc.consumes import TALLIES
from config_svc.domain.model import Customer, Grant, Mail, Switch
from config_svc.history import FILTERS, between
from shared.document import Plan
from shared.events import Account, Person
from tests.config_svc.config_kit import Config

COUNT = 2500
STATES = ("invited", "opened", "completed", "cancelled")
STATUSES = ("failed", "successful", "unknown", "checking")


def customer(n: int, config: Config) -> Customer:
    asked = config.now - timedelta(seconds=n)
    state: Any = STATES[n % 4]
    switch = Switch(
        1, "token", False, state, asked, asked + timedelta(days=7), ("sign_in",), ("r",), 604800,
        invitee=Person(f"admin@t{n}.example", "Avery Admin"), mail=Mail("sent", 1, asked),
    )  # fmt: skip
    account = Account(f"admin@t{n}.example", f"o-{n}")
    grant = Grant(f"g-{n}", account, "sign_in", ("r",), ("User.Read",), asked, asked + timedelta(days=90))
    status: Any = STATUSES[n % 4]
    return Customer(
        f"c-{n:05}", f"Customer {n:05}", f"t{n}.example", f"CRM-{n}", tenant_id=f"t-{n}", tenant_state="pinned",
        method="token" if n % 3 else "none", status=status, checked_at=asked, registered_at=asked,
        grant=grant if n % 3 else None, switches=1, switch=switch if n % 5 else None,
    )  # fmt: skip


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def many(tmp_path_factory: pytest.TempPathFactory, mongo_url: str) -> AsyncIterator[Config]:
    folder: Path = tmp_path_factory.mktemp("config")
    config = Config(folder, mongo_url, f"test_plans_{folder.name}")
    await config.prepare()
    form = config.customers._form
    for start in range(0, COUNT, 100):
        plans = [Plan(f"c-{n:05}", 0, customer(n, config)) for n in range(start, start + 100)]
        await config.customers.collection.write([form.write(plan, None, config.now) for plan in plans])
    yield config
    await config.close()


QUERIES = [
    lists.customers(), lists.customers(status="failed"), lists.customers(method="none"),
    lists.customers(switch="running"), lists.customers(switch="opened"), lists.customers(switch="none"),
    lists.customers(q="customer 00042"), lists.customers(q="x"), lists.customers(q="t42.example"),
    lists.customers(q="cus", method="token", status="failed", switch="opened"),
    lists.customers(method="token", status="failed", switch="opened"),
    lists.invitations(), lists.invitations("pending"), lists.invitations("completed"),
    lists.invitations("pending", sort="expires"), lists.invitations(sort="name"), lists.invitations(sort="-expires"),
    lists.invitations("opened", "t42", "-name"), lists.health(), lists.health("failed"), lists.health("expiring"),
    lists.health("failed", "t42.example"), lists.health(q="x"),
]  # fmt: skip
PAGES = pytest.mark.asyncio(loop_scope="module")


def stages(plan: Any) -> set[str]:
    if isinstance(plan, list):
        return set().union(*map(stages, plan)) if plan else set()
    if not isinstance(plan, dict):
        return set()
    own = {plan["stage"]} if isinstance(plan.get("stage"), str) else set()
    return own.union(*(stages(value) for name, value in plan.items() if name != "rejectedPlans"))


def served(query: lists.Query) -> lists.Query:
    """The part of a query that an index serves.

    The embedded server explains a filter of several clauses as a scan although it goes by the first one's index; the
    next test shows by the clock of documents that it does not scan.
    """
    return dataclasses.replace(query, rest={})


@PAGES
@pytest.mark.parametrize("query", QUERIES, ids=str)
async def test_every_list_goes_by_an_index(many: Config, query: lists.Query) -> None:
    asked = served(query)
    where = dict(asked.first) or asked.where(asked.prefix, asked.prefix + index.TOP)
    if "index.words" in where:
        where = {"index.heads": where["index.heads"]}
    plan = await many.customers.collection.explain(where, sort=() if asked.first else asked.sort(), limit=51)
    found = stages(plan["queryPlanner"])
    assert "COLLSCAN" not in found and "IXSCAN" in found
    assert asked.first or "SORT" not in found


@PAGES
@pytest.mark.parametrize("query", QUERIES, ids=str)
@pytest.mark.parametrize("limit", [7, 50])
async def test_pages_forwards_are_what_pages_backwards_are_and_miss_nothing(
    many: Config, query: lists.Query, limit: int
) -> None:
    reader = lists.Lists(many.customers, many.service_cursors())
    everything = [row.id async for row in reader.every(query)]
    forwards, page, last = [], await reader.page(query, limit), None
    for _ in range(4):
        forwards += [row.id for row in page.rows]
        last = page
        if page.next is None:
            break
        page = await reader.page(query, limit, page.next)
    assert forwards == everything[: len(forwards)] and len(set(forwards)) == len(forwards)
    assert last is not None and (last.next is None) == (len(forwards) == len(everything))
    back = [row.id for row in last.rows]
    while last.previous:
        last = await reader.page(query, limit, last.previous)
        back = [row.id for row in last.rows] + back
    assert back == forwards


@PAGES
async def test_a_list_shows_what_its_filters_say(many: Config) -> None:
    reader = lists.Lists(many.customers, many.service_cursors())
    states = [customer(n, many) for n in range(COUNT)]
    cases: list[tuple[lists.Query, Callable[[Any], object]]] = [
        (lists.customers(method="token", status="failed", switch="opened"),
         lambda c: c.method == "token" and c.status == "failed" and c.switch and c.switch.state == "opened"),
        (lists.customers(switch="running"), lambda c: c.running),
        (lists.customers(q="customer 0001", status="failed"), lambda c: "r 0001" in c.name and c.status == "failed"),
        (lists.invitations("pending", sort="expires"), lambda c: c.running and c.running.invited),
        (lists.invitations("cancelled", "t12"), lambda c: c.switch and c.switch.state == "cancelled" and "@t12" in
         c.switch.invitee.email),
        (lists.health("checking"), lambda c: c.status == "checking"),
    ]  # fmt: skip
    for query, fits in cases:
        found = {row.id async for row in reader.every(query)}
        assert found == {state.id for state in states if fits(state)}, query


@PAGES
@pytest.mark.parametrize("name", ["timeline", "audit"])
@pytest.mark.parametrize("filters", [
    dict(zip(fields, "cwa", strict=False)) for count in range(4) for fields in combinations(FILTERS.values(), count)
])  # fmt: skip
async def test_history_goes_by_an_index(many: Config, name: str, filters: dict[str, str]) -> None:
    if name == "timeline" and filters.keys() - {"customer"}:
        return
    collection = many.service.mongo.collection(name)
    plan = await collection.explain(between(filters, ("2126", index.TOP)), sort=(("order", -1),), limit=51)
    found = stages(plan["queryPlanner"])
    assert "COLLSCAN" not in found and "IXSCAN" in found, plan


COUNTS = [
    *(("status", name + index.SEP) for name in census.STATUSES), *(("method", name + index.SEP) for name in
    census.METHODS), *(("switch", name + index.SEP) for name in census.STATES), ("lost", ""), ("attention", "1\t"),
]  # fmt: skip


@PAGES
@pytest.mark.parametrize(("key", "prefix"), COUNTS)
async def test_every_number_of_the_census_counts_a_range_of_an_index(many: Config, key: str, prefix: str) -> None:
    plan = await many.customers.collection.explain(census.keys(key, prefix))
    found = stages(plan["queryPlanner"])
    assert "COLLSCAN" not in found and "IXSCAN" in found, plan


@PAGES
async def test_the_census_is_what_the_customers_are(many: Config) -> None:
    states = [customer(n, many) for n in range(COUNT)]
    counter = census.Counter(many.customers, many.clock)
    for _ in range(60):  # nobody waits longer than a second for a count
        if (found := await counter.census()).at:
            break
    assert found.status == Counter(state.status for state in states) and found.customers == COUNT
    assert {name: n for name, n in found.method.items() if n} == Counter(state.method for state in states)
    assert {name: n for name, n in found.switch.items() if n} == Counter(s.switch.state for s in states if s.switch)
    assert (found.lost, found.expiring) == (0, 0)


@PAGES
async def test_a_window_reads_a_bounded_number_of_documents_by_an_index(many: Config) -> None:
    tallies = many.service._stores[TALLIES].collection
    plan = await tallies.explain({"index.day": "2126-03-01"}, limit=24)
    found = stages(plan["queryPlanner"])
    assert "COLLSCAN" not in found and "IXSCAN" in found, plan


@PAGES
async def test_a_page_read_again_costs_no_more_than_the_page(many: Config) -> None:
    """The embedded server reads a whole range before it cuts it; a range that ends with the page is read fast."""
    reader = lists.Lists(many.customers, many.service_cursors())
    seen: list[tuple[str, str]] = []
    find = many.customers.collection.find

    async def noting(where: Any, **more: Any) -> Any:
        bounds = where["index.name"]
        seen.append((bounds["$gt"], bounds["$lt"]))
        return await find(where, **more)

    many.customers.collection.find = noting  # type: ignore[method-assign]
    try:
        first = await reader.page(lists.customers(), 50)
        again = await reader.page(lists.customers(), 50)
    finally:
        many.customers.collection.find = find  # type: ignore[method-assign]
    assert first.rows == again.rows and len(seen) == 2
    assert seen[0] == ("", index.TOP) and seen[1][1].startswith("customer 00050")


def test_removed_customers_are_in_no_list(config: Config) -> None:
    gone = dataclasses.replace(customer(1, config), removed=True)
    assert index.derived(gone) == {}
