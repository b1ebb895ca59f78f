"""The three ways through the wizard against the simulator: real MSAL, real TLS, real database, real seals."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from urllib.parse import parse_qsl, urlsplit

import pytest

from auth_svc.domain import attempts
from shared.contracts.events import SignInReturned
from tests.auth_svc.auth_kit import TENANT, Bench, bench, microsoft
from tests.dev.simulator.simulator_kit import Kit, kit_fixture
from tokenswitch_dev.simulator import demo
from tokenswitch_dev.simulator.directory.directory import GLOBAL_ADMINISTRATOR

ADMIN = "admin@contoso.example"


@pytest.fixture(scope="module")
def kit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kit]:
    yield from kit_fixture(tmp_path_factory, interval=1)


@pytest.fixture
async def here(kit: Kit, mongo_url: str, mongo_database: str) -> AsyncIterator[Bench]:
    kit.no_faults()
    with microsoft(kit) as (entra, graph):
        async with bench(mongo_url, mongo_database, entra, graph) as made:
            await made.register()
            await made.pin()
            await made.ask()
            made.run()
            yield made


async def code(here: Bench) -> str:
    await here.until_attempt("code_issued")
    (event,) = await here.events("DeviceCodeIssued")
    return here.opened(event, "DeviceCodeIssued", "code")["user_code"]


async def test_device_code_to_a_claimed_grant(here: Bench, kit: Kit) -> None:
    await here.start("device_code")
    user_code = await code(here)
    assert kit.sim("approve", user_code=user_code, account=ADMIN) == {"outcome": "approved"}
    await here.until_attempt("claimed")
    (claimed,) = await here.events("TokenClaimed")
    assert claimed["account"] == {"upn": ADMIN, "oid": demo.guid(2, 1, 1), "name": "Avery Admin"}
    assert (claimed["tenant_id"], claimed["method"]) == (TENANT, "device_code")
    assert claimed["roles"] == [GLOBAL_ADMINISTRATOR]
    assert "User.Read" in claimed["scopes"]
    access = await here.state()
    assert access.grant is None and access.proposed is not None and access.proposed.id == claimed["grant"]
    assert access.attempt is not None and access.attempt.redeemed is None and access.attempt.flow is None


async def test_the_button_to_a_claimed_grant(here: Bench, kit: Kit) -> None:
    await here.start("sign_in", login_hint=ADMIN)
    await here.until_attempt("sign_in_ready")
    (ready,) = await here.events("SignInReady")
    url = here.opened(ready, "SignInReady", "url")["url"]
    asked = dict(parse_qsl(urlsplit(url).query))
    assert (asked["prompt"], asked["login_hint"], asked["response_mode"]) == ("select_account", ADMIN, "query")
    assert (asked["code_challenge_method"], asked["redirect_uri"]) == ("S256", demo.SIGNIN_REDIRECT)
    back = kit.sim("authorize", url=url, account=ADMIN)
    answer = here.answer(dict(parse_qsl(urlsplit(back["redirect"]).query)))
    await here.fact(attempts.take_answer, SignInReturned(customer="c1", switch=1, attempt=1, answer=answer))
    await here.until_attempt("claimed")
    (claimed,) = await here.events("TokenClaimed")
    assert (claimed["method"], claimed["account"]["upn"]) == ("sign_in", ADMIN)


async def test_an_entered_app_registration_is_proven_and_comes_into_force(here: Bench, kit: Kit) -> None:
    sealed = here.keys.sealer.seal(
        "auth",
        {"client_id": demo.guid(3, 1), "client_secret": "demo-app-secret-of-contoso"},
        customer="c1/1",
        event="AuthenticationStarted",
        attempt=1,
        now=here.store.clock(),
    )
    await here.start("app_registration", credentials=sealed)
    await here.until_attempt("claimed")
    (proven,) = await here.events("AppRegistrationProven")
    assert (proven["client_id"], proven["source"]) == (demo.guid(3, 1), "proposed")
    await here.complete(None, in_force="app_registration", revision=7)
    access = await here.state()
    assert access.registration is not None and access.registration.revision == 7
    secret = here.keys.credential_store.open_secret("c1", access.registration.vault)
    assert secret.reveal() == "demo-app-secret-of-contoso"


async def test_the_way_back_proves_the_secret_on_file(here: Bench, kit: Kit) -> None:
    await here.register(secret="demo-app-secret-of-contoso")
    await here.until(lambda access: access.registration is not None and access.registration.vault is not None)
    await here.ask(switch=2, to="app_registration", invited=False)
    await here.until_attempt("claimed")
    (proven,) = await here.events("AppRegistrationProven")
    assert (proven["source"], proven["switch"], proven["revision"]) == ("stored", 2, 1)


async def test_the_way_back_with_a_wrong_secret_ends_with_the_reason(here: Bench, kit: Kit) -> None:
    await here.register(secret="not-the-secret")
    await here.ask(switch=2, to="app_registration", invited=False)
    await here.until_attempt("failed")
    (failed,) = await here.events("AuthenticationFailed")
    assert (failed["reason"], failed["aadsts"], failed["final"]) == ("secret_wrong", 7000215, True)
    assert failed["correlation_id"] and failed["trace_id"]


async def test_a_tenant_is_resolved_by_its_domain(here: Bench, kit: Kit) -> None:
    await here.until(lambda access: access.resolve_at is None)
    (resolved,) = await here.events("TenantResolved")
    assert (resolved["asked"], resolved["tenant_id"]) == ("contoso.example", TENANT)


async def test_an_unknown_tenant_is_said_to_be_unknown(here: Bench, kit: Kit) -> None:
    await here.register("nobody.example")
    await here.until(lambda access: access.tenant == "nobody.example" and access.resolve_at is None)
    (unknown,) = await here.events("TenantUnknown")
    assert (unknown["asked"], unknown["reason"]) == ("nobody.example", "tenant_unknown")
    assert unknown["correlation_id"]


async def test_declined_by_the_person(here: Bench, kit: Kit) -> None:
    await here.start("device_code")
    kit.sim("decline", user_code=await code(here))
    await here.until_attempt("failed")
    (failed,) = await here.events("AuthenticationFailed")
    assert (failed["reason"], failed["aadsts"]) == ("declined", 70017)


async def test_a_declined_consent_comes_back_by_the_browser(here: Bench, kit: Kit) -> None:
    await here.start("sign_in")
    await here.until_attempt("sign_in_ready")
    (ready,) = await here.events("SignInReady")
    url = here.opened(ready, "SignInReady", "url")["url"].replace("prompt=select_account", "prompt=consent")
    back = kit.sim("authorize", url=url, account=ADMIN, consent=False)
    answer = here.answer(dict(parse_qsl(urlsplit(back["redirect"]).query)))
    await here.fact(attempts.take_answer, SignInReturned(customer="c1", switch=1, attempt=1, answer=answer))
    await here.until_attempt("failed")
    (failed,) = await here.events("AuthenticationFailed")
    assert (failed["reason"], failed["aadsts"]) == ("consent_declined", 65004)
    assert failed["correlation_id"] and failed["trace_id"]


@pytest.mark.parametrize(
    ("account", "reason"),
    [("user@contoso.example", "no_role"), ("teams@tailspin.example", "guest")],
)
async def test_who_may_not_approve_is_refused_and_nothing_is_kept(
    here: Bench, kit: Kit, account: str, reason: str
) -> None:
    await here.start("device_code")
    kit.sim("approve", user_code=await code(here), account=account)
    attempt = await here.until_attempt("failed")
    (failed,) = await here.events("AuthenticationFailed")
    assert failed["reason"] == reason
    assert failed["account"]["oid"]
    assert attempt.redeemed is None and (await here.state()).proposed is None


async def test_a_role_that_was_taken_away_meanwhile_counts_as_none_though_wids_still_names_it(
    here: Bench, kit: Kit
) -> None:
    kit.sim("faults", where="graph", code="outage", tenant="contoso.example", retry_after=1, times=1000)
    await here.start("device_code")
    kit.sim("approve", user_code=await code(here), account=ADMIN)
    await here.until_attempt("redeemed")
    kit.sim("roles", tenant="contoso.example", account=ADMIN, roles=[])
    kit.no_faults()
    try:
        await here.until_attempt("failed")
        (failed,) = await here.events("AuthenticationFailed")
        assert failed["reason"] == "no_role"
    finally:
        kit.sim("roles", tenant="contoso.example", account=ADMIN, roles=[GLOBAL_ADMINISTRATOR])


async def test_the_account_of_another_tenant_is_refused_by_microsoft_itself(here: Bench, kit: Kit) -> None:
    """In the browser, while the poll goes on pending: so the attempt still waits."""
    await here.start("device_code")
    refused = kit.sim("approve", user_code=await code(here), account="admin@tailspin.example")
    assert refused["code"] == "50020"
    assert (await here.attempt()).state == "code_issued"


async def test_graph_away_for_a_moment_is_waited_for_with_the_answer_kept(here: Bench, kit: Kit) -> None:
    kit.sim("faults", where="graph", code="outage", tenant="contoso.example", retry_after=1, times=2)
    await here.start("device_code")
    kit.sim("approve", user_code=await code(here), account=ADMIN)
    await here.until_attempt("claimed")
    assert len(await here.events("TokenClaimed")) == 1


async def test_a_new_attempt_replaces_the_one_that_is_watched(here: Bench, kit: Kit) -> None:
    await here.start("device_code")
    first = await code(here)
    await here.start("device_code", attempt=2)
    await here.until(
        lambda access: (
            access.attempt is not None and (access.attempt.number, access.attempt.state) == (2, "code_issued")
        )
    )
    kit.sim("approve", user_code=first, account=ADMIN)
    _, event = await here.events("DeviceCodeIssued")
    kit.sim("approve", user_code=here.opened(event, "DeviceCodeIssued", "code")["user_code"], account=ADMIN)
    await here.until_attempt("claimed")
    (claimed,) = await here.events("TokenClaimed")
    assert claimed["attempt"] == 2
