"""MSAL as we use it, over TLS against the simulator: every row of Microsoft's refusals, outages, throttling, tokens."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from auth_svc.microsoft.entra import MsalEntra
from auth_svc.microsoft.errors import EntraRefused, EntraUnavailable, read_redirect_error
from auth_svc.microsoft.graph import MsGraph
from auth_svc.microsoft.http_client import NotWanted
from auth_svc.microsoft.interfaces import Redeemed
from shared.contracts.reasons import REASONS
from shared.crypto.secret import Secret
from tests.auth_svc.auth_kit import TENANT, Adapters, microsoft
from tests.dev.simulator.simulator_kit import Kit, kit_fixture
from tokenswitch_dev.simulator import demo

CONTOSO, ADMIN = "contoso.example", "admin@contoso.example"
APP, APP_SECRET = demo.guid(3, 1), Secret("demo-app-secret-of-contoso")


@pytest.fixture
def entra(adapters: Adapters) -> MsalEntra:
    return adapters[0]


@pytest.fixture
def graph(adapters: Adapters) -> MsGraph:
    return adapters[1]


def always() -> bool:
    return True


async def by_code(kit: Kit, entra: MsalEntra, account: str = ADMIN) -> Redeemed:
    flow = await entra.begin_device(TENANT)
    kit.sim("approve", user_code=flow.user_code.reveal(), account=account)
    found = await entra.poll_device(TENANT, flow.msal_flow, always)
    assert isinstance(found, Redeemed)
    return found


async def failure(call: Any) -> EntraRefused | EntraUnavailable:
    with pytest.raises((EntraRefused, EntraUnavailable)) as caught:
        await call
    found = caught.value
    assert isinstance(found, EntraRefused | EntraUnavailable)
    return found


# --- every row ----------------------------------------------------------------------------------------

POLL = {
    "70017": "declined",
    "70020": "code_expired",
    "70018": "code_unknown",
    "7000218": "not_a_public_client",
    "700016": "app_unknown",
    "90002": "tenant_unknown",
    "500208": "personal_account",
    "50020": "wrong_account",
    "50034": "wrong_account",
    "16000": "wrong_account",
    "90072": "wrong_account",
    "51004": "wrong_account",
    "65001": "consent_required",
    "90094": "admin_consent",
    "90095": "admin_consent",
    "50105": "not_assigned",
    "50076": "mfa_needed",
    "50078": "mfa_needed",
    "50074": "mfa_needed",
    "50079": "mfa_not_registered",
    "50072": "mfa_not_registered",
    "53004": "mfa_not_registered",
    "53010": "mfa_not_registered",
    "53003": "blocked_by_policy",
    "530035": "code_blocked",
    "530032": "device_policy",
    "530084": "device_policy",
    "53000": "device_policy",
    "53001": "device_policy",
    "50097": "device_policy",
    "50129": "device_policy",
    "50057": "account_disabled",
    "50053": "password",
    "70011": "our_request",
    "500011": "our_request",
    "650057": "our_request",
    "900144": "our_request",
    "9002313": "our_request",
    "7000112": "app_disabled",
    "70001": "app_disabled",
    "700027": "certificate",
}
REFRESH = {
    "700025": "wrong_client_type",
    "65001": "consent_required",
    "50076": "mfa_needed",
    "50078": "mfa_needed",
    "50074": "mfa_needed",
    "50079": "mfa_not_registered",
    "53003": "blocked_by_policy",
    "530036": "code_blocked_later",
    "530032": "device_policy",
    "53000": "device_policy",
    "700082": "idle_too_long",
    "70008": "idle_too_long",
    "50173": "revoked",
    "50132": "revoked",
    "50133": "revoked",
    "70043": "sign_in_frequency",
    "70000": "token_damaged",
    "50057": "account_disabled",
    "700016": "app_unknown",
}
APP_CHECK = {
    "7000215": "secret_wrong",
    "7000222": "secret_expired",
    "7000218": "not_a_public_client",
    "7000112": "app_disabled",
    "70001": "app_disabled",
    "700016": "app_unknown",
    "90002": "tenant_unknown",
    "700027": "certificate",
    "700030": "certificate",
    "50027": "certificate",
    "53003": "blocked_by_policy",
    "70011": "our_request",
    "500011": "our_request",
    "650057": "our_request",
}
CHALLENGES = {"50076", "50078", "50074", "50079", "53003", "53000", "70000"}
"""Asked once more before they count: the refusal demands claims, or it may pass."""
WAITING = {
    "50196": "loop",
    "90055": "busy",
    "90033": "busy",
    "90024": "busy",
    "90006": "busy",
    "50033": "busy",
    "50087": "busy",
}


def right(found: EntraRefused | EntraUnavailable, code: str, reason: str) -> None:
    """The reason, what to quote to Microsoft, and a sentence that somebody can act on."""
    assert found.reason == reason
    assert found.details.aadsts == int(code)
    assert found.details.correlation_id and found.details.trace_id
    row = REASONS[reason]
    assert row.sentence and row.who and row.retry
    assert isinstance(found, EntraUnavailable) == (row.retry == "wait")
    assert "AADSTS" not in str(found) and "AADSTS" not in repr(found)


@pytest.mark.parametrize(("code", "reason"), list((POLL | WAITING).items()))
async def test_what_a_poll_may_hear(kit: Kit, entra: MsalEntra, code: str, reason: str) -> None:
    flow = await entra.begin_device(TENANT)
    kit.sim("faults", where="poll", tenant=CONTOSO, code=code, times=1)
    right(await failure(entra.poll_device(TENANT, flow.msal_flow, always)), code, reason)
    assert await entra.poll_device(TENANT, flow.msal_flow, always) == "pending"


@pytest.mark.parametrize(("code", "reason"), list((REFRESH | WAITING).items()))
async def test_what_a_refresh_may_hear(kit: Kit, entra: MsalEntra, code: str, reason: str) -> None:
    redeemed = await by_code(kit, entra)
    kit.sim("faults", where="refresh", tenant=CONTOSO, code=code, times=2 if code in CHALLENGES else 1)
    right(await failure(entra.refresh(TENANT, "device_code", redeemed.cache, force=True)), code, reason)
    again = await entra.refresh(TENANT, "device_code", redeemed.cache, force=True)
    assert again.value and again.cache


@pytest.mark.parametrize(("code", "reason"), list((APP_CHECK | WAITING).items()))
async def test_what_an_app_registration_may_hear(kit: Kit, entra: MsalEntra, code: str, reason: str) -> None:
    kit.sim("faults", where="app", tenant=CONTOSO, code=code, times=2 if code in CHALLENGES else 1)
    right(await failure(entra.app_token(TENANT, APP, APP_SECRET)), code, reason)
    assert (await entra.app_token(TENANT, APP, APP_SECRET)).value


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("53003", "blocked_by_policy"),
        ("54005", "interrupted"),
        ("70008", "sign_in_expired"),
        ("70000", "sign_in_mismatch"),
        ("7000222", "client_refused"),
        ("90033", "busy"),
    ],
)
async def test_what_a_redemption_may_hear(kit: Kit, entra: MsalEntra, code: str, reason: str) -> None:
    msal_flow, answer = await signed_in(kit, entra)
    kit.sim("faults", where="poll", tenant=CONTOSO, code=code, times=1)
    found = await failure(entra.redeem_code(TENANT, msal_flow, answer))
    assert (found.reason, found.details.aadsts) == (reason, int(code))


@pytest.mark.parametrize(
    ("error", "description", "reason", "aadsts"),
    [
        ("access_denied", "AADSTS65004: User declined to consent. Trace ID: x", "consent_declined", 65004),
        ("access_denied", "the user pressed Cancel", "declined", None),
        ("consent_required", "AADSTS65001: ...", "consent_required", 65001),
        ("consent_required", "AADSTS90094: ...", "admin_consent", 90094),
        ("invalid_grant", "AADSTS530035: ...", "code_blocked", 530035),
        ("login_required", "AADSTS50058: ...", "interaction", 50058),
        ("temporarily_unavailable", "", "busy", None),
        ("something_new", "AADSTS999999999999: access_token", "refused", None),
        ("", "", "refused", None),
    ],
)
def test_what_the_browser_may_bring_back(error: str, description: str, reason: str, aadsts: int | None) -> None:
    found = read_redirect_error({"error": error, "error_description": description})
    assert (found.reason, found.details.aadsts) == (reason, aadsts)


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("unauthorized", "graph_token"),
        ("cae", "graph_token"),
        ("forbidden", "graph_forbidden"),
        ("throttle", "busy"),
        ("outage", "busy"),
        ("html", "busy"),
        ("garbage", "foreign_answer"),
    ],
)
async def test_what_graph_may_say(kit: Kit, adapters: Adapters, code: str, reason: str) -> None:
    entra, graph = adapters
    redeemed = await by_code(kit, entra)
    kit.sim("faults", where="graph", tenant=CONTOSO, code=code, times=1)
    found = await failure(graph.me(redeemed.access_token))
    assert found.reason == reason
    assert (await graph.me(redeemed.access_token)).upn == ADMIN


# --- away -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", ["html", "garbage", "throttle", "outage"])
@pytest.mark.parametrize("where", ["poll", "devicecode", "refresh", "app", "discovery"])
async def test_what_is_no_answer_is_away_and_forgotten_at_once(
    kit: Kit, entra: MsalEntra, where: str, code: str
) -> None:
    redeemed, flow = await by_code(kit, entra), await entra.begin_device(TENANT)
    with microsoft(kit) as (fresh, _):
        calls: dict[str, Callable[[], Awaitable[Any]]] = {
            "poll": lambda: entra.poll_device(TENANT, flow.msal_flow, always),
            "devicecode": lambda: entra.begin_device(TENANT),
            "refresh": lambda: entra.refresh(TENANT, "device_code", redeemed.cache, force=True),
            "app": lambda: entra.app_token(TENANT, APP, APP_SECRET),
            "discovery": lambda: fresh.begin_device(TENANT),
        }
        kit.sim("faults", where=where, tenant=CONTOSO, code=code, times=1, retry_after=17)
        found = await failure(calls[where]())
        assert isinstance(found, EntraUnavailable)
        assert found.reason == ("foreign_answer" if code == "garbage" else "busy")
        assert found.retry_after == (17 if code in ("throttle", "outage") else 5)
        assert await calls[where]()


async def test_a_silent_server_is_left_after_seconds(kit: Kit, entra: MsalEntra) -> None:
    redeemed = await by_code(kit, entra)
    kit.sim("faults", where="refresh", tenant=CONTOSO, code="silent", times=1, seconds=20)
    began = time.monotonic()
    found = await failure(entra.refresh(TENANT, "device_code", redeemed.cache, force=True))
    assert isinstance(found, EntraUnavailable) and found.reason == "unreachable" and found.maybe_processed
    assert time.monotonic() - began < 8


async def test_nobody_at_the_address(kit: Kit, entra: MsalEntra) -> None:
    flow = await entra.begin_device(TENANT)
    endpoints = ("token_endpoint", "authorization_endpoint", "device_authorization_endpoint")
    nobody = dict.fromkeys(endpoints, "https://localhost:1/x/oauth2/v2.0/token")
    entra._discovery._configurations.put(TENANT, time.monotonic(), nobody)
    found = await failure(entra.poll_device(TENANT, flow.msal_flow, always))
    assert isinstance(found, EntraUnavailable) and found.reason == "unreachable"
    assert not found.maybe_processed


async def test_throttling_of_one_tenant_does_not_reach_another(kit: Kit, entra: MsalEntra) -> None:
    """MSAL's own memory of one 429 would answer for all device codes of one application for a minute."""
    other = kit.tid("fabrikam.example")
    kit.sim("policies", tenant="fabrikam.example", device_code="allowed")
    ours, theirs = await entra.begin_device(TENANT), await entra.begin_device(other)
    kit.sim("faults", where="poll", tenant=CONTOSO, code="throttle", retry_after=60)
    for _ in range(3):
        throttled = await failure(entra.poll_device(TENANT, ours.msal_flow, always))
        assert throttled.reason == "busy"
        assert await entra.poll_device(other, theirs.msal_flow, always) == "pending"
    kit.sim("approve", user_code=theirs.user_code.reveal(), account="admin@fabrikam.example")
    assert isinstance(await entra.poll_device(other, theirs.msal_flow, always), Redeemed)


async def test_slow_down_is_told_apart(tmp_path_factory: pytest.TempPathFactory) -> None:
    for slow in kit_fixture(tmp_path_factory, slow_down=True):
        with microsoft(slow) as (entra, _):
            flow = await entra.begin_device(TENANT)
            said = [await entra.poll_device(TENANT, flow.msal_flow, always) for _ in range(2)]
            assert said == ["pending", "slow_down"]


async def test_a_look_that_nobody_wants_any_more_is_not_made(kit: Kit, entra: MsalEntra) -> None:
    flow = await entra.begin_device(TENANT)
    with pytest.raises(NotWanted):
        await entra.poll_device(TENANT, flow.msal_flow, lambda: False)


async def test_a_hundred_looks_at_once(kit: Kit, entra: MsalEntra) -> None:
    flow = await entra.begin_device(TENANT)
    said = await asyncio.gather(*(entra.poll_device(TENANT, flow.msal_flow, always) for _ in range(100)))
    assert set(said) == {"pending"}


# --- what works -----------------------------------------------------------------------------------------


async def signed_in(kit: Kit, entra: MsalEntra) -> tuple[Secret[str], dict[str, str]]:
    flow = await entra.begin_sign_in(TENANT, "a-state", ADMIN)
    back = kit.sim("authorize", url=flow.url.reveal(), account=ADMIN)
    return flow.msal_flow, dict(parse_qsl(urlsplit(back["redirect"]).query))


async def test_the_button(kit: Kit, entra: MsalEntra) -> None:
    msal_flow, answer = await signed_in(kit, entra)
    redeemed = await entra.redeem_code(TENANT, msal_flow, answer)
    assert (redeemed.client_id, redeemed.home_tenant) == (demo.SIGNIN_CLIENT_ID, TENANT)
    token = await entra.refresh(TENANT, "sign_in", redeemed.cache, force=True)
    assert token.value != redeemed.access_token
    assert token.cache is not None


async def test_another_flow_s_state_or_verifier_redeems_nothing(kit: Kit, entra: MsalEntra) -> None:
    msal_flow, answer = await signed_in(kit, entra)
    other, _ = await signed_in(kit, entra)
    assert (await failure(entra.redeem_code(TENANT, other, answer))).reason == "refused"
    found = await failure(entra.redeem_code(TENANT, msal_flow, answer | {"state": "another"}))
    assert found.reason == "our_request"  # jobs have checked the state before


async def test_a_token_that_is_still_good_is_not_refreshed(kit: Kit, entra: MsalEntra) -> None:
    redeemed = await by_code(kit, entra)
    token = await entra.refresh(TENANT, "device_code", redeemed.cache, force=False)
    assert token.value == redeemed.access_token
    assert token.cache is None


async def test_a_token_that_is_still_good_outlasts_an_outage(kit: Kit, entra: MsalEntra) -> None:
    redeemed = await by_code(kit, entra)
    kit.sim("faults", where="any", tenant=CONTOSO, code="outage")
    token = await entra.refresh(TENANT, "device_code", redeemed.cache, force=False)
    assert token.value == redeemed.access_token


async def test_our_own_secret_refused_is_nobody_s_lost_access(kit: Kit, entra: MsalEntra) -> None:
    msal_flow, answer = await signed_in(kit, entra)
    redeemed = await entra.redeem_code(TENANT, msal_flow, answer)
    with microsoft(kit, secret="an-old-secret") as (wrong, _):
        found = await failure(wrong.refresh(TENANT, "sign_in", redeemed.cache, force=True))
    assert isinstance(found, EntraUnavailable)
    assert found.reason == "client_refused"


async def test_a_cache_that_holds_nothing_is_damaged(entra: MsalEntra) -> None:
    assert (await failure(entra.refresh(TENANT, "sign_in", Secret("{}"), force=True))).reason == "token_damaged"


@pytest.mark.parametrize("asked", ["contoso.example", "CONTOSO.example ", TENANT, TENANT.upper()])
async def test_a_tenant_by_its_domain_or_guid(entra: MsalEntra, asked: str) -> None:
    assert await entra.resolve_tenant(asked) == TENANT


@pytest.mark.parametrize(
    "asked",
    [
        "nobody.example",
        "organizations",
        "common",
        "consumers",
        "9188040d-6c67-4c5b-b112-36a304b66dad",
        "",
        "contoso.example/../x",
        "a b.example",
        "-x.example",
        "x" * 300 + ".example",
        "contoso.example?x=1",
        "0d9a1c5e-ffff-4a6f-8b1e-5f0a2c3dffff",
    ],
)
async def test_what_is_no_tenant(entra: MsalEntra, asked: str) -> None:
    found = await failure(entra.resolve_tenant(asked))
    assert isinstance(found, EntraRefused) and found.reason == "tenant_unknown"


async def test_the_organisation_of_an_app_token(kit: Kit, adapters: Adapters) -> None:
    entra, graph = adapters
    token = await entra.app_token(TENANT, APP, APP_SECRET)
    assert await graph.organization(token.value) == TENANT
    assert (await failure(graph.me(token.value))).reason == "our_request"


async def test_nothing_secret_is_shown(kit: Kit, entra: MsalEntra, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", logger="auth_svc")
    flow = await entra.begin_device(TENANT)
    redeemed = await by_code(kit, entra)
    msal_flow, answer = await signed_in(kit, entra)
    shown = f"{flow!r} {redeemed!r} {msal_flow!r} {entra!r} {caplog.text}"
    for secret in (flow.user_code, flow.msal_flow, redeemed.id_token, redeemed.access_token, redeemed.cache, msal_flow):
        assert secret.reveal() not in shown
    assert answer["code"] not in shown
