"""What end-to-end tests speak to: the API as the provider's gateway, the simulator, the mailbox, the topic."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import secrets
import ssl
import uuid
from dataclasses import dataclass, field
from typing import Any

import httpx
from aiokafka import AIOKafkaConsumer, TopicPartition
from pymongo import MongoClient

from tests.e2e.e2e_pages import KEPT, NO_CERTIFICATES, Invitee
from tests.e2e.e2e_wait import wait_for
from tests.system import WholeSystem
from tokenswitch_dev.simulator.directory.directory import GLOBAL_ADMINISTRATOR, TEAMS_ADMINISTRATOR

TOPIC = "tokenswitch.events"
LINK = re.compile(r"http://127\.0\.0\.1:\d+/i/[A-Za-z0-9_\-.~%]+")
Body = dict[str, Any]


class Api:
    """One service's API with a bearer token; each POST has a fresh Idempotency-Key."""

    def __init__(self, base: str, token: str, limits: httpx.Limits = KEPT) -> None:
        self.http = httpx.AsyncClient(
            base_url=base,
            limits=limits,
            headers={"Authorization": f"Bearer {token}"},
            trust_env=False,
            timeout=30,
            verify=NO_CERTIFICATES,
        )
        self.seen: list[httpx.Response] = []

    async def ask(self, method: str, path: str, body: Body | None = None, **more: Any) -> httpx.Response:
        headers = {"Idempotency-Key": secrets.token_hex(8)} if method == "POST" else {}
        answer = await self.http.request(method, path, json=body, headers=headers, **more)
        self.seen.append(answer)
        return answer

    async def done(self, method: str, path: str, body: Body | None = None, **more: Any) -> Body:
        answer = await self.ask(method, path, body, **more)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return dict(answer.json()) if answer.content else {}

    async def refused(self, method: str, path: str, body: Body | None = None, **more: Any) -> tuple[int, str]:
        answer = await self.ask(method, path, body, **more)
        return answer.status_code, str(answer.json()["code"])


@dataclass(frozen=True, kw_only=True)
class Customer:
    """A customer whose tenant at the simulated Microsoft is its own."""

    id: str
    domain: str
    tid: str
    client_id: str
    client_secret: str

    @property
    def path(self) -> str:
        return f"/api/v1/customers/{self.id}"

    def user(self, name: str) -> str:
        return f"{name}@{self.domain}"


@dataclass(kw_only=True)
class World:
    """One test's view of the system. `wizard`: another replica of invite-svc than the first. `patience`: how many
    seconds the service may take; where replicas die, a lease and a session of Kafka's must end first."""

    system: WholeSystem
    api: Api
    entra: httpx.AsyncClient
    wizard: str = ""
    limits: httpx.Limits = field(default_factory=httpx.Limits)
    patience: float = 40
    invitees: list[Invitee] = field(default_factory=list)

    # --- Microsoft, simulated ---------------------------------------------------------------------------

    async def sim(self, name: str, /, **wish: Any) -> Body:
        answer = await self.entra.post(f"/_sim/{name}", json=wish)
        assert answer.is_success, answer.text
        return dict(answer.json())

    async def tenant(self, *, secret: str = "", **policies: Any) -> Customer:
        """A tenant with an administrator, one of Teams, a plain user, and an app registration that is right."""
        domain = f"t{uuid.uuid4().hex[:10]}.example"
        secret = secret or f"secret-of-{domain}"
        people = [
            {"upn": f"admin@{domain}", "name": "Avery Admin", "roles": [GLOBAL_ADMINISTRATOR]},
            {"upn": f"teams@{domain}", "name": "Terry Teams", "roles": [TEAMS_ADMINISTRATOR]},
            {"upn": f"user@{domain}", "name": "Uma User"},
        ]
        app = {
            "name": "Teams access",
            "secrets": [{"value": secret}],
            "graph_roles": ["Organization.Read.All", "Application.Read.All"],
        }
        wish = {
            "domain": domain,
            "name": domain.partition(".")[0],
            "accounts": people,
            "apps": [app],
        } | policies
        made = await self.sim("tenants", **wish)
        name = domain.partition(".")[0]
        return Customer(
            id=name, domain=domain, tid=made["tid"], client_id=made["apps"][0]["client_id"], client_secret=secret
        )

    async def customer(self, *, secret: str = "", pinned: bool = True, **policies: Any) -> Customer:
        """The tenant's customer, registered and its tenant found."""
        customer = await self.tenant(secret=secret, **policies)
        await self.register(customer)
        if pinned:
            await self.until(customer, tenant_state="pinned")
        return customer

    async def register(self, customer: Customer, **more: Any) -> Body:
        app = {"client_id": customer.client_id, "client_secret": customer.client_secret}
        given = {"name": f"Customer {customer.id}", "tenant": customer.domain, "app_registration": app} | more
        return await self.api.done("PUT", customer.path, given)

    async def approve(self, code: str, account: str) -> Body:
        return await self.sim("approve", user_code=code, account=account)

    # --- config-svc -------------------------------------------------------------------------------------

    async def shown(self, customer: Customer) -> Body:
        return await self.api.done("GET", customer.path)

    async def until(self, customer: Customer, timeout: float = 0, **wanted: Any) -> Body:
        """The customer once these fields are so, one of a view by one of a dict; `switch` alone is its state."""
        seen: Body = {}
        if isinstance(state := wanted.get("switch"), str):
            wanted["switch"] = {"state": state}

        async def fits() -> Body | None:
            with contextlib.suppress(httpx.TransportError):  # a service that is away just now
                answer = await self.api.ask("GET", customer.path)
                seen.update(answer.json() if answer.is_success else {})
            return seen if _has(seen, wanted) else None

        return await wait_for(fits, f"{wanted}", timeout or self.patience, lambda: json.dumps(seen)[:1500])

    async def request(self, customer: Customer, **more: Any) -> int:
        body = {"to": "token", "admin_email": customer.user("admin"), "admin_name": "Avery Admin"} | more
        answer = await self.api.done("POST", f"{customer.path}/switch", body)
        return int(answer["switch"])

    async def validate(self, customer: Customer) -> Body:
        """Asks, and waits for the answer to just this request."""
        await self.api.done("POST", f"{customer.path}/validation")
        return await self.until(customer, validation=None)

    # --- mail -------------------------------------------------------------------------------------------

    async def mail(self, to: str, subject: str = "", timeout: float = 40) -> Body:
        def fits(mail: Body) -> bool:
            return bool(re.search(subject, mail["Subject"]))

        return await asyncio.to_thread(self.system.mailbox.wait_for, to, fits, timeout)

    async def mails(self, to: str) -> list[Body]:
        return await asyncio.to_thread(self.system.mailbox.messages, to)

    async def links(self, to: str) -> list[str]:
        """The addresses in the invitations that came to somebody, newest first."""
        return [found[0] for mail in await self.mails(to) if (found := LINK.search(mail["Text"]))]

    async def link(self, customer: Customer, to: str = "", number: int = 1, timeout: float = 0) -> str:
        """The address in the newest invitation, once that many came."""

        async def look() -> str | None:
            links = await self.links(to or customer.user("admin"))
            return links[0] if len(links) >= number else None

        return await wait_for(look, f"invitation {number} by mail", timeout or self.patience + 10)

    # --- the invitee ------------------------------------------------------------------------------------

    def browser(self) -> Invitee:
        self.invitees.append(Invitee(self.wizard or self.system.base("invite"), self.patience + 10, self.limits))
        return self.invitees[-1]

    async def invited(self, customer: Customer, **more: Any) -> Invitee:
        """A switch is asked for, its mail came, its link is opened."""
        before = len(await self.links(customer.user("admin")))
        await self.request(customer, **more)
        invitee = self.browser()
        await invitee.open(await self.link(customer, number=before + 1))
        return invitee

    async def switched(self, customer: Customer, **more: Any) -> Body:
        """A whole switch to the token by device code."""
        invitee = await self.invited(customer, **more)
        await self.approve(await invitee.ask_code(customer.user("admin")), customer.user("admin"))
        await invitee.until("done")
        return await self.until(customer, switch="completed")

    # --- the topic and the databases --------------------------------------------------------------------

    async def records(self, topic: str = TOPIC) -> list[Any]:
        return await records(self.system.kafka, topic)

    async def events(self, customer: Customer) -> list[tuple[str, Body]]:
        """Type and body of the customer's events, in the order of the topic, first occurrences only."""
        found: dict[str, tuple[str, Body]] = {}
        for record in await self.records():
            headers = {name: value.decode() for name, value in record.headers}
            if record.key == customer.id.encode():
                found.setdefault(headers["ce_id"], (headers["ce_type"], json.loads(record.value)))
        return list(found.values())

    async def said(self, customer: Customer) -> list[str]:
        return [name.rpartition(".")[2] for name, _ in await self.events(customer)]

    async def document(self, service: str, collection: str, id: str) -> Body:
        def read() -> Body:
            with MongoClient[Body](self.system.mongo_url, directConnection=True) as client:
                found = client[f"tokenswitch_{service}"][collection].find_one({"_id": id})
                return dict(found["state"]) if found else {}

        return await asyncio.to_thread(read)

    async def settled(self, customer: Customer, number: int) -> None:
        """Until auth-svc has heard that this switch is over."""

        async def look() -> bool:
            return bool((await self.document("auth", "access", customer.id)).get("settled") == number)

        await wait_for(look, f"end of switch {number} at auth-svc", self.patience)

    async def close(self) -> None:
        for invitee in self.invitees:
            await invitee.http.aclose()
        await self.api.http.aclose()
        await self.entra.aclose()


def _has(seen: Any, wanted: Any) -> bool:
    if isinstance(wanted, dict):
        return isinstance(seen, dict) and all(_has(seen.get(name), value) for name, value in wanted.items())
    return bool(seen == wanted)


async def records(kafka: str, topic: str) -> list[Any]:
    """All that stands on a topic now, partition by partition."""
    reader = AIOKafkaConsumer(bootstrap_servers=kafka, auto_offset_reset="earliest", enable_auto_commit=False)
    await reader.start()
    try:
        await reader._client._wait_on_metadata(topic)
        places = [TopicPartition(topic, number) for number in reader.partitions_for_topic(topic) or ()]
        reader.assign(places)
        ends, found = await reader.end_offsets(places), []
        while any([await reader.position(place) < ends[place] for place in places]):
            for some in (await reader.getmany(timeout_ms=200)).values():
                found += some
        return sorted(found, key=lambda record: (record.partition, record.offset))
    finally:
        await reader.stop()


def open_world(system: WholeSystem, config: str = "", wizard: str = "", limits: httpx.Limits = KEPT) -> World:
    """`config`, `wizard`: at these replicas."""
    trusted = ssl.create_default_context(cafile=str(system.plan.ca_file))
    entra = httpx.AsyncClient(base_url=system.plan.authority, verify=trusted, trust_env=False, timeout=30)
    api = Api(config or system.base("config"), system.token("operator"), limits)
    return World(system=system, api=api, entra=entra, wizard=wizard, limits=limits)
