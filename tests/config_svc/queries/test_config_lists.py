"""Lists are right first: whatever the names, and whatever is written between two pages."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any, get_args

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config_svc.domain.model import LIVE, Customer, Status, SwitchState
from config_svc.queries import index, lists
from config_svc.schemas.customers import InvitationState, Sort
from shared.contracts.events import InForce, Person
from shared.domain.rules import Refused
from tests.config_svc.config_kit import Config
from tests.config_svc.queries.test_config_plans import customer, write

SIZE = 100
ONE_LOOP = pytest.mark.asyncio(loop_scope="module")
NAMES = ("Contoso", "contoso", "Contoso GmbH", "Çontoso", "Žluťoučký", "Ω", "z", "Zürich & Söhne", "\U0001f600 Bank")
WORDS = ("c", "co", "contoso", "Contoso gmbh", "zurich", "söhne z", "c-0", "t7.example", "ba", "nowhere", "ω", "-")


def any_customer(n: int, config: Config, chance: random.Random) -> Customer:
    """Many of the same name, and of the same moments."""
    state = customer(n, config)
    asked = config.now - timedelta(seconds=chance.randrange(3))
    switch = state.switch and dataclasses.replace(
        state.switch,
        state=chance.choice(get_args(SwitchState)),
        requested_at=asked,
        expires_at=asked + timedelta(days=chance.randrange(1, 3)),
        invitee=chance.choice((None, Person(f"{chance.choice(NAMES)}@t{n}.example", "Avery"))),
    )
    return dataclasses.replace(
        state,
        name=chance.choice(NAMES),
        method=chance.choice(get_args(InForce)),
        status=chance.choice(get_args(Status)),
        checked_at=asked,
        switch=switch,
        secret_warned=chance.choice((None, None, 30)),
        secret_expires_on="2126-03-09",
        removed=chance.random() < 0.1,
    )


class Directory:
    """Customers as they are, beside the database that lists are read from."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.states: dict[str, Customer] = {}
        self.versions: dict[str, int] = {}
        self.lists = lists.Lists(config.customers, config.service_cursors())

    async def put(self, states: Sequence[Customer]) -> None:
        for version in {self.versions.get(state.id, 0) for state in states}:
            await write(self.config, [one for one in states if self.versions.get(one.id, 0) == version], version)
        self.states |= {state.id: state for state in states}
        self.versions |= {state.id: self.versions.get(state.id, 0) + 1 for state in states}

    async def fill(self, seed: int, size: int) -> None:
        """Anew: those that are there from before are removed or replaced."""
        chance = random.Random(seed)
        made = [any_customer(n, self.config, chance) for n in range(size)]
        gone = [dataclasses.replace(one, removed=True) for id, one in self.states.items() if id >= f"c-{size:05}"]
        await self.put([one for one in (*made, *gone) if self.states.get(one.id) != one])

    def wanted(self, asked: Asked) -> list[str]:
        """What a list is to hold, in its order, from the customers alone."""
        derived = {id: index.derived(state) for id, state in self.states.items() if not state.removed}
        fits = [id for id in derived if asked.fits(self.states[id])]
        key = asked.query.key
        return sorted(fits, key=lambda id: str(derived[id][key]).encode(), reverse=asked.query.descending)

    async def pages(self, query: lists.Query, limit: int) -> AsyncIterator[lists.Slice]:
        page = await self.lists.page(query, limit)
        yield page
        while page.next:
            page = await self.lists.page(query, limit, page.next)
            yield page


@dataclasses.dataclass(frozen=True)
class Asked:
    """A list, and in plain words which customers are in it."""

    query: lists.Query
    fits: Callable[[Customer], Any]


def finds(q: str) -> Callable[[Customer], bool]:
    """Each word of a search begins a word of the customer; a search without two letters begins its name."""
    folded = index.fold(q)
    if not index.sought(q)[0]:
        return lambda state: index.fold(state.name).startswith(folded.strip())
    return lambda state: all(any(word.startswith(part) for word in index.words(state)) for part in folded.split()[:8])


def of_switch(state: Customer, wanted: str) -> bool:
    known = state.switch.state if state.switch else "none"
    return wanted in ("", known) or (wanted == "running" and known in LIVE)


@st.composite
def asked(draw: st.DrawFn) -> Asked:
    q = draw(st.sampled_from(("", "", *WORDS)))
    found = finds(q)
    kind = draw(st.sampled_from(("customers", "invitations", "health")))
    if kind == "customers":
        method, status = draw(st.sampled_from(("", *get_args(InForce)))), draw(st.sampled_from(("", *get_args(Status))))
        switch = draw(st.sampled_from(("", "running", "none", *get_args(SwitchState))))
        return Asked(
            lists.customers(q, method, status, switch),
            lambda state: (
                found(state)
                and method in ("", state.method)
                and status in ("", state.status)
                and of_switch(state, switch)
            ),
        )
    if kind == "invitations":
        state, sort = draw(st.sampled_from(get_args(InvitationState))), draw(st.sampled_from(get_args(Sort)))
        which = {"all": "", "pending": "running"}.get(state, state)
        return Asked(
            lists.invitations(state, q, sort),
            lambda one: one.switch and one.switch.invited and of_switch(one, which) and found(one),
        )
    tab = draw(st.sampled_from(("", "expiring", *get_args(Status))))
    return Asked(
        lists.health(tab, q),
        lambda one: found(one) and (expires(one) if tab == "expiring" else tab in ("", one.status)),
    )


def expires(state: Customer) -> bool:
    return state.secret_warned is not None and state.method == "app_registration" and state.status != "failed"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def directory(tmp_path_factory: pytest.TempPathFactory, mongo_url: str) -> AsyncIterator[Directory]:
    folder: Path = tmp_path_factory.mktemp("config")
    config = Config(folder, mongo_url, f"test_lists_{folder.name}")
    await config.prepare()
    made = Directory(config)
    yield made
    config.service.mongo.close()


TRIED = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@ONE_LOOP
@TRIED
@given(asked=asked(), limit=st.sampled_from([1, 7, 50]))
async def test_pages_hold_what_is_asked_for_once_and_in_order_and_back_again(
    directory: Directory, asked: Asked, limit: int
) -> None:
    """The export holds the same. A page is full while there is more, and knows whether there is."""
    await directory.fill(0, SIZE)
    wanted = directory.wanted(asked)
    forwards = [page async for page in directory.pages(asked.query, limit)]
    assert [row.id for page in forwards for row in page.rows] == wanted
    assert all(len(page.rows) == limit for page in forwards[:-1])
    assert [row.id async for row in directory.lists.every(asked.query)] == wanted
    back, page = list[str](), forwards[-1]
    while page.previous:
        page = await directory.lists.page(asked.query, limit, page.previous)
        assert page.next
        back = [row.id for row in page.rows] + back
    assert back == wanted[: len(wanted) - len(forwards[-1].rows)]


@ONE_LOOP
@TRIED
@given(asked=asked(), limit=st.sampled_from([2, 9]), seed=st.integers(0, 1000))
async def test_what_stays_is_met_once_whatever_else_is_written_between_two_pages(
    directory: Directory, asked: Asked, limit: int, seed: int
) -> None:
    """Others are renamed, removed, changed and added meanwhile, also those that stand where a page ends."""
    await directory.fill(0, SIZE)
    before, chance, number = dict(directory.states), random.Random(seed), count(SIZE)
    met = list[str]()
    async for page in directory.pages(asked.query, limit):
        met += [row.id for row in page.rows]
        others = {f"c-{chance.randrange(SIZE):05}" for _ in range(chance.randrange(4))}
        written = {*others, *(row.id for row in page.rows[-1:])} if len(met) < SIZE else set()
        added = [next(number)] if written else []
        await directory.put(
            [any_customer(n, directory.config, chance) for n in (*(int(id[2:]) for id in sorted(written)), *added)]
        )
    stayed = [id for id, state in before.items() if directory.states[id] == state]
    wanted = [id for id in directory.wanted(asked) if id in set(stayed)]
    assert [id for id in met if id in set(wanted)] == wanted


@ONE_LOOP
@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("sort", get_args(Sort))
async def test_a_page_that_became_empty_leads_back_to_what_is_left(
    directory: Directory, sort: Any, backwards: bool
) -> None:
    """All that stood there is gone meanwhile: what stood at its edge is not left out."""
    await directory.fill(3, 40)
    query = lists.invitations("all", None, sort)
    wanted = directory.wanted(Asked(query, lambda state: state.switch and state.switch.invited))
    page = await directory.lists.page(query, 3)
    while page.next and (not backwards or len(page.rows) < 3):
        last, page = page, await directory.lists.page(query, 3, page.next)
    if backwards:
        page = await directory.lists.page(query, 3, page.next)
        cursor, gone = page.previous, wanted[:3]
    else:
        cursor, gone = last.next, [row.id for row in page.rows]
    await directory.put([dataclasses.replace(directory.states[id], removed=True) for id in gone])
    empty = await directory.lists.page(query, 3, cursor)
    assert not empty.rows
    beside = await directory.lists.page(query, 3, empty.next if backwards else empty.previous)
    left = [id for id in wanted if id not in gone]
    assert [row.id for row in beside.rows] == (left[:3] if backwards else left[-3:])


@ONE_LOOP
async def test_a_row_that_moves_back_behind_what_was_seen_is_met_again_at_its_new_place(directory: Directory) -> None:
    await directory.fill(0, SIZE)
    query = lists.customers()
    first = await directory.lists.page(query, 5)
    renamed = dataclasses.replace(first.rows[0].state, name="\U0010fffd last")
    await directory.put([renamed])
    assert [row.id async for row in directory.lists.every(query)][-1] == renamed.id
    rest = [row.id for row in (await directory.lists.page(query, 200, first.next)).rows]
    assert rest[-1] == renamed.id and len(set(rest)) == len(rest)


@ONE_LOOP
async def test_a_cursor_is_of_one_list(directory: Directory) -> None:
    await directory.fill(0, SIZE)
    page = await directory.lists.page(lists.customers(status="failed"), 1)
    for other in (lists.customers(), lists.customers(status="unknown"), lists.health("failed")):
        with pytest.raises(Refused, match="not of this list"):
            await directory.lists.page(other, 1, page.next)


def test_removed_customers_are_in_no_list(config: Config) -> None:
    assert index.derived(dataclasses.replace(customer(1, config), removed=True)) == {}


STORED_BY_0_2_0 = {
    "name": "customer 00001\tc-00001",
    "attention": "4\t2126-03-01T11:59:59.000+00:00\tc-00001",
    "invited_created": "2126-03-01T11:59:59.000+00:00\tc-00001",
    "invited_expires": "2126-03-08T11:59:59.000+00:00\tc-00001",
    "pending_created": "2126-03-01T11:59:59.000+00:00\tc-00001",
    "pending_expires": "2126-03-08T11:59:59.000+00:00\tc-00001",
    "state_created": "opened\t2126-03-01T11:59:59.000+00:00\tc-00001",
    "state_expires": "opened\t2126-03-08T11:59:59.000+00:00\tc-00001",
    "words": [
        "c-00001",
        "c",
        "00001",
        "customer",
        "t1.example",
        "t1",
        "example",
        "crm-1",
        "crm",
        "1",
        "admin@t1.example",
        "admin",
        "avery",
        "t-1",
    ],
    "heads": [
        "00",
        "0000",
        "ad",
        "admi",
        "admin@t1",
        "av",
        "aver",
        "c-",
        "c-00",
        "cr",
        "crm-",
        "cu",
        "cust",
        "customer",
        "ex",
        "exam",
        "t-",
        "t1",
        "t1.e",
        "t1.examp",
    ],
    "filter_keys": [
        "method:token",
        "status:successful",
        "switch:opened",
        "switch:running",
        "method:token+status:successful",
        "method:token+switch:opened",
        "method:token+switch:running",
        "status:successful+switch:opened",
        "status:successful+switch:running",
        "method:token+status:successful+switch:opened",
        "method:token+status:successful+switch:running",
        "bulk:b-1",
        "invited:yes",
        "invited:opened",
        "invited:pending",
    ],
}
"""What of the fields that 0.2.0 derived is still read."""


def test_what_0_2_0_stored_is_found_as_it_is(config: Config) -> None:
    """So an upgrade needs no `reindex`; whoever changes these fields has to bring the stored ones along."""
    state = customer(1, config)
    assert state.switch
    asked_in_bulk = dataclasses.replace(state, switch=dataclasses.replace(state.switch, bulk="b-1"))
    assert index.derived(asked_in_bulk) == STORED_BY_0_2_0
