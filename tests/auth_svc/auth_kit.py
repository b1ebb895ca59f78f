"""What auth-svc's tests stand on: keys, a fake of Microsoft, the store with its due work, the real simulator."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from joserfc.jwk import ECKey

from auth_svc.credential_store import PURPOSE, CredentialStore
from auth_svc.domain import attempts, customers, keep_alive
from auth_svc.domain.model import Access, Attempt
from auth_svc.jobs.attempts import AttemptJobs
from auth_svc.jobs.keep_alive import KeepAliveJobs
from auth_svc.microsoft.discovery import Hosts
from auth_svc.microsoft.entra import Applications, MsalEntra
from auth_svc.microsoft.graph import MsGraph
from auth_svc.microsoft.http_client import HttpClient, Workers
from auth_svc.microsoft.interfaces import DeviceFlow, Me, Redeemed, SignInFlow, Token
from shared.contracts.events import (
    Actor,
    AuthenticationStarted,
    CustomerRegistered,
    Method,
    Person,
    Registration,
    SwitchCompleted,
    SwitchRequested,
    TenantPinned,
)
from shared.crypto.sealed_box import Opener, Sealer
from shared.crypto.secret import Secret
from shared.crypto.signed_tokens import Signer
from shared.crypto.vault import KeyRing, Vault
from shared.domain.rules import Rule, utc_now
from shared.identity.token_verifier import PublishedKey
from shared.jobs.worker import Worker
from shared.store.mongo import Mongo
from shared.store.store import Store
from tests.dev.simulator.simulator_kit import RETURN, Kit
from tests.shared.kit.core import eventually
from tokenswitch_dev.simulator import demo

TENANT = "c0de0001-0001-4000-9abc-d00d00010000"
CLIENT = "0d9a1c5e-1003-4a6f-8b1e-5f0a2c3d1003"
OID = "c0de0001-0002-4001-9abc-d00d00010001"
MARK = "marked-secret"
HEADER = urlsafe_b64encode(b'{"alg": "RS256", "kid": "k1"}').decode().rstrip("=")
OPERATOR = Actor(id="op", name="Olga", email="olga@provider.example")
Adapters = tuple[MsalEntra, MsGraph]


# --- keys ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Keys:
    """auth-svc's safe, the wizard's opener, and everybody's sealer."""

    credential_store: CredentialStore
    wizard: Opener
    sealer: Sealer


def ring() -> KeyRing:
    return KeyRing(current="k1", keys={"k1": Secret(secrets.token_bytes(32))})


def make_keys() -> Keys:
    auth, invite = (ECKey.generate_key("P-256", {"kid": kid}, private=True) for kid in ("a1", "i1"))
    sealer = Sealer({"auth": auth, "invite": invite})
    vault = ring()
    opener = Opener({"a1": auth})
    credential_store = CredentialStore(vault=Vault(vault), opener=opener, sealer=sealer, signer=Signer(vault, PURPOSE))
    return Keys(credential_store, Opener({"i1": invite}), sealer)


# --- a fake of Microsoft ------------------------------------------------------------------------------


def redeemed(**more: Any) -> Redeemed:
    parts: dict[str, Any] = {
        "client_id": CLIENT,
        "id_token": Secret(f"{HEADER}.{MARK}-id.x"),
        "access_token": Secret(f"{MARK}-access"),
        "cache": Secret(f"{MARK}-cache"),
        "scopes": ("User.Read",),
        "home_tenant": TENANT,
    }
    return Redeemed(**(parts | more))


@dataclass
class FakeMicrosoft:
    """Entra and Graph at once: each call takes the next of its scripted answers (the last one stays)."""

    script: dict[str, list[Any]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    states: list[str] = field(default_factory=list)
    claims: list[str | None] = field(default_factory=list)
    """What was demanded of tokens and sign-ins, in the order of the calls that may carry it."""
    ahead: float | None = None
    """Seconds that our clock is ahead of Microsoft's."""

    async def _say(self, name: str, otherwise: Any) -> Any:
        self.calls.append(name)
        answers = self.script.get(name, [])
        said = answers.pop(0) if len(answers) > 1 else answers[0] if answers else otherwise
        if isinstance(said, Exception):
            raise said
        return await said() if callable(said) else said

    async def resolve_tenant(self, asked: str) -> str:
        return str(await self._say("resolve", TENANT))

    async def begin_device(self, tenant: str, claims: str | None = None) -> DeviceFlow:
        self.claims.append(claims)
        flow = DeviceFlow(
            msal_flow=Secret(f'{{"device_code":"{MARK}"}}'),
            user_code=Secret(f"{MARK}-UC"),
            verification_uri="https://aka.ms/x",
            expires_in=900,
            interval=0.05,
        )
        found: DeviceFlow = await self._say("begin_device", flow)
        return found

    async def poll_device(self, tenant: str, msal_flow: Secret[str], wanted: Callable[[], bool]) -> Any:
        return await self._say("poll", "pending")

    async def begin_sign_in(
        self, tenant: str, state: str, login_hint: str | None, claims: str | None = None
    ) -> SignInFlow:
        self.claims.append(claims)
        self.states.append(state)
        msal_flow = json.dumps({"state": state, "nonce": "n", "code_verifier": MARK})
        flow = SignInFlow(Secret(msal_flow), Secret(f"https://login.example/{MARK}"), Secret(state))
        found: SignInFlow = await self._say("begin_sign_in", flow)
        return found

    async def redeem_code(self, tenant: str, msal_flow: Secret[str], answer: Mapping[str, str]) -> Any:
        return await self._say("redeem", redeemed())

    async def refresh(
        self, tenant: str, method: Method, cache: Secret[str], *, force: bool, claims: str | None = None
    ) -> Token:
        self.claims.append(claims)
        token = Token(Secret(f"{MARK}-fresh"), utc_now() + timedelta(hours=1), Secret(f"{MARK}-cache-2"))
        found: Token = await self._say("refresh", token)
        return found

    def clock_ahead(self) -> float | None:
        return self.ahead

    async def app_token(self, tenant: str, client_id: str, secret: Secret[str], *, claims: str | None = None) -> Token:
        self.claims.append(claims)
        token = Token(Secret(f"{MARK}-app"), utc_now() + timedelta(hours=1))
        found: Token = await self._say("app_token", token)
        return found

    async def issuer(self, tenant: str) -> str:
        return f"https://login.example/{tenant}/v2.0"

    async def signing_key(self, tenant: str, kid: str) -> PublishedKey | None:
        found: PublishedKey | None = await self._say("signing_key", None)
        return found

    async def me(self, token: Secret[str]) -> Me:
        found: Me = await self._say("me", Me(id=OID, upn="admin@contoso.example", name="Avery Admin", guest=False))
        return found

    async def organization(self, token: Secret[str]) -> str:
        return str(await self._say("organization", TENANT))

    async def roles_of_me(self, token: Secret[str], ids: tuple[str, ...]) -> tuple[str, ...]:
        found: tuple[str, ...] = await self._say("roles", ids[:1])
        return found


# --- the simulator ------------------------------------------------------------------------------------


@contextlib.contextmanager
def microsoft(kit: Kit, interval: float = 0.2, secret: str = demo.SIGNIN_SECRET) -> Any:
    """Our adapters, over TLS, in front of the simulator."""
    http, polls, calls = HttpClient(32, kit.running.ca_file), Workers(16, "polls"), Workers(8, "calls")
    apps = Applications(
        sign_in=demo.SIGNIN_CLIENT_ID,
        secret=Secret(secret),
        device=demo.DEVICE_CLIENT_ID,
        scopes=("User.Read",),
        redirect_uri=RETURN,
        graph="https://graph.microsoft.com",
    )
    hosts = Hosts(frozenset(), simulated=True)
    entra = MsalEntra(http, kit.authority, hosts, apps, polls=polls, calls=calls, interval=interval)
    yield entra, MsGraph(http, kit.running.graph_url, calls)
    for workers in (polls, calls):
        workers.close()
    http.close()


# --- the service's work, on a real database -----------------------------------------------------------


@dataclass(kw_only=True)
class Bench:
    """The store `access` of one customer with the deadlines of both jobs, as main.py composes them."""

    store: Store[Access]
    keys: Keys
    entra: Any
    graph: Any
    lease: float = 30.0
    customer: str = "c1"
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    _running: list[asyncio.Task[None]] = field(default_factory=list)

    def attempts_due(self) -> Worker[Access]:
        jobs = AttemptJobs(
            entra=self.entra,
            graph=self.graph,
            credential_store=self.keys.credential_store,
            store=self.store,
            scopes=("User.Read",),
        )
        return Worker(
            store=self.store,
            job="attempt",
            execute=jobs.execute,
            concurrency=2000,
            lease_seconds=self.lease,
            tick_seconds=0.1,
            grace_seconds=6.0,
        )

    def keep_due(self) -> Worker[Access]:
        jobs = KeepAliveJobs(entra=self.entra, graph=self.graph, credential_store=self.keys.credential_store)
        return Worker(store=self.store, job="keep", execute=jobs.execute, lease_seconds=self.lease, tick_seconds=0.1)

    def run(self) -> None:
        for due in (self.attempts_due(), self.keep_due()):
            self._running.append(asyncio.ensure_future(due.run(self.stopping)))

    async def stop(self) -> None:
        self.stopping.set()
        await asyncio.gather(*self._running)

    async def apply(self, rule: Rule[Access], customer: str = "") -> None:
        await self.store.apply(customer or self.customer, rule)

    async def fact(self, rule: Callable[[Any, Any, datetime], Any], event: Any) -> None:
        await self.apply(lambda state, now: rule(state, event, now), event.customer)

    async def state(self, customer: str = "") -> Access:
        found = await self.store.get(customer or self.customer)
        assert found is not None
        return found.state

    async def attempt(self) -> Attempt:
        found = (await self.state()).attempt
        assert found is not None
        return found

    async def events(self, kind: str = "", customer: str = "") -> list[dict[str, Any]]:
        """What the document wants to say, oldest first, with its type."""
        document = await self.store.collection.get(customer or self.customer)
        entries = document["outbox"] if document else []
        all = [json.loads(entry["body"]) | {"type": entry["type"]} for entry in entries]
        return [event for event in all if kind in ("", event["type"])]

    async def until(self, holds: Callable[[Access], bool], customer: str = "", seconds: float = 60.0) -> Access:
        """Waits for the document, woken often enough for a test."""
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while loop.time() < end:
            found = await self.store.get(customer or self.customer)
            if found is not None and holds(found.state):
                return found.state
            await asyncio.sleep(0.03)
        raise AssertionError(f"it did not come to that: {await self.state(customer)}")

    async def until_attempt(self, *states: str) -> Attempt:
        found = await self.until(lambda access: access.attempt is not None and access.attempt.state in states)
        assert found.attempt is not None
        return found.attempt

    async def given_back(self) -> None:
        """Until nobody works on the attempt any more."""

        async def released() -> bool:
            document = await self.store.collection.get(self.customer) or {}
            return "by" not in document.get("lease", {}).get("attempt", {})

        await eventually(released)

    # --- how things begin ---

    async def register(self, tenant: str = "contoso.example", secret: str | None = None, revision: int = 1) -> None:
        part = None
        if secret is not None:
            sealed = self.keys.sealer.seal(
                "auth",
                {"client_secret": secret},
                customer=self.customer,
                event="Registration",
                attempt=None,
                now=utc_now(),
                lifetime=None,
            )
            part = Registration(client_id=demo.guid(3, 1), revision=revision, secret_change="set", secret=sealed)
        await self.fact(
            customers.register,
            CustomerRegistered(customer=self.customer, name="Contoso", tenant=tenant, registration=part),
        )

    async def pin(self, tenant_id: str = TENANT, asked: str = "contoso.example") -> None:
        await self.fact(customers.pin, TenantPinned(self.customer, asked, tenant_id))

    async def ask(self, *, switch: int = 1, to: Any = "token", tenant: str = TENANT, invited: bool = True) -> None:
        invitee = Person("anna@contoso.example") if invited else None
        event = SwitchRequested(
            customer=self.customer,
            switch=switch,
            to=to,
            renew=False,
            customer_name="Contoso",
            tenant_id=tenant,
            methods=("sign_in", "device_code"),
            accepted_roles=(),
            expires_at=utc_now() + timedelta(days=7),
            invitee=invitee,
        )
        await self.fact(attempts.begin_switch, event)

    async def start(
        self, method: Method, *, attempt: int = 1, switch: int = 1, tenant: str = TENANT, **more: Any
    ) -> None:
        event = AuthenticationStarted(
            customer=self.customer,
            switch=switch,
            attempt=attempt,
            method=method,
            accepted_roles=(),
            tenant_id=tenant,
            **more,
        )
        await self.fact(attempts.start, event)

    async def complete(self, grant: str | None, *, switch: int = 1, in_force: Any = "token", **more: Any) -> None:
        method: Any = "device_code" if in_force == "token" else "app_registration"
        to: Any = "token" if in_force == "token" else "app_registration"
        event = SwitchCompleted(
            customer=self.customer,
            switch=switch,
            to=to,
            method=method,
            invited=True,
            grant=grant,
            in_force=in_force,
            **more,
        )
        await self.fact(customers.complete, event)

    def opened(self, event: Mapping[str, Any], kind: str, name: str) -> dict[str, str]:
        """What the wizard reads."""
        place = f"{self.customer}/{event['switch']}"
        found = self.keys.wizard.open(event[name], customer=place, event=kind, attempt=event["attempt"], now=utc_now())
        return {key: value.reveal() for key, value in found.items()}

    def answer(self, query: Mapping[str, str], *, attempt: int = 1, switch: int = 1) -> str:
        """Microsoft's answer as the wizard seals it."""
        return self.keys.sealer.seal(
            "auth",
            {"query": json.dumps(dict(query))},
            customer=f"{self.customer}/{switch}",
            event="SignInReturned",
            attempt=attempt,
            now=utc_now(),
        )


def open_store(mongo: Mongo) -> Store[Access]:
    deadlines = {"attempt": attempts.next_deadline, "keep": keep_alive.next_deadline}
    return Store(mongo.collection("access"), Access, "auth/access", deadlines=deadlines)


@contextlib.asynccontextmanager
async def bench(mongo_url: str, database: str, entra: Any, graph: Any, **more: Any) -> AsyncIterator[Bench]:
    mongo = Mongo(mongo_url, f"{database}_auth")
    store = open_store(mongo)
    await store.prepare()
    made = Bench(store=store, keys=make_keys(), entra=entra, graph=graph, **more)
    try:
        yield made
    finally:
        await made.stop()
        await mongo.drop()
        mongo.close()


def write_keys(home: Path) -> dict[str, str]:
    """Key files and the settings that name them."""
    auth, invite = (ECKey.generate_key("P-256", {"kid": kid}, private=True) for kid in ("a1", "i1"))
    key = urlsafe_b64encode(secrets.token_bytes(32)).decode().rstrip("=")
    public = {name: {"keys": [of.as_dict(private=False)]} for name, of in (("auth", auth), ("invite", invite))}
    files: dict[str, Any] = {
        "VAULT_KEYS_FILE": {"current": "k1", "keys": {"k1": key}},
        "SEAL_KEYS_FILE": {"keys": [auth.as_dict(private=True)]},
        "SEAL_PUBLIC_KEYS_FILE": public,
    }
    (home / "wizard").write_text(json.dumps({"keys": [invite.as_dict(private=True)]}))
    for name, content in files.items():
        (home / name).write_text(json.dumps(content))
    (home / "ENTRA_CLIENT_SECRET_FILE").write_text(demo.SIGNIN_SECRET)
    return {name: str(home / name) for name in (*files, "ENTRA_CLIENT_SECRET_FILE")}


def read_keys(home: Path) -> Keys:
    """The same keys, as the processes of a test have them."""
    vault = KeyRing.from_file(home / "VAULT_KEYS_FILE")
    sealer = Sealer.from_file(home / "SEAL_PUBLIC_KEYS_FILE")
    credential_store = CredentialStore(
        vault=Vault(vault),
        opener=Opener.from_file(home / "SEAL_KEYS_FILE"),
        sealer=sealer,
        signer=Signer(vault, PURPOSE),
    )
    return Keys(credential_store, Opener.from_file(home / "wizard"), sealer)
