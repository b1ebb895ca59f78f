"""True at any size: every list is read in order by an index, whatever its filters; nothing reads a whole collection."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from config_svc.domain.model import Customer, Grant, Mail, Switch
from config_svc.queries import customer_counts, index, lists
from config_svc.queries.history import FILTERS, between
from config_svc.subscriptions import HOURLY_COUNTS
from shared.contracts.events import Account, Actor, Person
from shared.store.write_plan import WritePlan
from tests.config_svc.config_kit import Config

COUNT = 1500
STATES = ("invited", "opened", "completed", "cancelled")
STATUSES = ("failed", "successful", "unknown", "checking")


def customer(n: int, config: Config) -> Customer:
    asked = config.now - timedelta(seconds=n)
    state: Any = STATES[n % 4]
    switch = Switch(
        number=1,
        to="token",
        renew=False,
        state=state,
        requested_at=asked,
        expires_at=asked + timedelta(days=7),
        methods=("sign_in",),
        accepted_roles=("r",),
        life_seconds=604800,
        inviter=Actor(id="operator-1"),
        invitee=Person(f"admin@t{n}.example", "Avery Admin"),
        mail=Mail(state="sent", count=1, at=asked),
    )
    account = Account(f"admin@t{n}.example", f"o-{n}")
    grant = Grant(
        id=f"g-{n}",
        account=account,
        method="sign_in",
        roles=("r",),
        scopes=("User.Read",),
        claimed_at=asked,
        expires_at=asked + timedelta(days=90),
    )
    status: Any = STATUSES[n % 4]
    return Customer(
        id=f"c-{n:05}",
        name=f"Customer {n:05}",
        tenant=f"t{n}.example",
        reference=f"CRM-{n}",
        tenant_id=f"t-{n}",
        tenant_state="pinned",
        method="token" if n % 3 else "none",
        status=status,
        checked_at=asked,
        registered_at=asked,
        grant=grant if n % 3 else None,
        switches=1,
        switch=switch if n % 5 else None,
    )


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def many(tmp_path_factory: pytest.TempPathFactory, mongo_url: str) -> AsyncIterator[Config]:
    folder: Path = tmp_path_factory.mktemp("config")
    config = Config(folder, mongo_url, f"test_plans_{folder.name}")
    await config.prepare()
    form = config.customers._mapping
    for start in range(0, COUNT, 100):
        plans = [WritePlan(id=f"c-{n:05}", version=0, state=customer(n, config)) for n in range(start, start + 100)]
        await config.customers.collection.write([form.write(plan, None, config.now) for plan in plans])
    yield config
    config.service.mongo.close()  # the server goes away with its data; dropping so many index entries takes long


QUERIES = [
    lists.customers(),
    lists.customers(status="failed"),
    lists.customers(method="none"),
    lists.customers(switch="running"),
    lists.customers(switch="opened"),
    lists.customers(switch="none"),
    lists.customers(q="customer 00042"),
    lists.customers(q="x"),
    lists.customers(q="t42.example"),
    lists.customers(q="cus", method="token", status="failed", switch="opened"),
    lists.customers(method="token", status="failed", switch="opened"),
    lists.invitations(),
    lists.invitations("pending"),
    lists.invitations("completed"),
    lists.invitations("pending", sort="expires"),
    lists.invitations(sort="name"),
    lists.invitations(sort="-expires"),
    lists.invitations("opened", "t42", "-name"),
    lists.health(),
    lists.health("failed"),
    lists.health("expiring"),
    lists.health("failed", "t42.example"),
    lists.health(q="x"),
]
PAGES = pytest.mark.asyncio(loop_scope="module")


def stages(plan: Any) -> set[str]:
    if isinstance(plan, list):
        return set().union(*map(stages, plan)) if plan else set()
    if not isinstance(plan, dict):
        return set()
    own = {plan["stage"]} if isinstance(plan.get("stage"), str) else set()
    return own.union(*(stages(value) for name, value in plan.items() if name != "rejectedPlans"))


@PAGES
@pytest.mark.parametrize("query", QUERIES, ids=str)
async def test_every_list_goes_by_an_index_in_its_order(many: Config, query: lists.Query) -> None:
    """All that a page reads, its milestones as well."""
    with reads(many) as seen:
        await lists.Lists(many.customers, many.service_cursors()).page(query, 50)
    assert len(seen) >= 2
    for where, more in seen:
        if "_id" in where:
            continue
        plan = await many.customers.collection.explain(where, sort=more["sort"], limit=more["limit"])
        found = stages(plan["queryPlanner"])
        assert "COLLSCAN" not in found and "IXSCAN" in found, (where, plan)
        assert len(where) == 2 or "SORT" not in found, (where, plan)


@contextmanager
def reads(many: Config) -> Iterator[list[tuple[Any, Any]]]:
    """The reads of the customers meanwhile: filter, and sort and limit."""
    seen: list[tuple[Any, Any]] = []
    find = many.customers.collection.find

    async def noting(where: Any, **more: Any) -> Any:
        seen.append((where, more))
        return await find(where, **more)

    many.customers.collection.find = noting  # type: ignore[method-assign]
    try:
        yield seen
    finally:
        many.customers.collection.find = find  # type: ignore[method-assign]


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
@pytest.mark.parametrize("query", [lists.customers(), lists.invitations(), lists.invitations("all", "t42")], ids=str)
@pytest.mark.parametrize("backwards", [False, True])
async def test_back_from_a_page_that_became_empty_nothing_is_left_out(
    many: Config, query: lists.Query, backwards: bool
) -> None:
    """Whatever stood behind the key is gone meanwhile: the key is the list's last, or its first."""
    reader = lists.Lists(many.customers, many.service_cursors())
    key = [(await many.customers.collection.get(row.id)) or {} async for row in reader.every(query)]
    edge = key[0 if backwards else -1]
    empty = await reader.page(
        query, 3, many.service_cursors().write(query.scope, (backwards, edge["index"][query.key]))
    )
    assert not empty.rows
    back = await reader.page(query, 3, empty.next if backwards else empty.previous)
    assert edge["_id"] == back.rows[0 if backwards else -1].id and len(back.rows) == min(3, len(key))


@PAGES
async def test_a_list_shows_what_its_filters_say(many: Config) -> None:
    reader = lists.Lists(many.customers, many.service_cursors())
    states = [customer(n, many) for n in range(COUNT)]
    cases: list[tuple[lists.Query, Callable[[Any], object]]] = [
        (
            lists.customers(method="token", status="failed", switch="opened"),
            lambda c: c.method == "token" and c.status == "failed" and c.switch and c.switch.state == "opened",
        ),
        (lists.customers(switch="running"), lambda c: c.running),
        (lists.customers(q="customer 0001", status="failed"), lambda c: "r 0001" in c.name and c.status == "failed"),
        (lists.invitations("pending", sort="expires"), lambda c: c.running and c.running.invited),
        (
            lists.invitations("cancelled", "t12"),
            lambda c: c.switch and c.switch.state == "cancelled" and "@t12" in c.switch.invitee.email,
        ),
        (lists.health("checking"), lambda c: c.status == "checking"),
    ]
    for query, fits in cases:
        found = {row.id async for row in reader.every(query)}
        assert found == {state.id for state in states if fits(state)}, query


@PAGES
@pytest.mark.parametrize("name", ["timeline", "audit"])
@pytest.mark.parametrize(
    "filters",
    [dict(zip(fields, "cwa", strict=False)) for count in range(4) for fields in combinations(FILTERS.values(), count)],
)
async def test_history_goes_by_an_index(many: Config, name: str, filters: dict[str, str]) -> None:
    if name == "timeline" and filters.keys() - {"customer"}:
        return
    collection = many.service.mongo.collection(name)
    plan = await collection.explain(between(filters, ("2126", index.TOP)), sort=(("order", -1),), limit=51)
    found = stages(plan["queryPlanner"])
    assert "COLLSCAN" not in found and "IXSCAN" in found, plan


@PAGES
@pytest.mark.parametrize(
    "where", [customer_counts.among(range(5, 6)), customer_counts.written(datetime(2126, 3, 1, tzinfo=UTC))], ids=str
)
async def test_the_customer_counts_read_by_an_index(many: Config, where: dict[str, Any]) -> None:
    plan = await many.customers.collection.explain(where, limit=50)
    found = stages(plan["queryPlanner"])
    assert "COLLSCAN" not in found and "IXSCAN" in found, plan


@PAGES
async def test_a_window_reads_a_bounded_number_of_documents_by_an_index(many: Config) -> None:
    hourly_counts = many.service._stores[HOURLY_COUNTS].collection
    plan = await hourly_counts.explain({"index.day": "2126-03-01"}, limit=24)
    found = stages(plan["queryPlanner"])
    assert "COLLSCAN" not in found and "IXSCAN" in found, plan


@PAGES
@pytest.mark.parametrize("query", QUERIES, ids=str)
async def test_a_page_costs_what_a_page_costs_wherever_it_is(many: Config, query: lists.Query) -> None:
    """Some servers read all that a range holds: it is a small part of the list, or, where documents must be looked at
    until a page is full, the list once."""
    reader, page = lists.Lists(many.customers, many.service_cursors()), None
    for _ in range(3):
        with reads(many) as seen:
            page = await reader.page(query, 20, page.next if page else None)
        held = [await many.customers.collection.count(where, limit=COUNT) for where, _ in seen]
        assert len(seen) <= 10 or query.looks, seen
        assert sum(held) < (COUNT * 2 if query.looks else COUNT / 3), held
        if page.next is None:
            return


@PAGES
@pytest.mark.parametrize(("word", "put_into_order"), [("customer", False), ("t42.example", True)])
async def test_only_what_is_found_seldom_is_read_whole_and_put_into_order(
    many: Config, word: str, put_into_order: bool
) -> None:
    with reads(many) as seen:
        await lists.Lists(many.customers, many.service_cursors()).page(lists.invitations("all", word), 50)
    assert any({"index.heads", "index.name"} <= where.keys() for where, _ in seen) is put_into_order


@PAGES
async def test_a_search_for_what_is_rare_goes_on_with_the_next_page(
    many: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lists, "LOOKED_AT", 300)
    monkeypatch.setattr(lists, "BATCH", 100)
    reader = lists.Lists(many.customers, many.service_cursors())
    query = lists.customers(q="customer 01400")
    pages = [await reader.page(dataclasses.replace(query, only={"heads": "cust"}), 50)]
    while pages[-1].next and len(pages) < 20:
        pages.append(await reader.page(dataclasses.replace(query, only={"heads": "cust"}), 50, pages[-1].next))
    assert len(pages) >= 3 and not pages[0].rows and pages[0].next
    assert [row.id for page in pages for row in page.rows] == ["c-01400"]


def test_removed_customers_are_in_no_list(config: Config) -> None:
    gone = dataclasses.replace(customer(1, config), removed=True)
    assert set(index.derived(gone)) == {"lot"}
