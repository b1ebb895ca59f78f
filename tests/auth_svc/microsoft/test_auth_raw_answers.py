"""What comes in Microsoft's place, late, or as a challenge: our adapters over TLS, the simulator answering as told."""

from __future__ import annotations

import time
from base64 import b64encode
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import msal
import pytest

from auth_svc.microsoft import checks
from auth_svc.microsoft.errors import EntraRefused, EntraUnavailable
from auth_svc.microsoft.interfaces import Redeemed
from shared.crypto.secret import Secret
from shared.domain.rules import utc_now
from tests.auth_svc.auth_kit import TENANT, Adapters
from tests.auth_svc.microsoft.test_auth_entra import (
    ADMIN,
    APP,
    APP_SECRET,
    CONTOSO,
    always,
    by_code,
    failure,
    signed_in,
)
from tests.dev.simulator.simulator_kit import Kit

FOREIGN: dict[str, dict[str, Any]] = {
    "a gateway": {"status": 403, "body": {"message": "Missing Authentication Token"}},
    "a proxy": {"status": 407, "body": {"error": "proxy_auth"}, "headers": {"Proxy-Authenticate": "Basic"}},
    "a framework": {"status": 404, "body": {"detail": "no such route"}},
    "a health page": {"status": 200, "body": {"status": "up"}},
    "nothing": {"status": 400, "body": {}},
    "a page": {"status": 401, "body": "<h1>Sign in to the network</h1>", "headers": {"Content-Type": "text/html"}},
    "an oauth server": {"status": 400, "body": {"error": "invalid_grant", "error_description": "Token is not active"}},
    "a redirect": {"status": 302, "body": {}, "headers": {"Location": "https://portal.example/"}},
}


async def calls_of(kit: Kit, adapters: Adapters) -> dict[str, Callable[[], Awaitable[Any]]]:
    """A call of each endpoint, that would end well."""
    entra, graph = adapters
    redeemed = await by_code(kit, entra)
    approved = await entra.begin_device(TENANT)
    kit.sim("approve", user_code=approved.user_code.reveal(), account=ADMIN)
    msal_flow, answer = await signed_in(kit, entra)
    return {
        "devicecode": lambda: entra.begin_device(TENANT),
        "poll": lambda: entra.poll_device(TENANT, approved.msal_flow, always),
        "code": lambda: entra.redeem_code(TENANT, msal_flow, answer),
        "refresh": lambda: entra.refresh(TENANT, "device_code", redeemed.cache, force=True),
        "app": lambda: entra.app_token(TENANT, APP, APP_SECRET),
        "discovery": lambda: entra.resolve_tenant(CONTOSO),
        "keys": lambda: entra.signing_key(TENANT, "k"),
        "graph": lambda: graph.organization(redeemed.access_token),
    }


@pytest.mark.parametrize("who", FOREIGN)
async def test_what_another_says_in_microsoft_s_place_is_no_answer(kit: Kit, adapters: Adapters, who: str) -> None:
    """At every endpoint; and the next call, that Microsoft answers, ends as well as if nothing had been."""
    for endpoint, call in (await calls_of(kit, adapters)).items():
        kit.sim("answers", endpoint=endpoint, tenant=CONTOSO, times=1, **FOREIGN[who])
        found = await failure(call())
        assert isinstance(found, EntraUnavailable) and found.reason == "foreign_answer", endpoint
        await call()


def refusal(error: str, *numbers: int, **more: Any) -> dict[str, Any]:
    return {"error": error, "error_codes": list(numbers), "trace_id": "t-1", "correlation_id": "c-1"} | more


@pytest.mark.parametrize(
    ("method", "numbers", "reason", "kind"),
    [
        ("sign_in", [7000215], "client_refused", EntraUnavailable),
        ("sign_in", [7000222], "client_refused", EntraUnavailable),
        ("sign_in", [], "client_refused", EntraUnavailable),
        ("sign_in", [650052], "service_missing", EntraRefused),
        ("sign_in", [700016], "app_unknown", EntraRefused),
        ("sign_in", [7000112], "app_disabled", EntraRefused),
        ("sign_in", [650099], "app_refused", EntraRefused),
        ("device_code", [7000215], "app_refused", EntraRefused),
        ("device_code", [], "app_refused", EntraRefused),
        ("device_code", [650052], "service_missing", EntraRefused),
        ("device_code", [7000112], "app_disabled", EntraRefused),
    ],
)
async def test_whose_fault_an_invalid_client_is(
    kit: Kit, adapters: Adapters, method: Any, numbers: list[int], reason: str, kind: type[Exception]
) -> None:
    entra, _ = adapters
    if method == "device_code":
        redeemed = await by_code(kit, entra)
    else:
        redeemed = await entra.redeem_code(TENANT, *await signed_in(kit, entra))
    kit.sim("answers", endpoint="refresh", status=401, body=refusal("invalid_client", *numbers), times=1)
    found = await failure(entra.refresh(TENANT, method, redeemed.cache, force=True))
    assert (found.reason, type(found)) == (reason, kind)


@pytest.mark.parametrize(
    "body",
    [
        refusal("invalid_grant", 70000),
        refusal("interaction_required", 50076, claims='{"access_token":{"acrs":{"value":"c2"}}}'),
        refusal("invalid_grant", 53003, claims='{"access_token":{"capolids":{"values":["p"]}}}'),
    ],
)
async def test_a_refusal_that_may_be_a_challenge_is_asked_once_more(
    kit: Kit, adapters: Adapters, body: dict[str, Any]
) -> None:
    entra, _ = adapters
    redeemed = await by_code(kit, entra)
    kit.sim("answers", endpoint="refresh", status=400, body=body, times=1)
    assert (await entra.refresh(TENANT, "device_code", redeemed.cache, force=False)).value == redeemed.access_token
    assert (await entra.refresh(TENANT, "device_code", redeemed.cache, force=True)).value != redeemed.access_token
    sent = [request["form"] for request in kit.session.get(f"{kit.authority}/_sim/log", timeout=10).json()["requests"]]
    assert sent[-1].get("claims") == body.get("claims")
    kit.sim("answers", endpoint="refresh", status=400, body=body, times=2)
    found = await failure(entra.refresh(TENANT, "device_code", redeemed.cache, force=True))
    assert isinstance(found, EntraRefused) and found.claims == body.get("claims")


@pytest.mark.parametrize("status", [401, 403])
async def test_a_challenge_of_graph_names_its_claims(kit: Kit, adapters: Adapters, status: int) -> None:
    entra, graph = adapters
    redeemed, claims = await by_code(kit, entra), '{"access_token":{"nbf":{"essential":true,"value":"1"}}}'
    challenge = f'Bearer realm="", error="insufficient_claims", claims="{b64encode(claims.encode()).decode()}"'
    body = {"error": {"code": "InvalidAuthenticationToken", "message": "x"}}
    headers = {"WWW-Authenticate": challenge}
    kit.sim("answers", endpoint="graph", path="/me", status=status, body=body, headers=headers, times=1)
    found = await failure(graph.me(redeemed.access_token))
    assert isinstance(found, EntraRefused) and (found.reason, found.claims) == ("graph_token", claims)


async def test_who_is_gone_is_told_so_by_graph(kit: Kit, adapters: Adapters) -> None:
    entra, graph = adapters
    redeemed = await by_code(kit, entra)
    kit.sim("answers", endpoint="graph", status=404, body={"error": {"code": "Request_ResourceNotFound"}}, times=1)
    assert (await failure(graph.me(redeemed.access_token))).reason == "account_gone"


async def test_who_spends_a_code_waits_for_the_answer(kit: Kit, adapters: Adapters) -> None:
    calls = await calls_of(kit, adapters)
    kit.sim("answers", endpoint="poll", delay=7, times=1)
    kit.sim("answers", endpoint="code", delay=7, times=1)
    assert isinstance(await calls["poll"](), Redeemed)
    assert isinstance(await calls["code"](), Redeemed)
    kit.sim("answers", endpoint="refresh", delay=7, times=1)
    began = time.monotonic()
    assert isinstance(await failure(calls["refresh"]()), EntraUnavailable)
    assert time.monotonic() - began < 7


def aged(cache: Secret[str], seconds: int) -> Secret[str]:
    """The same cache; its access token ends so many seconds from now."""
    made = msal.SerializableTokenCache()
    made.deserialize(cache.reveal())
    for entry in made.search(msal.TokenCache.CredentialType.ACCESS_TOKEN):
        entry["expires_on"] = str(int(time.time()) + seconds)
    made.has_state_changed = True
    return Secret(made.serialize())


@pytest.mark.parametrize("seconds", [299, 120, 20])
@pytest.mark.parametrize("silence", [{"status": 503, "body": {}}, {"status": 403, "body": {}}])
async def test_a_token_that_still_lives_is_served_to_its_end(
    kit: Kit, adapters: Adapters, seconds: int, silence: dict[str, Any]
) -> None:
    entra, _ = adapters
    redeemed = await by_code(kit, entra)
    kit.sim("answers", endpoint="refresh", **silence)
    old = aged(redeemed.cache, seconds)
    token = await entra.refresh(TENANT, "device_code", old, force=False)
    assert token.value == redeemed.access_token
    assert timedelta(seconds=seconds - 15) < token.expires_at - utc_now() <= timedelta(seconds=seconds)
    assert isinstance(await failure(entra.refresh(TENANT, "device_code", old, force=True)), EntraUnavailable)
    dead = aged(redeemed.cache, -5)
    assert isinstance(await failure(entra.refresh(TENANT, "device_code", dead, force=False)), EntraUnavailable)


@pytest.mark.parametrize(
    ("offset", "fault"),
    [(200, None), (-250, None), (900, "900 seconds behind Microsoft's"), (-4000, "4000 seconds ahead of Microsoft's")],
)
async def test_our_clock_is_measured_by_microsoft_s(
    kit: Kit, adapters: Adapters, offset: int, fault: str | None
) -> None:
    entra, graph = adapters
    kit.sim("answers", clock_offset=offset)
    redeemed = await by_code(kit, entra)
    said = checks.clock_fault(entra.clock_ahead())
    assert (said is None) == (fault is None)
    required = checks.Requirements(TENANT, (), ("User.Read",))
    if fault is None:
        assert (await checks.check(entra, graph, redeemed, required, utc_now())).account.upn == ADMIN
    else:
        assert said and abs(int(said.split()[3]) - int(fault.split()[0])) < 30 and said.endswith(fault.split(" ", 1)[1])
    if offset > 300:
        assert (await failure(checks.check(entra, graph, redeemed, required, utc_now()))).reason == "clock_differs"


async def test_another_s_date_is_no_measure(kit: Kit, adapters: Adapters) -> None:
    entra, _ = adapters
    await entra.resolve_tenant(CONTOSO)
    before = entra.clock_ahead()
    kit.sim("answers", endpoint="discovery", status=403, body={"message": "no"}, clock_offset=9000, times=1)
    await failure(entra.resolve_tenant(CONTOSO))
    assert before is not None and entra.clock_ahead() == before
