"""invite-svc against a real database, driven as browsers and events would; the clock is the test's."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from pydantic import SecretStr

from invite_svc.domain import invitations
from invite_svc.domain.model import Invitation
from invite_svc.main import build
from invite_svc.settings import InviteSettings
from invite_svc.subscriptions import INVITATIONS, SUBSCRIPTIONS
from shared.contracts.events import (
    Account,
    Actor,
    DeviceCodeIssued,
    Event,
    Person,
    SignInReady,
    SwitchRequested,
    TokenClaimed,
)
from shared.crypto.invitation_links import Links
from shared.crypto.sealed_box import Opener, Sealer
from shared.crypto.vault import KeyRing
from shared.store.mongo import Mongo
from shared.store.store import Store
from tokenswitch_dev.runner.keys import make_keys

NOW = datetime(2027, 3, 1, 12, 0, tzinfo=UTC)
BASE = "http://localhost:8001"
ID, CUSTOMER = "contoso/1", "contoso"
TENANT = "c0de0001-0001-4000-9abc-d00d00010000"
GLOBAL_ADMIN = "62e90394-69f5-4237-9190-012177145e10"
ADMIN = Account("admin@contoso.example", "oid-1", "Avery Admin")
STATE = "marked-secret-state"
CODE, AT_MICROSOFT = "C7WQ9KDM2", f"https://login.microsoftonline.com/authorize?state={STATE}"
APP_ID, SECRET = "c0de0001-0003-4000-9abc-d00d00010000", "marked~client~secret~value"


def requested(**changed: Any) -> SwitchRequested:
    given: dict[str, Any] = {
        "customer": CUSTOMER,
        "switch": 1,
        "to": "token",
        "renew": False,
        "customer_name": "Contoso Ltd",
        "tenant_id": TENANT,
        "tenant_name": "contoso.example",
        "expires_at": NOW + timedelta(days=7),
        "methods": ("sign_in", "device_code", "app_registration"),
        "accepted_roles": (GLOBAL_ADMIN,),
        "invitee": Person("admin@contoso.example", "Avery Admin"),
        "locale": "en",
        "inviter": Actor(id="op-1", name="Otto Operator", email="otto@provider.example"),
        "remind_at": NOW + timedelta(days=3),
    }
    return SwitchRequested(**(given | changed))


def claimed(attempt: int = 1) -> TokenClaimed:
    return TokenClaimed(
        customer=CUSTOMER,
        switch=1,
        attempt=attempt,
        grant="grant-1",
        account=ADMIN,
        tenant_id=TENANT,
        roles=(GLOBAL_ADMIN,),
        scopes=("User.Read",),
        method="sign_in",
        claimed_at=NOW,
        expires_at=NOW + timedelta(days=90),
    )


class Browser:
    """One person's browser: keeps cookies, follows to pages, sends forms with their tokens."""

    def __init__(self, app: Any, address: str = "127.0.0.1") -> None:
        transport = httpx.ASGITransport(app=app, client=(address, 40000))
        self.http = httpx.AsyncClient(transport=transport, base_url=BASE, headers={"Accept": "text/html"})
        self.page = httpx.Response(204)

    async def open(self, path: str, **more: Any) -> httpx.Response:
        self.page = await self.http.get(path, **more)
        return self.page

    async def send(self, action: str, follow: bool = True, /, **fields: str) -> httpx.Response:
        """Sends the form of the page shown that posts to `action`, with its hidden fields."""
        form = re.search(rf'<form[^>]*action="[^"]*{re.escape(action)}"[^>]*>(.*?)</form>', self.page.text, re.S)
        assert form, f"no form to {action} on the page: {self.page.text[:2000]}"
        full = re.search(rf'action="([^"]*{re.escape(action)})"', form.group(0))
        assert full
        hidden = dict(re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)"', form.group(1)))
        answer = await self.http.post(full.group(1), data=hidden | fields)
        self.page = answer
        if follow and answer.is_redirect:
            await self.open(answer.headers["location"])
        return answer

    async def live(self) -> httpx.Response:
        return await self.http.get("/w/state")

    @property
    def session(self) -> str | None:
        return self.http.cookies.get("ts-invite")


class Wizard:
    """The service, its document, and the events of the other services."""

    def __init__(self, folder: Path, mongo_url: str, database: str, **changed: Any) -> None:
        keys = make_keys(folder)
        self.now = NOW
        given: dict[str, Any] = {
            "kafka_bootstrap": "127.0.0.1:1",
            "mongo_url": SecretStr(mongo_url),
            "mongo_database": database,
            "port": 0,
            "portal_url": "http://localhost:8000",
            "invite_url": BASE,
            "link_keys_file": keys.link,
            "seal_keys_file": keys.seal("invite"),
            "seal_public_keys_file": keys.seal_public,
            "provider_name": "Northstar Communications",
            "starts_per_address": 1000,
            "starts_per_tenant": 1000,
            "wrong_links_per_address": 1000,
        }
        self.settings = InviteSettings(**(given | changed))
        self.service = build(self.settings, clock=self.clock)
        self.app = self.service.app()
        self.mongo = Mongo(mongo_url, f"{database}_invite")
        self.store: Store[Invitation] = Store(
            self.mongo.collection(INVITATIONS),
            Invitation,
            "invite/invitations",
            deadlines={"deadlines": invitations.next_deadline},
            clock=self.clock,
        )
        self.links = Links(KeyRing.from_file(keys.link), BASE)
        self.sealer = Sealer.from_file(keys.seal_public)
        self.auth = Opener.from_file(keys.seal("auth"))

    def clock(self) -> datetime:
        return self.now

    def later(self, **span: float) -> None:
        self.now += timedelta(**span)

    async def close(self) -> None:
        await self.mongo.drop()
        self.mongo.close()
        self.service.mongo.close()

    async def hears(self, event: Event) -> None:
        """Takes the event in by the service's own table."""
        for row in SUBSCRIPTIONS:
            if row.event is type(event) and (id := row.key(event)):
                rule = row.rule
                await self.store.apply(id, lambda state, now: rule(state, event, now))  # noqa: B023

    async def invitation(self, id: str = ID) -> Invitation:
        found = await self.store.get(id)
        assert found
        return found.state

    async def said(self, id: str = ID) -> list[str]:
        """The types of the events in the outbox, in order."""
        document = await self.store.collection.get(id)
        return [entry["type"] for entry in document["outbox"]] if document else []

    async def bodies(self, id: str = ID) -> str:
        document = await self.store.collection.get(id)
        return "\n".join(entry["body"] for entry in document["outbox"]) if document else ""

    def link(self, generation: int = 1, id: str = ID) -> str:
        return self.links.address(id, generation).reveal().removeprefix(BASE)

    def browser(self, address: str = "127.0.0.1") -> Browser:
        return Browser(self.app, address)

    async def begun(self, address: str = "127.0.0.1") -> Browser:
        """A browser whose session has begun: it shows the wizard."""
        browser = self.browser(address)
        await browser.open(self.link())
        await browser.send("/start")
        return browser

    def sealed(self, event: str, value: dict[str, str], attempt: int, id: str = ID) -> str:
        return self.sealer.seal("invite", value, customer=id, event=event, attempt=attempt, now=self.now)

    async def code_comes(self, attempt: int = 1, *, sealed: str | None = None, minutes: float = 15) -> None:
        code = sealed or self.sealed("DeviceCodeIssued", {"user_code": CODE}, attempt)
        ends = self.now + timedelta(minutes=minutes)
        await self.hears(
            DeviceCodeIssued(
                customer=CUSTOMER,
                switch=1,
                attempt=attempt,
                code=code,
                verification_uri="https://microsoft.com/devicelogin",
                expires_at=ends,
            )
        )

    async def sign_in_ready(self, attempt: int = 1, url: str = AT_MICROSOFT) -> None:
        sealed = self.sealed("SignInReady", {"url": url}, attempt)
        await self.hears(
            SignInReady(
                customer=CUSTOMER, switch=1, attempt=attempt, url=sealed, expires_at=self.now + timedelta(minutes=15)
            )
        )
