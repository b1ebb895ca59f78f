"""config-svc against a real database: a gateway with tokens, operators' browsers, and the events of the others."""

from __future__ import annotations

import asyncio
import html
import re
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx
from pydantic import SecretStr

from config_svc.commands.bulk_operations import BulkCommands
from config_svc.commands.customers import CustomerCommands
from config_svc.commands.settings import SettingsCommands
from config_svc.domain.model import Customer
from config_svc.domain.settings import Terms
from config_svc.main import build
from config_svc.queries.bulk_operations import OPERATIONS, PARTS, BulkReads
from config_svc.queries.lists import Lists
from config_svc.settings import ConfigSettings
from config_svc.subscriptions import COUNTS, CUSTOMERS, SUBSCRIPTIONS
from mails.render import renderer
from mails.sample import Sample
from shared.contracts import cloudevents
from shared.contracts.events import Account, Event, TenantResolved, TokenClaimed
from shared.crypto.invitation_links import Links
from shared.crypto.sealed_box import Opener, Sealer
from shared.crypto.vault import KeyRing
from shared.domain.rules import Change
from shared.http.pagination import Cursors
from shared.http.rate_limits import Limits
from shared.identity.bearer import identity_of
from shared.identity.oidc import Issuer
from shared.identity.sessions import Sessions
from shared.messaging.event_handlers import EventHandlers
from shared.messaging.kafka import KafkaRecord
from shared.store.store import WriteNotification
from tests.shared.kit.issuer import AUDIENCE, URL, FakeIssuer, claims, sign
from tokenswitch_dev.runner.keys import make_keys, write_secret

NOW = datetime(2126, 3, 1, 12, 0, tzinfo=UTC)
PORTAL, INVITE = "http://localhost:8000", "http://localhost:8001"
C, TENANT = "contoso", "c0de0001-0001-4000-9abc-d00d00010000"
APP, SECRET = "c0de0001-0003-4000-9abc-d00d00010000", "marked~client~secret~value"
ADMIN = "admin@contoso.example"
GLOBAL_ADMIN = "62e90394-69f5-4237-9190-012177145e10"
ACCOUNT = Account(ADMIN, "oid-1", "Avery Admin")
API = "/api/v1"


class Nowhere:
    """A sender for what no test sends."""

    async def send(self, topic: str, key: bytes | None, value: bytes | None, headers: cloudevents.Headers) -> None:
        raise AssertionError("nothing is sent here")


class Config:
    """The service without its loops: events are handed to its intake by `hears`."""

    def __init__(self, folder: Path, mongo_url: str, database: str, **changed: Any) -> None:
        self.keys = make_keys(folder)
        self.now = NOW
        given: dict[str, Any] = {
            "kafka_bootstrap": "127.0.0.1:1",
            "mongo_url": SecretStr(mongo_url),
            "mongo_database": database,
            "port": 0,
            "portal_url": PORTAL,
            "invite_url": INVITE,
            "operator_issuer": URL,
            "portal_client_id": "portal-client",
            "portal_client_secret_file": write_secret(folder / "portal-secret", "portal-secret"),
            "provider_name": "Northstar",
            "mail_from": "Northstar <no-reply@provider.example>",
            "api_audience": AUDIENCE,
            "link_keys_file": self.keys.link,
            "seal_public_keys_file": self.keys.seal_public,
        }
        self.settings = ConfigSettings(**(given | changed))
        self.issuer = FakeIssuer()
        self.service = build(self.settings, issuer=Issuer(URL, transport=self.issuer.transport()), clock=self.clock)
        self.app = self.service.app()
        stores = self.service._stores
        self.customers = stores[CUSTOMERS]
        self.handlers = EventHandlers(
            (*SUBSCRIPTIONS, *COUNTS), stores, Nowhere(), "dead", logs=self.service._logs, clock=self.clock
        )
        self.auth = Opener.from_file(self.keys.seal("auth"))
        self._said = set(stores)
        """Stores that may have events which did not come back yet."""
        for name, store in stores.items():
            store.listeners.append(partial(self._wrote, name))
        self.ring = KeyRing.from_file(self.keys.link)
        self._offset = 0

    def clock(self) -> datetime:
        return self.now

    def later(self, **span: float) -> None:
        self.now += timedelta(**span)

    async def prepare(self) -> None:
        for store in self.service._stores.values():
            await store.prepare()
        for collection, indexes in self.service._indexes:
            await collection.ensure(indexes)

    async def close(self) -> None:
        await self.service.mongo.drop()
        await self.leave()

    async def leave(self) -> None:
        """Without its database, which others go on with: calls that a test did not wait for end before that."""
        while running := {*self.service.mongo._calls._running, *self.service.mongo._urgent._running}:
            await asyncio.wait(running)
        self.service.mongo.close()

    # --- the other services --------------------------------------------------------------------------------------

    async def hears(self, event: Event, source: str = "auth/access") -> None:
        """As the consumer takes it in: rules, timeline and audit."""
        self._offset += 1
        id = f"{source}/{event.key}/{self._offset}/0"
        headers = cloudevents.headers_of(id, type(event).__name__, self.now, event.key, None)
        await self._take(event.key.encode(), cloudevents.encode(event).encode(), headers)

    async def relays(self) -> list[str]:
        """Its own events come back to it by the topic; gives their types."""
        said: list[str] = []
        for name, store in self.service._stores.items():
            if name not in self._said:
                continue
            self._said.remove(name)
            documents = await store.collection.find({"unsent": {"$gt": datetime(1970, 1, 1, tzinfo=UTC)}}, limit=100)
            if len(documents) == 100:
                self._said.add(name)
            for document in documents:
                for entry in document["outbox"]:
                    headers = cloudevents.headers_of(entry["id"], entry["type"], entry["at"], document["_id"], None)
                    await self._take(entry["key"].encode(), entry["body"].encode(), headers)
                    said.append(entry["type"])
                await store.collection.update_many(
                    {"_id": document["_id"]}, {"$set": {"outbox": []}, "$unset": {"unsent": ""}}
                )
        return said

    def _wrote(self, name: str, written: WriteNotification) -> None:
        if written.unsent:
            self._said.add(name)

    async def _take(self, key: bytes, value: bytes, headers: cloudevents.Headers) -> None:
        self._offset += 1
        for batch in self.handlers.batches(
            [KafkaRecord(topic="events", partition=0, offset=self._offset, key=key, value=value, headers=headers)]
        ):
            await self.handlers.handle(batch)
            assert not batch.dead, batch.dead

    async def pinned(self, customer: str = C, tenant: str = TENANT) -> None:
        found = await self.customer(customer)
        await self.hears(TenantResolved(customer, found.tenant, tenant))
        await self.relays()
        await self.relays()
        assert (await self.customer(customer)).tenant_id == tenant

    async def claims(self, customer: str = C, attempt: int = 1) -> None:
        """The administrator signs in and auth-svc claims the token."""
        number = (await self.customer(customer)).switches
        await self.hears(
            TokenClaimed(
                customer=customer,
                switch=number,
                attempt=attempt,
                grant=f"grant-{number}",
                account=ACCOUNT,
                tenant_id=TENANT,
                roles=(GLOBAL_ADMIN,),
                scopes=("User.Read",),
                method="sign_in",
                claimed_at=self.now,
                expires_at=self.now + timedelta(days=90),
            )
        )
        await self.relays()

    # --- what it keeps -------------------------------------------------------------------------------------------

    async def customer(self, id: str = C) -> Customer:
        found = await self.customers.get(id)
        assert found is not None
        state: Customer = found.state
        return state

    async def set(self, id: str, change: Callable[[Any], Customer]) -> None:
        """A customer in any state, for what shows it."""
        await self.customers.apply(id, lambda state, now: Change(change(state)))

    async def bodies(self, id: str = C) -> str:
        document = await self.customers.collection.get(id)
        return "\n".join(entry["body"] for entry in document["outbox"]) if document else ""

    async def everything(self) -> str:
        """All that is in the database, as text."""
        found: list[Any] = []
        for name in ("customers", "tenants", "settings", "timeline", "audit", "sessions", "limits"):
            found += await self.service.mongo.collection(name).find({}, limit=1000)
        return repr(found)

    @property
    def bulk_operations(self) -> BulkCommands:
        """The bulk operations as another replica works on them."""
        store, parts = self.service._stores[OPERATIONS], self.service._stores[PARTS]
        lists = Lists(self.customers, self.service_cursors())
        return BulkCommands(
            self.commands, BulkReads(operations=store, parts=parts, customers=self.customers, lists=lists)
        )

    @property
    def commands(self) -> CustomerCommands:
        limits, settings = Limits(self.service.mongo.collection("limits")), self.settings
        usual = Terms(life=settings.invitation_life, remind_after=settings.remind_after, accepted_roles=settings.roles)
        sample = Sample("Tokenswitch", INVITE)
        terms = SettingsCommands(
            store=self.service._stores["settings"],
            usual=usual,
            usual_sender=settings.mail_from,
            renderer=renderer(),
            sample=sample,
        )
        sealer, links = Sealer.from_file(self.keys.seal_public), Links(self.ring, INVITE)
        return CustomerCommands(
            store=self.customers,
            sealer=sealer,
            links=links,
            limits=limits,
            settings=terms,
            requests_per_hour=settings.requests_per_hour,
            clock=self.clock,
        )

    def service_cursors(self) -> Cursors:
        return Cursors(self.ring)

    # --- who asks ------------------------------------------------------------------------------------------------

    def gateway(self, role: str | None = "operator", **more: Any) -> Gateway:
        return Gateway(self, role, **more)

    async def browser(self, role: str | None = "operator", language: str = "en") -> Browser:
        """A browser in which an operator has signed in (None: nobody)."""
        found = Browser(self.app, language)
        if role:
            identity = identity_of(claims(roles=[role], name=f"{role.title()} Person", oid=f"u-{role}"), "192.0.2.7")
            sessions = Sessions(self.service.mongo.collection("sessions"))
            found.http.cookies.set("ts-config", await sessions.begin(identity, self.now))
        return found

    async def registered(self, id: str = C, *, secret: bool = True, **more: Any) -> None:
        """A customer whose tenant is known."""
        registration: dict[str, Any] = {"client_id": APP, "client_secret": SECRET, "secret_expires_on": "2127-01-31"}
        body: dict[str, Any] = {"name": "Contoso GmbH", "tenant": "contoso.example", "reference": "CRM-1"}
        body |= {"app_registration": registration} if secret else {}
        answer = await self.gateway().put(f"/customers/{id}", body | more)
        assert answer.status_code == 201, answer.text
        await self.relays()
        await self.pinned(id)

    async def invited(self, id: str = C) -> None:
        """A customer whose administrator is invited."""
        await self.registered(id)
        answer = await self.gateway().post(f"/customers/{id}/switch", {"to": "token", "admin_email": ADMIN})
        assert answer.status_code == 202, answer.text
        await self.relays()


class Gateway:
    """A program with a bearer token."""

    def __init__(self, config: Config, role: str | None, **said: Any) -> None:
        transport = httpx.ASGITransport(app=config.app, client=("192.0.2.9", 40000))
        headers = {}
        if role:
            now = int(config.now.timestamp())
            times = {"iat": now, "nbf": now, "exp": now + 3600}
            token = sign(claims(roles=[role], oid=f"g-{role}", name=f"Gateway {role}", **(times | said)))
            headers = {"Authorization": f"Bearer {token}"}
        self.http = httpx.AsyncClient(transport=transport, base_url=PORTAL, headers=headers)

    async def get(self, path: str, **more: Any) -> httpx.Response:
        return await self.http.get(API + path, **more)

    async def put(self, path: str, body: Any, **headers: str) -> httpx.Response:
        return await self.http.put(API + path, json=body, headers=headers)

    async def post(self, path: str, body: Any = None, key: str | None = None, **more: Any) -> httpx.Response:
        headers = {"Idempotency-Key": key or uuid.uuid4().hex} | more.pop("headers", {})
        sent = {"json": body} if body is not None else {}
        return await self.http.post(API + path, headers=headers, **sent, **more)

    async def delete(self, path: str, **more: Any) -> httpx.Response:
        return await self.http.delete(API + path, **more)


class Browser:
    """An operator's browser: keeps cookies, sends the forms of the page shown with their hidden fields."""

    def __init__(self, app: Any, language: str = "en") -> None:
        transport = httpx.ASGITransport(app=app, client=("192.0.2.7", 40000))
        headers = {"Accept": "text/html", "Accept-Language": language}
        self.http = httpx.AsyncClient(transport=transport, base_url=PORTAL, headers=headers)
        self.page = httpx.Response(204)

    async def open(self, path: str, **more: Any) -> httpx.Response:
        self.page = await self.http.get(path, **more)
        return self.page

    @property
    def text(self) -> str:
        """What a person reads, without tags."""
        return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", self.page.text)).split())

    def form(self, action: str) -> tuple[str, dict[str, str]]:
        """The first form that posts to an address ending so: where to, and its hidden fields."""
        for attributes, body in re.findall(r"<form([^>]*)>(.*?)</form>", self.page.text, re.S):
            where = re.search(r'action="([^"]*)"', attributes)
            if where and html.unescape(where[1]).endswith(action):
                hidden = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)"', body)
                return html.unescape(where[1]), {name: html.unescape(value) for name, value in hidden}
        raise AssertionError(f"no form to {action} on the page:\n{self.text[:3000]}")

    async def send(self, action: str, follow: bool = True, **fields: Any) -> httpx.Response:
        where, hidden = self.form(action)
        answer = self.page = await self.http.post(where, data=hidden | fields)
        if follow and answer.is_redirect:
            await self.open(answer.headers["location"])
        return answer
