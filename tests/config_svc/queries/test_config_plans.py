"""True at any size, on any server that tells: every page and route reads by indexes and, but for searches, in their
order. What is explained is what was sent."""

from __future__ import annotations

import dataclasses
import html
import re
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from itertools import product
from pathlib import Path
from typing import Any, get_args

import pytest
import pytest_asyncio
from pymongo import MongoClient
from starlette.routing import compile_path

from config_svc.commands.bulk_operations import JOB
from config_svc.domain.bulk_operations import BulkOperation
from config_svc.domain.model import Customer, Grant, Mail, Switch
from config_svc.pages import invitations as invitation_pages
from config_svc.pages.authentication_status import TABS
from config_svc.pages.portal import ROUTERS
from config_svc.queries.history import FILTERS
from config_svc.schemas.customers import InvitationState, Sort
from shared.contracts.events import Account, Actor, Person
from shared.jobs.worker import Worker
from shared.store.write_plan import WritePlan
from tests.config_svc.config_kit import API, Browser, Config, Gateway
from tests.shared.kit.plans import Plan, explain, reads

COUNT = 300
STATES = ("invited", "opened", "completed", "cancelled")
STATUSES = ("failed", "successful", "unknown", "checking")
PAGES = pytest.mark.asyncio(loop_scope="module")


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


async def write(config: Config, states: list[Customer], version: int = 0) -> None:
    mapping = config.customers._mapping
    plans = [WritePlan(id=state.id, version=version, state=state) for state in states]
    for start in range(0, len(plans), 100):
        operations = [mapping.write(plan, None, config.now) for plan in plans[start : start + 100]]
        assert (await config.customers.collection.write(operations)).complete


@dataclasses.dataclass(frozen=True)
class Portal:
    """A service with customers, a bulk switch and a selection, and everybody who looks."""

    config: Config
    client: MongoClient[dict[str, Any]]
    browser: Browser
    gateway: Gateway
    bulk: str
    selection: str

    async def get(self, address: str) -> None:
        if address.startswith(API):
            answer = await self.gateway.get(address.removeprefix(API))
        else:
            answer = await self.browser.open(address, follow_redirects=True)
        assert answer.status_code in (200, 286), (address, answer.status_code, answer.text[-500:])

    def place(self, address: str) -> str:
        return address.replace("<bulk>", self.bulk).replace("<selection>", self.selection)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def portal(tmp_path_factory: pytest.TempPathFactory, mongo_url: str) -> AsyncIterator[Portal]:
    folder: Path = tmp_path_factory.mktemp("config")
    config = Config(folder, mongo_url, f"test_plans_{folder.name}")
    await config.prepare()
    await write(config, [customer(n, config) for n in range(COUNT)])
    await config.invited()
    browser, gateway = await config.browser("admin"), config.gateway("admin")
    rows = [{"customer": "c-00015", "admin_email": "avery@t15.example", "locale": "en"}]
    begun = await gateway.post("/bulk-switches", {"name": "Autumn", "rows": rows})
    assert begun.is_success, begun.text
    await browser.open("/invitations/selected", params=[("do", "resend"), ("row", "contoso/1/1")])
    await browser.send("/invitations/batches", follow=False)
    await _worked(config)
    selection = browser.page.headers["location"].partition("?")[0].rpartition("/")[2]
    with MongoClient[dict[str, Any]](mongo_url) as client:
        yield Portal(config, client, browser, gateway, begun.json()["bulk"], selection)
    config.service.mongo.close()  # the server goes away with its data; dropping so many index entries takes long


async def _worked(config: Config) -> None:
    commands = config.bulk_operations
    worker: Worker[BulkOperation] = Worker(store=commands.store, job=JOB, execute=commands.work, lease_seconds=5)
    for _ in range(20):
        await worker.once()
        config.later(seconds=10)
    await worker.settled()


def lists() -> Iterator[str]:
    """Every kind of choice that a list has."""
    for method, status, switch in product(("", "token"), ("", "failed"), ("", "running", "opened")):
        yield f"/customers?method={method}&status={status}&switch={switch}"
    for state, sort in product(invitation_pages.STATES, invitation_pages.SORTS):
        yield f"/invitations?state={state}&sort={sort}"
    yield from (f"/status?status={tab}" for tab in TABS)
    yield from (f"{API}/customers?switch={state}&limit=3" for state in ("running", "completed"))
    yield from (f"{API}/invitations?state={state}&sort=name&limit=3" for state in get_args(InvitationState))
    for given in product((False, True), repeat=len(FILTERS)):
        yield "/audit?" + "&".join(f"{name}=c" for name, is_given in zip(FILTERS, given, strict=True) if is_given)


SEARCHES = (
    *(f"/search?q={q}" for q in ("c", "cu", "customer+00042", "t42.example", "zzzz")),
    *(f"/customers?q={q}&status=failed" for q in ("c", "cus", "customer+0004")),
    *(
        f"/invitations?q={q}&state={state}&sort={sort}"
        for q in ("c", "t42", "customer")
        for state in ("all", "opened", "pending")
        for sort in get_args(Sort)
    ),
    *(f"/status?q={q}&status={tab}" for q in ("c", "customer") for tab in ("", "failed", "expiring")),
    f"{API}/customers?q=customer&limit=3",
    f"{API}/invitations?q=customer&limit=3",
    "/invitations.csv?q=customer&state=opened",
    "/status.csv?q=customer",
)
OTHERS = (
    "/",
    "/m365",
    "/add-customer",
    *(f"/customers/contoso{part}" for part in ("", "/edit", "/remove", "/state", "/resend", "/cancel")),
    "/customers/contoso/reference?switch=1",
    "/customers/contoso/timeline",
    "/customers/c-00030/switch",
    "/settings",
    "/invitations/rows",
    "/invitations.csv",
    "/invitations/selected?do=resend&row=contoso/1/1",
    "/invitations/batches/<selection>",
    "/invitations/batches/<selection>/state",
    "/bulk-switches",
    "/bulk-switches/new",
    *(f"/bulk-switches/<bulk>{part}" for part in ("", "/state", "/result.csv")),
    "/status/rows?id=c-00001&id=c-00002",
    "/status.csv",
    "/live",
    *(f"/live/numbers?window={window}" for window in ("24h", "7d", "30d")),
    "/live/lines",
    "/audit.csv?action=SwitchRequested",
    *(f"{API}{path}" for path in ("/customers/contoso", "/customers/contoso/timeline", "/audit", "/settings", "/me")),
    *(f"{API}/bulk-switches{path}" for path in ("", "/<bulk>", "/<bulk>/rows")),
)
ASK_NOTHING = {"/live/events", "/events", f"{API}/events", f"{API}/sign-in", "/settings/mail/{language}"}
"""The topic, the settings of the process, and a draft that stands in the address."""


ALL = [*((address, False) for address in (*lists(), *OTHERS)), *((address, True) for address in SEARCHES)]
CURSOR = re.compile(r'href="([^"]*[?&;]cursor=[^"]*)"')


@PAGES
@pytest.mark.parametrize(("address", "searches"), ALL)
async def test_every_page_and_route_reads_by_indexes_in_their_order(
    portal: Portal, monkeypatch: pytest.MonkeyPatch, address: str, searches: bool
) -> None:
    """So do the pages beside it. A search may put what it found into order."""
    here = portal.place(address)
    with reads(monkeypatch) as noted:
        await portal.get(here)
        for beside in list(dict.fromkeys(CURSOR.findall(portal.browser.page.text)))[:2]:
            await portal.get(html.unescape(beside))
    silent = []
    for read in noted.sent:
        plan = explain(portal.client, read)
        if plan is None or not plan.tells:
            silent.append(read["command"])
            continue
        assert not plan.reads_all, (read, plan)
        assert searches or not plan.sorts, (read, plan)
    if silent:
        pytest.skip(f"This server does not tell how it reads {silent}")


def test_no_page_or_route_is_left_out(portal: Portal) -> None:
    paths = {route.path for router in ROUTERS for route in router.routes if "GET" in route.methods}
    paths |= {path for path, methods in portal.config.app.openapi()["paths"].items() if "get" in methods}
    visited = {address.partition("?")[0] for address in (*lists(), *OTHERS, *SEARCHES)}
    assert {
        path for path in paths - ASK_NOTHING if not any(compile_path(path)[0].match(one) for one in visited)
    } == set()


def test_customers_have_at_most_fourteen_indexes(config: Config) -> None:
    assert len({index.keys for index in config.customers.indexes}) <= 14


EXPLAINED = [
    (
        {
            "queryPlanner": {
                "winningPlan": {"stage": "LIMIT", "inputStage": {"stage": "FETCH", "inputStage": {"stage": "IXSCAN"}}}
            }
        },
        False,
        False,
    ),
    (
        {
            "queryPlanner": {
                "winningPlan": {
                    "queryPlan": {"stage": "SORT", "inputStage": {"stage": "COLLSCAN"}},
                    "slotBasedPlan": {"stages": "[1] scan"},
                }
            }
        },
        True,
        True,
    ),
    (
        {
            "queryPlanner": {
                "winningPlan": {
                    "stage": "SHARD_MERGE_SORT",
                    "shards": [{"winningPlan": {"stage": "IXSCAN"}}, {"winningPlan": {"stage": "COLLSCAN"}}],
                }
            }
        },
        True,
        False,
    ),
    (
        {
            "queryPlanner": {
                "winningPlan": {"stage": "EXPRESS_IXSCAN"},
                "rejectedPlans": [{"stage": "SORT", "inputStage": {"stage": "COLLSCAN"}}],
            }
        },
        False,
        False,
    ),
    (
        {
            "stages": [
                {
                    "$cursor": {
                        "queryPlanner": {
                            "winningPlan": {"stage": "PROJECTION_COVERED", "inputStage": {"stage": "IXSCAN"}}
                        }
                    }
                },
                {"$group": {"_id": None}},
                {"$sort": {"sortKey": {"n": 1}}},
            ]
        },
        False,
        True,
    ),
    (
        {
            "queryPlanner": {
                "Plan": {"Node Type": "Limit", "Plans": [{"Node Type": "Sort", "Plans": [{"Node Type": "Seq Scan"}]}]}
            }
        },
        True,
        True,
    ),
    ({"queryPlanner": {"Plan": {"Node Type": "Limit", "Plans": [{"Node Type": "Index Scan"}]}}}, False, False),
]


@pytest.mark.parametrize(("explained", "reads_all", "sorts"), EXPLAINED)
def test_plans_are_read_in_the_words_of_each_server(explained: dict[str, Any], reads_all: bool, sorts: bool) -> None:
    plan = Plan.of(explained)
    assert (plan.tells, plan.reads_all, plan.sorts) == (True, reads_all, sorts)


def test_a_server_that_does_not_tell_is_not_believed() -> None:
    assert not Plan.of({"queryPlanner": {"winningPlan": {"stage": "EOF"}}, "ok": 1}).tells
