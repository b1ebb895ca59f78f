"""The portal's pages with many customers, half of them with a running invitation: each page's server time, and by
which index it reads."""

from __future__ import annotations

import asyncio
import os
import random
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psutil
from pydantic import SecretStr

from bench.figures import percentile
from bench.servers import Servers
from config_svc.domain.model import Customer, Failure, Grant, Mail, Status, Switch, SwitchState
from config_svc.main import build
from config_svc.queries import lists
from config_svc.queries.history import order
from config_svc.settings import ConfigSettings
from config_svc.subscriptions import CUSTOMERS
from shared.contracts.cloudevents import Record
from shared.contracts.events import Account, Actor, EmailSent, Person
from shared.crypto.vault import KeyRing
from shared.http.pagination import Cursors
from shared.identity.bearer import ADMIN, Identity
from shared.identity.sessions import INDEXES, Sessions
from shared.service.service import Service
from shared.store.mongo import Collection, Mongo
from shared.store.operations import Document, Filter, Insert
from shared.store.write_plan import WritePlan
from tokenswitch_dev.runner.keys import make_keys, write_secret

SIZES = tuple(map(int, os.environ.get("BENCH_CUSTOMERS", "1000,10000").split(",")))
"""How many customers there are, each size for itself; 100000 takes minutes on the embedded server."""
TIMES, CHUNK, PLENTY, SLOW = 15, 1000, 1000, 50
PORTAL = "http://localhost:8000"
LIVE: tuple[SwitchState, ...] = ("requested", "invited", "opened", "authenticating")
OVER: tuple[SwitchState, ...] = ("completed", "completed", "completed", "cancelled", "expired", "failed")
WORDS = (
    "Alpine",
    "Baltic",
    "Contoso",
    "Delta",
    "Fabrikam",
    "Northwind",
    "Woodgrove",
    "Tailspin",
    "Proseware",
    "Litware",
)
KINDS = ("Bank", "Clinic", "Energy", "Foods", "Group", "Labs", "Logistics", "Partners", "School", "Works")
COUNTING = "Customers are being counted."
NOW = datetime.now(UTC).replace(microsecond=0)
ACTOR = Actor(id="bench", name="Bench")
BUSY = "c-000042"
"""A customer with a timeline that goes back far."""


def customer(number: int, chance: random.Random) -> Customer:
    """As a large provider's customers are: half of them asked to switch, most others switched, a few in trouble."""
    id, asked = f"c-{number:06}", NOW - timedelta(seconds=37 * number)
    state = chance.choice(LIVE if number % 2 else OVER)
    person = Person(f"{chance.choice(('anna', 'ben', 'chris'))}.{number}@t{number}.example", "Avery Admin")
    account = Account(person.email, f"oid-{number}")
    switch = Switch(
        number=1,
        to="token",
        renew=False,
        state=state,
        requested_at=asked,
        expires_at=asked + timedelta(days=7),
        methods=("sign_in", "device_code"),
        accepted_roles=("role",),
        life_seconds=604800,
        invitee=person,
        reference=f"TICKET-{number}",
        inviter=ACTOR,
        invited_at=asked,
        mail=Mail(state="sent", count=1, at=asked),
        ended_at=None if state in LIVE else asked,
        account=account if state == "completed" else None,
    )
    status: Status = "failed" if number % 97 == 0 else "unknown" if number % 13 == 0 else "successful"
    grant = Grant(
        id=f"g-{number}",
        account=account,
        method="sign_in",
        roles=("role",),
        scopes=("User.Read",),
        claimed_at=asked,
        expires_at=asked + timedelta(days=90),
    )
    return Customer(
        id=id,
        name=f"{chance.choice(WORDS)} {chance.choice(KINDS)} {number}",
        tenant=f"t{number}.example",
        reference=f"CRM-{number}",
        tenant_id=guid(number),
        tenant_state="pinned",
        client_id=f"app-{number}",
        secret=True,
        secret_expires_on=(NOW + timedelta(days=number % 700)).date().isoformat(),
        revision=1,
        secret_warned=30 if number % 700 < 30 else None,
        method="token" if state == "completed" else "app_registration",
        status=status,
        checked_at=asked,
        failure=Failure(reason="revoked", at=asked, aadsts=50173) if status == "failed" else None,
        grant=grant if state == "completed" else None,
        switches=1,
        switch=switch,
        registered_at=asked,
    )


def guid(number: int) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_OID, str(number)))


def patient_mongo(service: Service, url: str) -> Mongo:
    """The service's database, for what takes longer than any call of the service may."""
    return Mongo(url, f"{service.settings.mongo_database}_{service.name}", timeout_seconds=1800)


async def fill(service: Service, url: str, customers: int) -> float:
    """Everything in large inserts; the indexes come after, which is quicker. A client of its own has the patience."""
    store, chance, began = service._stores[CUSTOMERS], random.Random(1), time.perf_counter()
    patient = patient_mongo(service, url)
    for start in range(0, customers, CHUNK):
        made = [customer(n, chance) for n in range(start, min(customers, start + CHUNK))]
        plans = [WritePlan(id=one.id, version=0, state=one) for one in made]
        await patient.collection(CUSTOMERS).write([store._mapping.write(plan, None, NOW) for plan in plans])
    await patient.collection("timeline").write([Insert(entry(number)) for number in range(PLENTY)])
    for name, one in service._stores.items():
        await patient.collection(name).ensure(one.indexes)
    for collection, indexes in service._indexes:
        await patient.collection(collection.name).ensure(indexes)
    patient.close()
    return time.perf_counter() - began


def entry(number: int) -> Document:
    event, at = (
        EmailSent(customer=BUSY, switch=1, kind="resend", generation=1, tries=1, count=1),
        NOW - timedelta(minutes=number),
    )
    record = Record(
        id=f"notify/outgoing_mails/{BUSY}/{number}/0",
        type="EmailSent",
        source="notify/outgoing_mails",
        time=at,
        key=BUSY,
        trace=None,
        event=event,
    )
    return {
        "_id": record.id,
        "customer": BUSY,
        "order": order(record),
        "at": at,
        "type": "EmailSent",
        "service": "notify",
        "switch": 1,
        "data": {"customer": BUSY, "switch": 1, "kind": "resend"},
    }


# --- the pages -------------------------------------------------------------------------------------------------------


def addresses(customers: int) -> tuple[tuple[str, str], ...]:
    """Names and addresses of what is asked for."""
    n = customers // 2 + 1
    return (
        ("customers", "/customers"),
        ("customers: failed", "/customers?status=failed"),
        ("customers: three filters", "/customers?status=successful&method=token&switch=completed"),
        ("customers: rare of many", "/customers?status=failed&method=token&switch=expired"),
        ("search: a name", f"/search?q=contoso+bank+{n}"),
        ("search: an id", f"/search?q=c-{n:06}"),
        ("search: a domain", f"/search?q=t{n}.example"),
        ("search: a mail", f"/search?q=anna.{n}%40t"),
        ("search: a tenant id", f"/search?q={guid(n)}"),
        ("search: a reference", f"/search?q=TICKET-{n}"),
        ("search: two letters", "/search?q=co"),
        ("search: one letter", "/search?q=c"),
        ("search: a common word", "/customers?q=contoso"),
        ("search: common words", "/customers?q=contoso+bank"),
        ("search: in everything", "/customers?q=example"),
        ("search: nothing", "/customers?q=zzzz"),
        ("M365 settings", f"/customers/c-{n:06}"),
        ("M365: live part", f"/customers/c-{n:06}/state"),
        ("M365: long timeline", f"/customers/{BUSY}"),
        ("timeline", f"/customers/{BUSY}/timeline"),
        ("invitations", "/invitations"),
        ("invitations: live part", "/invitations/rows"),
        ("invitations: pending", "/invitations?state=pending"),
        ("invitations: expired", "/invitations?state=expired"),
        ("invitations: opened, by end", "/invitations?state=opened&sort=expires"),
        ("invitations: pending, by end", "/invitations?state=pending&sort=-expires"),
        ("invitations: by name", "/invitations?sort=name"),
        ("invitations: failed, by name", "/invitations?state=failed&sort=-name"),
        ("invitations: search", f"/invitations?state=pending&q=t{n}.example"),
        ("invitations: common word", "/invitations?q=contoso&sort=-created"),
        ("invitations: rare in common", "/invitations?q=contoso&state=expired&sort=expires"),
        ("home", "/"),
        ("live", "/live"),
        ("audit", "/audit"),
        ("settings", "/settings"),
        ("bulk switches", "/bulk-switches"),
        ("status", "/status"),
        ("status: failed", "/status?status=failed"),
        ("status: expiring", "/status?status=expiring"),
    )


async def cursors(service: Service, ring: KeyRing, url: str) -> tuple[tuple[str, str], ...]:
    """Pages at the end of lists, as their cursors name them."""
    signer, patient = Cursors(ring), patient_mongo(service, url)
    visits = []
    for name, path, query in (
        ("customers: last page", "/customers?", lists.customers()),
        ("invitations: last page", "/invitations?state=pending&", lists.invitations("pending")),
        ("status: last page", "/status?", lists.health()),
    ):
        key = f"index.{query.key}"
        backwards = ((key, 1 if query.descending else -1),)
        end = await patient.collection(CUSTOMERS).find(query.behind(None), sort=backwards, limit=50, fields=(key,))
        place = ("$lt" if query.descending else "$gt", query.key_of(end[-1]))
        visits.append((name, f"{path}cursor={signer.write(query.scope, place)}"))
    patient.close()
    return tuple(visits)


@dataclass(slots=True)
class Seen:
    """One read of the customers: its filter, order and limit."""

    where: Filter
    sort: Any
    limit: int


@contextmanager
def noting(collection: Collection) -> Iterator[list[Seen]]:
    seen, find = [], collection.find

    async def noted(where: Filter, **more: Any) -> Any:
        seen.append(Seen(where, more.get("sort", ()), more["limit"]))
        return await find(where, **more)

    collection.find = noted  # type: ignore[method-assign]
    try:
        yield seen
    finally:
        collection.find = find  # type: ignore[method-assign]


def stages(plan: Any) -> Iterator[str]:
    """The stages of a plan from its end to its index."""
    if isinstance(plan, dict):
        if isinstance(plan.get("stage"), str):
            yield f"{plan['stage']}({plan['indexName']})" if "indexName" in plan else plan["stage"]
        for part in (plan.get("inputStage"), *plan.get("inputStages", ())):
            yield from stages(part)


async def by(collection: Collection, seen: Sequence[Seen]) -> str:
    plans = []
    for one in seen:
        plan = (await collection.explain(one.where, sort=one.sort, limit=one.limit))["queryPlanner"]
        plans.append(" < ".join(stages(plan.get("winningPlan", plan))))
    return "; ".join(dict.fromkeys(plans))


def cpu() -> float:
    """Seconds of this process and of the database, which a busy machine does not lengthen."""
    database = [
        child for child in psutil.Process().children(recursive=True) if "secantusd" in " ".join(child.cmdline())
    ]
    return time.process_time() + sum(sum(child.cpu_times()[:2]) for child in database)


async def measure(service: Service, browser: httpx.AsyncClient, name: str, path: str) -> float:
    collection, times, before = service._stores[CUSTOMERS].collection, [], cpu()
    with noting(collection) as seen:
        for _ in range(TIMES + 1):
            began = time.perf_counter()
            answer = await browser.get(path, follow_redirects=True)
            times.append((time.perf_counter() - began) * 1000)
            if answer.status_code not in (200, 286):
                raise RuntimeError(f"{path}: {answer.status_code}")
    median = percentile(times[1:], 50)
    plans = await by(collection, seen[:2])
    spent = (cpu() - before) / len(times) * 1000
    figures = (median, percentile(times[1:], 95), times[0], spent, len(answer.content) / 1000)
    print(f"  {name:<29}{''.join(f'{figure:>8.1f}' for figure in figures)}  {plans}")
    return median


async def counted(browser: httpx.AsyncClient) -> float:
    """Waits for the first count of all customers, which pages do not: the seconds it took."""
    began = time.perf_counter()
    for _ in range(1200):
        if COUNTING not in (await browser.get("/live")).text:
            break
        await asyncio.sleep(0.5)
    return time.perf_counter() - began


@asynccontextmanager
async def portal(servers: Servers) -> AsyncIterator[tuple[Service, httpx.AsyncClient, KeyRing]]:
    """The service without its loops, and an operator's browser."""
    with tempfile.TemporaryDirectory(prefix="tokenswitch-bench-") as folder:
        keys = make_keys(Path(folder))
        service = build(
            ConfigSettings(
                kafka_bootstrap=servers.kafka,
                mongo_url=SecretStr(servers.mongo),
                mongo_database="bench_pages",
                port=0,
                portal_url=PORTAL,
                invite_url="http://localhost:8001",
                operator_issuer="https://localhost:1/none",
                portal_client_id="portal",
                portal_client_secret_file=write_secret(Path(folder) / "secret", "secret"),
                api_audience="api",
                link_keys_file=keys.link,
                seal_public_keys_file=keys.seal_public,
            )
        )
        session = await Sessions(service.collection("sessions", INDEXES)).begin(
            Identity(ACTOR, frozenset({ADMIN})), NOW
        )
        transport = httpx.ASGITransport(app=service.app())
        async with httpx.AsyncClient(transport=transport, base_url=PORTAL, headers={"Accept": "text/html"}) as browser:
            browser.cookies.set("ts-config", session)
            yield service, browser, KeyRing.from_file(keys.link)
        patient = patient_mongo(service, servers.mongo)
        await patient.drop()
        patient.close()
        service.mongo.close()


async def run(servers: Servers) -> None:
    for customers in SIZES:
        await _run(servers, customers)


async def _run(servers: Servers, customers: int) -> None:
    async with portal(servers) as (service, browser, ring):
        seconds = await fill(service, servers.mongo, customers)
        print(f"\nThe portal's pages with {customers:,} customers, filled in within {seconds:.0f} s:")
        print(f"  {'milliseconds':<29}{'median':>8}{'p95':>8}{'first':>8}{'CPU':>8}{'kB':>8}  by which index")
        print(f"\nThe first count of all customers took {await counted(browser):.0f} s.")
        everything = (*addresses(customers), *await cursors(service, ring, servers.mongo))
        slow = [name for name, path in everything if await measure(service, browser, name, path) >= SLOW]
        print(f"  {SLOW} ms or more: {', '.join(slow) or 'none'}")
