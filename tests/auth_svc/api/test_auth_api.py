"""The access-token endpoint: who may call it, what is served by the method in force, what is not, and why."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from auth_svc.api.access_tokens import ANSWERS, EXAMPLE, AccessToken, router
from auth_svc.api.token_reader import TokenReader
from auth_svc.domain.model import Access, Grant, Registration
from auth_svc.microsoft.errors import EntraRefused, EntraUnavailable, ErrorDetails
from auth_svc.microsoft.interfaces import Token
from shared.contracts.events import Account
from shared.crypto.secret import Secret
from shared.domain.rules import Change, utc_now
from shared.http.problems import install_errors
from shared.identity.bearer import Bearer
from shared.identity.oidc import Issuer
from tests.auth_svc.auth_kit import MARK, OID, TENANT, Bench, FakeMicrosoft, bench
from tests.shared.kit.issuer import AUDIENCE, NOW, URL, FakeIssuer, claims, sign

CALLER = "0d9a1c5e-2004-4a6f-8b1e-5f0a2c3d2004"
PATH = "/internal/v1/customers/{}/access-token"


@dataclass
class Api:
    here: Bench
    fake: FakeMicrosoft
    client: httpx.AsyncClient

    async def ask(self, customer: str = "c1", **more: Any) -> httpx.Response:
        body = claims(**({"roles": ["token.read"], "azp": CALLER} | more))
        return await self.client.post(PATH.format(customer), headers={"Authorization": f"Bearer {sign(body)}"})


def application(here: Bench, fake: FakeMicrosoft, readers: Mapping[str, frozenset[str]]) -> httpx.AsyncClient:
    app = FastAPI()
    app.state.token_reader = TokenReader(
        entra=fake,
        credential_store=here.keys.credential_store,
        store=here.store,
        app_scope="https://graph.microsoft.com/.default",
    )
    app.state.allowed_customers = readers
    app.state.bearer = Bearer(Issuer(URL, transport=FakeIssuer().transport()), AUDIENCE, clock=lambda: NOW)
    app.include_router(router)
    install_errors(app)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://auth.test")


@pytest.fixture
async def api(mongo_url: str, mongo_database: str) -> AsyncIterator[Api]:
    fake = FakeMicrosoft()
    async with bench(mongo_url, mongo_database, fake, fake) as here:
        await here.register()
        await here.pin()
        async with application(here, fake, {}) as client:
            yield Api(here, fake, client)


async def put(here: Bench, **fields: Any) -> None:
    def rule(state: Access | None, now: Any) -> Change[Access]:
        assert state is not None
        return Change(replace(state, **fields))

    await here.apply(rule)


def grant(here: Bench, **more: Any) -> Grant:
    cache = here.keys.credential_store.seal_token_cache("c1", "g1", Secret(f"{MARK}-cache"))
    now = utc_now()
    account = Account("admin@contoso.example", OID, "Avery Admin")
    far = now + timedelta(days=1)
    made = Grant(
        id="g1",
        switch=1,
        account=account,
        tenant_id=TENANT,
        method="device_code",
        roles=("r1",),
        scopes=("User.Read",),
        cache=cache,
        claimed_at=now,
        expires_at=far,
        refresh_at=far,
    )
    return replace(made, **more)


def registration(here: Bench, **more: Any) -> Registration:
    made = Registration(
        client_id="app-1", revision=1, vault=here.keys.credential_store.seal_secret("c1", Secret(f"{MARK}-secret"))
    )
    return replace(made, **more)


async def test_a_delegated_token_is_refreshed_and_its_cache_kept(api: Api) -> None:
    await put(api.here, grant=grant(api.here), in_force="token")
    said = await api.ask()
    assert said.status_code == 200, said.text
    assert said.headers["cache-control"] == "no-store"
    body = said.json()
    assert set(body) == {"access_token", "expires_at", "scopes", "tenant", "kind"}
    assert (body["access_token"], body["kind"], body["tenant"]) == (f"{MARK}-fresh", "delegated", TENANT)
    assert body["scopes"] == ["User.Read"]
    kept = (await api.here.state()).grant
    assert kept is not None and kept.rev == 1
    assert api.here.keys.credential_store.open_token_cache("c1", "g1", kept.cache) == Secret(f"{MARK}-cache-2")


async def test_many_callers_at_once_all_get_one(api: Api) -> None:
    """Of parallel savings one wins per revision; the losers' tokens work too."""
    await put(api.here, grant=grant(api.here), in_force="token")
    said = await asyncio.gather(*(api.ask() for _ in range(20)))
    assert {response.status_code for response in said} == {200}
    assert (await api.here.state()).grant is not None
    other = application(api.here, api.fake, {})
    both = await asyncio.gather(api.ask(), Api(api.here, api.fake, other).ask())
    assert [response.status_code for response in both] == [200, 200]
    await other.aclose()


async def test_an_app_token_is_kept_until_shortly_before_it_expires(api: Api) -> None:
    await put(api.here, registration=registration(api.here), in_force="app_registration")
    for _ in range(3):
        said = await api.ask()
        assert (said.json()["kind"], said.json()["access_token"]) == ("app", f"{MARK}-app")
    assert api.fake.calls.count("app_token") == 1
    await put(api.here, registration=registration(api.here, revision=2))
    await api.ask()
    assert api.fake.calls.count("app_token") == 2


async def test_a_short_lived_app_token_is_not_kept(api: Api) -> None:
    api.fake.script["app_token"] = [Token(Secret("short"), utc_now() + timedelta(minutes=4))]
    await put(api.here, registration=registration(api.here), in_force="app_registration")
    for _ in range(2):
        assert (await api.ask()).status_code == 200
    assert api.fake.calls.count("app_token") == 2


async def test_a_grant_that_is_only_proposed_is_served_to_nobody(api: Api) -> None:
    await put(api.here, proposed=grant(api.here))
    said = await api.ask()
    assert (said.status_code, said.json()["code"]) == (409, "no_access")
    assert api.fake.calls == []


async def test_on_renewal_the_old_one_is_served_until_the_verdict(api: Api) -> None:
    await put(api.here, grant=grant(api.here), proposed=grant(api.here, id="g2"), in_force="token")
    assert (await api.ask()).status_code == 200
    await put(api.here, grant=None)
    assert (await api.ask()).json()["code"] == "no_access"


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        (lambda here: {"grant": grant(here, lost=True, reason="revoked"), "in_force": "token"}, "revoked"),
        (
            lambda here: {
                "registration": registration(here, lost=True, reason="secret_expired"),
                "in_force": "app_registration",
            },
            "secret_expired",
        ),
        (
            lambda here: {"registration": registration(here, vault=None), "in_force": "app_registration"},
            "secret_missing",
        ),
    ],
)
async def test_lost_access_says_why_without_asking_microsoft(api: Api, fields: Any, reason: str) -> None:
    await put(api.here, **fields(api.here))
    said = await api.ask()
    assert (said.status_code, said.json()["code"], said.json()["reason"]) == (409, "access_lost", reason)
    assert said.headers["content-type"] == "application/problem+json"
    assert said.json()["detail"]
    assert api.fake.calls == []


async def test_a_refusal_found_here_is_told_to_everybody(api: Api) -> None:
    api.fake.script["refresh"] = [EntraRefused("revoked", ErrorDetails(50173))]
    await put(api.here, grant=grant(api.here), in_force="token")
    said = await api.ask()
    assert (said.status_code, said.json()["reason"]) == (409, "revoked")
    (lost,) = await api.here.events("AccessLost")
    assert lost["reason"] == "revoked"


async def test_microsoft_away_is_503_with_retry_after(api: Api) -> None:
    api.fake.script["refresh"] = [EntraUnavailable("busy", retry_after=17)]
    await put(api.here, grant=grant(api.here), in_force="token")
    said = await api.ask()
    assert (said.status_code, said.headers["retry-after"]) == (503, "17")
    assert not await api.here.events("AccessLost")


@pytest.mark.parametrize("customer", ["c9", "x" * 99])
async def test_an_unknown_customer(api: Api, customer: str) -> None:
    said = await api.ask(customer)
    assert (said.status_code, said.json()["code"]) == (404, "not_found")


async def test_a_removed_customer_is_unknown(api: Api) -> None:
    await put(api.here, removed=True)
    assert (await api.ask()).status_code == 404


@pytest.mark.parametrize("roles", [[], ["admin"], ["viewer", "operator"]])
async def test_no_other_role_opens_it(api: Api, roles: list[str]) -> None:
    said = await api.ask(roles=roles)
    assert (said.status_code, said.json()["code"]) == (403, "role_missing")


async def test_without_a_token_or_with_a_bad_one(api: Api) -> None:
    for headers in ({}, {"Authorization": "Bearer x.y.z"}, {"Authorization": "Basic x"}):
        assert (await api.client.post(PATH.format("c1"), headers=headers)).status_code == 401


async def test_callers_may_be_limited_to_customers(api: Api) -> None:
    await put(api.here, grant=grant(api.here), in_force="token")
    readers = {CALLER: frozenset({"c1"}), "all": frozenset({"*"})}
    async with application(api.here, api.fake, readers) as client:
        limited = Api(api.here, api.fake, client)
        assert (await limited.ask("c1")).status_code == 200
        refused = [await limited.ask(customer) for customer in ("c2", "unknown")]
        assert {said.status_code for said in refused} == {403}  # the same, whether it exists or not
        assert (await limited.ask("c1", azp="ALL")).status_code == 200
        assert (await limited.ask("c1", azp="not-listed")).status_code == 403
        assert (await limited.ask("c1", azp=None)).status_code == 403


async def test_each_call_is_logged_with_caller_and_customer_and_never_the_token(
    api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    await put(api.here, grant=grant(api.here), in_force="token")
    await api.ask()
    (line,) = [record for record in caplog.records if record.name == "auth_svc.api.access_tokens"]
    assert CALLER in line.getMessage() and "served" in line.getMessage()
    assert line.__dict__["customer"] == "c1"
    ours = [record for record in caplog.records if not record.name.startswith(("pymongo", "motor"))]
    assert all(MARK not in record.getMessage() for record in ours)


def test_the_document_shows_the_answer_and_every_refusal() -> None:
    AccessToken.model_validate(EXAMPLE)
    for status, answer in ANSWERS.items():
        (content,) = answer["content"].values()
        assert status == 200 or (content["example"]["status"] == status and content["example"]["detail"].endswith("."))
