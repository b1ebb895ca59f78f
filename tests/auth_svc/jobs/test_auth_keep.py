"""What keeps access alive: secrets resealed, tenants resolved, validation on request, daily refresh and proof."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from prometheus_client import REGISTRY

from auth_svc.domain import keep_alive
from auth_svc.domain.model import Access, Grant
from auth_svc.microsoft.errors import EntraRefused, EntraUnavailable, ErrorDetails
from auth_svc.microsoft.interfaces import Me
from shared.contracts.events import Account, Method, ValidationRequested
from shared.crypto.secret import Secret
from shared.domain.rules import Change, utc_now
from tests.auth_svc.auth_kit import MARK, OID, TENANT, Bench, FakeMicrosoft, bench

REVOKED = EntraRefused("revoked", ErrorDetails(50173, "5d1f0c1e-0000-4000-8000-000000000001", None))


@pytest.fixture
async def here(mongo_url: str, mongo_database: str) -> AsyncIterator[Bench]:
    fake = FakeMicrosoft()
    async with bench(mongo_url, mongo_database, fake, fake) as made:
        await made.register()
        await made.pin()
        await work(made)
        yield made


def script(here: Bench, **answers: list[Any]) -> FakeMicrosoft:
    fake = here.entra
    assert isinstance(fake, FakeMicrosoft)
    fake.script |= answers
    fake.calls.clear()
    return fake


async def work(here: Bench, rounds: int = 6) -> None:
    """Does what is due now."""
    due = here.keep_due()
    for _ in range(rounds):
        await due.once()
        await due.settled()


async def grant_in_force(here: Bench, method: Any = "device_code") -> None:
    cache = here.keys.credential_store.seal_token_cache("c1", "g1", Secret(f"{MARK}-cache"))
    now = utc_now()
    account = Account("admin@contoso.example", OID, "Avery Admin")
    far = now + timedelta(days=1)
    grant = Grant(
        id="g1",
        switch=1,
        account=account,
        tenant_id=TENANT,
        method=method,
        roles=("r1",),
        scopes=("User.Read",),
        cache=cache,
        claimed_at=now,
        expires_at=far,
        refresh_at=far,
    )
    await here.apply(lambda state, at: Change(replace(_some(state), grant=grant, in_force="token")))


def _some(state: Access | None) -> Access:
    assert state is not None
    return state


async def due_now(here: Bench) -> None:
    """A day has passed."""

    def rule(state: Access | None, now: datetime) -> Change[Access]:
        access = _some(state)
        grant = access.grant and replace(access.grant, refresh_at=now)
        registration = access.registration and replace(access.registration, check_at=now)
        return Change(replace(access, grant=grant, registration=registration))

    await here.apply(rule)


async def validation(here: Bench, method: Any = "token", **more: Any) -> None:
    event = ValidationRequested(customer="c1", request="r-1", method=method, **more)
    await here.fact(keep_alive.request_validation, event)


async def registered(here: Bench) -> None:
    await here.register(secret=f"{MARK}-secret")
    await work(here)


# --- secrets and tenants --------------------------------------------------------------------------------


async def test_a_secret_is_resealed_at_once(here: Bench) -> None:
    await registered(here)
    access = await here.state()
    assert access.registration is not None and access.registration.jwe is None
    assert here.keys.credential_store.open_secret("c1", access.registration.vault) == Secret(f"{MARK}-secret")
    assert MARK not in str(await here.store.collection.get("c1"))


async def test_a_secret_that_cannot_be_opened_is_said_to_be_missing(here: Bench) -> None:
    here.customer = "c2"
    await here.register(secret=MARK)
    here.customer = "c1"
    stolen = (await here.state("c2")).registration

    def moved(state: Access | None, now: datetime) -> Change[Access]:
        return Change(replace(_some(state), registration=stolen, in_force="app_registration"))

    await here.apply(moved)
    await work(here)
    (lost,) = await here.events("AccessLost")
    assert (lost["reason"], lost["method"]) == ("secret_missing", "app_registration")


async def test_a_secret_outlives_a_new_revision_and_client_id(here: Bench) -> None:
    """A typing error in the client id is mended without entering the secret again."""
    await registered(here)

    def corrected(state: Access | None, now: datetime) -> Change[Access]:
        access = _some(state)
        assert access.registration is not None
        return Change(replace(access, registration=replace(access.registration, client_id="other", revision=2)))

    await here.apply(corrected)
    await validation(here, "app_registration", revision=2)
    await work(here)
    (said,) = await here.events("AuthenticationValidated")
    assert said["outcome"] == "successful"


async def test_a_tenant_is_asked_for_again_when_microsoft_is_back(here: Bench) -> None:
    script(here, resolve=[EntraUnavailable("unreachable"), TENANT])
    await here.register("fabrikam.example")
    await work(here, 2)
    access = await here.state()
    assert (access.resolve_tries, access.resolve_at is not None) == (1, True)
    await here.apply(lambda state, now: Change(replace(_some(state), resolve_at=now)))
    await work(here)
    (_, resolved) = await here.events("TenantResolved")
    assert resolved["asked"] == "fabrikam.example"


# --- validation -----------------------------------------------------------------------------------------


async def test_a_token_is_validated_and_its_health_taken_in_by_one_write(here: Bench) -> None:
    await grant_in_force(here)
    fake = script(here)
    await validation(here, grant="g1")
    before = await here.store.get("c1")
    await work(here)
    said = [event["type"] for event in await here.events()][-2:]
    assert said == ["AuthenticationValidated", "GrantRefreshed"]
    after = await here.store.get("c1")
    assert before is not None and after is not None and after.version == before.version + 1
    assert fake.calls == ["refresh", "me", "organization", "roles"]
    assert after.state.grant is not None
    assert here.keys.credential_store.open_token_cache("c1", "g1", after.state.grant.cache) == Secret(f"{MARK}-cache-2")


async def test_a_refused_token_is_a_failed_validation_and_lost_access(here: Bench) -> None:
    await grant_in_force(here)
    script(here, refresh=[REVOKED])
    await validation(here, grant="g1")
    await work(here)
    (said,), (lost,) = await here.events("AuthenticationValidated"), await here.events("AccessLost")
    assert (said["outcome"], said["reason"], said["aadsts"]) == ("failed", "revoked", 50173)
    assert (lost["reason"], lost["grant"], lost["customer_name"]) == ("revoked", "g1", "Contoso")


async def test_a_validation_brings_lost_access_back(here: Bench) -> None:
    await grant_in_force(here)
    script(here, refresh=[REVOKED])
    await validation(here)
    await work(here)
    script(here, refresh=[])
    await validation(here)
    await work(here)
    assert len(await here.events("AccessRecovered")) == 1


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        ({"me": [Me(id="another", upn="a@x", name="A", guest=False)]}, "wrong_account"),
        ({"me": [EntraRefused("graph_forbidden")]}, "graph_forbidden"),
        ({"organization": ["another"]}, "wrong_organization"),
    ],
)
async def test_a_token_that_refreshes_and_yet_proves_nothing(
    here: Bench, answers: dict[str, list[Any]], reason: str
) -> None:
    await grant_in_force(here)
    script(here, **answers)
    await validation(here)
    await work(here)
    (said,) = await here.events("AuthenticationValidated")
    assert said["reason"] == reason


async def test_a_role_that_is_not_active_now_is_no_lost_access(here: Bench) -> None:
    await grant_in_force(here)
    script(here, roles=[()])
    await validation(here)
    await work(here)
    (said,) = await here.events("AuthenticationValidated")
    assert said["outcome"] == "successful"


@pytest.mark.parametrize(("method", "more"), [("token", {}), ("token", {"grant": "other"}), ("none", {})])
async def test_a_token_that_is_not_there(here: Bench, method: Any, more: dict[str, Any]) -> None:
    if more:
        await grant_in_force(here)
    await validation(here, method, **more)
    await work(here)
    (said,) = await here.events("AuthenticationValidated")
    assert (said["outcome"], said["reason"], said["grant"]) == ("failed", "no_grant", more.get("grant"))
    assert not await here.events("AccessLost")


async def test_an_app_registration_is_validated(here: Bench) -> None:
    await registered(here)
    await validation(here, "app_registration", revision=1)
    await work(here)
    (said,) = await here.events("AuthenticationValidated")
    assert (said["outcome"], said["revision"]) == ("successful", 1)


@pytest.mark.parametrize("reason", ["busy", "unreachable"])
async def test_a_validation_during_an_outage_ends_unanswered_and_is_asked_again(here: Bench, reason: str) -> None:
    await grant_in_force(here)
    script(here, refresh=[EntraUnavailable(reason)])
    await validation(here)
    await work(here, 1)
    assert not await here.events("AuthenticationValidated")

    def long_ago(state: Access | None, now: datetime) -> Change[Access]:
        access = _some(state)
        assert access.validation is not None
        return Change(replace(access, validation=replace(access.validation, at=now - timedelta(minutes=2))))

    await here.apply(long_ago)
    await work(here)
    (said,) = await here.events("AccessUnanswered")
    assert (said["request"], said["reason"], said["grant"]) == ("r-1", reason, "g1")
    access = await here.state()
    assert access.validation is None and access.grant is not None and not access.grant.lost
    assert access.grant.refresh_at < utc_now() + timedelta(minutes=2)
    assert not await here.events("AuthenticationValidated") and not await here.events("AccessLost")


async def test_a_validation_does_not_wait_for_an_hour_that_microsoft_asks_for(here: Bench) -> None:
    await grant_in_force(here)
    script(here, refresh=[EntraUnavailable("busy", retry_after=3000)])
    await validation(here)
    await work(here, 1)
    (said,) = await here.events("AccessUnanswered")
    assert datetime.fromisoformat(said["next_try"]) > utc_now() + timedelta(minutes=49)


async def test_an_error_nobody_thought_of_is_no_answer_and_no_lost_access(here: Bench) -> None:
    await grant_in_force(here)
    script(here, me=[KeyError("x")])
    await validation(here)
    await work(here)
    (said,) = await here.events("AccessUnanswered")
    assert (said["request"], said["reason"]) == ("r-1", "our_request")
    assert not await here.events("AuthenticationValidated") and not await here.events("AccessLost")


@pytest.mark.parametrize(
    "reason", ["our_request", "clock_differs", "client_refused", "not_a_public_client", "wrong_client_type"]
)
async def test_our_own_mistake_is_no_word_about_the_customer(here: Bench, reason: str) -> None:
    await grant_in_force(here)
    script(here, refresh=[EntraRefused(reason)])
    await validation(here)
    await work(here)
    await due_now(here)
    await work(here)
    assert [said["reason"] for said in await here.events("AccessUnanswered")] == [reason, reason]
    assert not await here.events("AuthenticationValidated") and not await here.events("AccessLost")


async def test_a_challenge_of_graph_is_met_by_another_token_with_the_claims(here: Bench) -> None:
    await grant_in_force(here)
    claims = '{"access_token":{"nbf":{"essential":true}}}'
    person = Me(id=OID, upn="admin@contoso.example", name="Avery Admin", guest=False)
    fake = script(here, me=[EntraRefused("graph_token", claims=claims), person])
    await validation(here)
    await work(here)
    (said,) = await here.events("AuthenticationValidated")
    assert said["outcome"] == "successful"
    assert fake.claims == [None, claims] and fake.calls.count("refresh") == 2


async def test_a_challenge_that_stays_is_lost_access_and_the_next_sign_in_carries_it(here: Bench) -> None:
    await grant_in_force(here)
    claims = '{"access_token":{"acrs":{"essential":true,"value":"c1"}}}'
    fake = script(here, me=[EntraRefused("graph_token", claims=claims)])
    await validation(here)
    await work(here)
    assert [lost["reason"] for lost in await here.events("AccessLost")] == ["graph_token"]
    assert fake.claims == [None, claims]
    methods: tuple[Method, ...] = ("sign_in", "device_code")
    for number, method in enumerate(methods, 1):
        fake.claims.clear()
        await here.ask(switch=number)
        await here.start(method, switch=number)
        due = here.attempts_due()
        await due.once()
        await here.until_attempt("sign_in_ready", "code_issued")
        assert fake.claims == [claims]
        here.stopping.set()
        await due.settled()
        here.stopping.clear()


# --- daily ----------------------------------------------------------------------------------------------


async def test_a_grant_is_refreshed_daily(here: Bench) -> None:
    await grant_in_force(here)
    script(here)
    await due_now(here)
    await work(here)
    (refreshed,) = await here.events("GrantRefreshed")
    assert refreshed["grant"] == "g1"
    access = await here.state()
    assert access.grant is not None and access.grant.refresh_at > utc_now() + timedelta(hours=23)


async def test_access_is_lost_once_and_recovered_once(here: Bench) -> None:
    await grant_in_force(here)
    script(here, refresh=[REVOKED])
    for _ in range(2):
        await due_now(here)
        await work(here)
    assert len(await here.events("AccessLost")) == 1
    script(here, refresh=[])
    await due_now(here)
    await work(here)
    assert len(await here.events("AccessRecovered")) == 1


async def test_an_outage_is_no_lost_access(here: Bench) -> None:
    await grant_in_force(here)
    script(here, refresh=[EntraUnavailable("busy")])
    await due_now(here)
    await work(here)
    access = await here.state()
    assert access.grant is not None and not access.grant.lost and access.grant.tries == 1
    assert access.grant.refresh_at < utc_now() + timedelta(minutes=2)
    assert not await here.events("AccessLost")
    (said,) = await here.events("AccessUnanswered")
    assert (said["reason"], said["request"]) == ("busy", None)


async def test_what_graph_refused_is_not_back_by_a_refresh_alone(here: Bench) -> None:
    await grant_in_force(here)
    script(here, me=[EntraRefused("graph_forbidden")])
    await validation(here)
    await work(here)
    await due_now(here)
    await work(here)
    assert not await here.events("AccessRecovered")
    script(here, me=[])
    await due_now(here)
    await work(here)
    assert len(await here.events("AccessRecovered")) == 1


@pytest.mark.parametrize(("reason", "moved"), [("client_refused", 1), ("busy", 0)])
async def test_a_refresh_that_our_own_application_is_refused_is_counted_for_the_alert(
    here: Bench, reason: str, moved: int
) -> None:
    await grant_in_force(here)
    script(here, refresh=[EntraUnavailable(reason)])
    await due_now(here)
    before = refused_so_far()
    await work(here)
    assert refused_so_far() - before == moved
    assert not await here.events("AccessLost")


def refused_so_far() -> float:
    return REGISTRY.get_sample_value("tokenswitch_sign_ins_failed_total", {"reason": "client_refused"}) or 0.0


async def test_a_grant_that_was_copied_from_another_customer_does_not_open(here: Bench) -> None:
    await grant_in_force(here)
    stolen = (await here.state()).grant
    here.customer = "c2"
    await here.register()
    await here.apply(lambda state, now: Change(replace(_some(state), grant=stolen, in_force="token")))
    fake = script(here)
    await due_now(here)
    await work(here)
    (said,) = await here.events("AccessUnanswered")
    assert said["reason"] == "key_missing"
    assert "refresh" not in fake.calls


async def test_an_app_registration_in_force_is_proven_daily(here: Bench) -> None:
    await registered(here)
    await due_now(here)
    await work(here)
    (proven,) = await here.events("AccessProven")
    assert (proven["method"], proven["revision"]) == ("app_registration", 1)
    fake = script(here, app_token=[EntraRefused("secret_expired", ErrorDetails(7000222))])
    await due_now(here)
    await work(here)
    (lost,) = await here.events("AccessLost")
    assert (lost["reason"], lost["revision"], lost["aadsts"]) == ("secret_expired", 1, 7000222)
    script(here, app_token=[])
    await due_now(here)
    await work(here)
    assert len(await here.events("AccessRecovered")) == 1
    assert fake.calls.count("organization") == 1


async def test_a_secret_is_proven_minutes_after_it_was_entered(here: Bench) -> None:
    await registered(here)
    registration = (await here.state()).registration
    assert registration is not None and registration.check_at is not None
    assert timedelta(0) < registration.check_at - utc_now() < timedelta(minutes=5)


async def test_a_first_proof_that_fails_is_not_called_lost(here: Bench) -> None:
    await registered(here)
    script(here, app_token=[EntraRefused("secret_wrong", ErrorDetails(7000215))])
    await due_now(here)
    await work(here)
    (said,) = await here.events("AccessNotProven")
    assert (said["reason"], said["aadsts"], said["customer_name"]) == ("secret_wrong", 7000215, "Contoso")
    script(here, app_token=[])
    await due_now(here)
    await work(here)
    assert len(await here.events("AccessProven")) == 1
    assert not await here.events("AccessLost") and not await here.events("AccessRecovered")
