"""Attacks on the operators' API, on every route that there is: no token, a foreign one, too little a role, a cookie."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from shared.identity.bearer import ADMIN, OPERATOR, TOKEN_READ, VIEWER
from tests.config_svc.config_kit import API, SECRET, C, Config, Gateway
from tests.shared.kit.issuer import claims, sign

ADMINS = {("DELETE", f"/customers/{C}")}
OPERATORS_READ = {("GET", "/audit")}
BODIES: dict[str, Any] = {
    f"/customers/{C}": {"name": "Mallory", "tenant": "evil.example"},
    f"/customers/{C}/switch": {"to": "app_registration"},
    f"/customers/{C}/switch/resend": {"switch": 1, "admin_email": "mallory@evil.example"},
    f"/customers/{C}/switch/link": {"switch": 1},
}


PUBLIC = {f"{API}/sign-in"}
"""How the command line signs in: asked before anybody is signed in."""


def routes(config: Config) -> list[tuple[str, str]]:
    """Method and path of everything under the API."""
    paths = config.app.openapi()["paths"].items()
    found = [
        (method.upper(), path.removeprefix(API).replace("{id}", C))
        for path, methods in paths
        for method in methods
        if path.startswith(API) and path not in PUBLIC
    ]
    assert len(found) >= 12 and all(pair in found for pair in ADMINS | OPERATORS_READ)
    return found


async def ask(gateway: Gateway, method: str, path: str, **more: Any) -> httpx.Response:
    return await gateway.http.request(
        method,
        API + path,
        json=BODIES.get(path),
        params={"switch": 1} if path.endswith("/switch") else None,
        headers={"Idempotency-Key": f"{method}{path.replace('/', '-')}"} | more.pop("headers", {}),
        **more,
    )


def may(role: str | None, method: str, path: str) -> bool:
    order = {None: 0, TOKEN_READ: 0, VIEWER: 1, OPERATOR: 2, ADMIN: 3}
    needed = 3 if (method, path) in ADMINS else 1 if method == "GET" and (method, path) not in OPERATORS_READ else 2
    return order[role] >= needed


@pytest.mark.parametrize("role", [None, TOKEN_READ, VIEWER, OPERATOR])
async def test_no_route_does_more_than_the_role_allows(config: Config, role: str | None) -> None:
    await config.invited()
    before, gateway = await config.customers.collection.get(C), config.gateway(role)
    for method, path in routes(config):
        if not may(role, method, path):
            answer = await ask(gateway, method, path)
            assert answer.status_code == (403 if role else 401), (method, path)
            assert answer.headers["content-type"] == "application/problem+json"
            assert "contoso.example" not in answer.text
    assert await config.customers.collection.get(C) == before


async def test_a_signed_in_browser_can_be_made_to_ask_the_api_nothing(config: Config) -> None:
    """No route of the API takes the portal's cookie: so none needs a form's token."""
    await config.invited()
    before, browser = await config.customers.collection.get(C), await config.browser("admin")
    gateway = config.gateway(None)
    gateway.http.cookies = browser.http.cookies
    for method, path in routes(config):
        assert (await ask(gateway, method, path)).status_code == 401, (method, path)
    assert await config.customers.collection.get(C) == before


@pytest.mark.parametrize(
    "claim",
    [{"aud": "api://another"}, {"iss": "https://evil.example"}, {"exp": 1}, {"nonce": "of a sign-in"}],
)
async def test_a_token_for_somebody_else_opens_nothing(config: Config, claim: dict[str, Any]) -> None:
    given = {"oid": "m"} | claim
    gateway = config.gateway(ADMIN)
    token = sign(claims(roles=[ADMIN], **({"exp": int(config.now.timestamp()) + 60} | given)))
    gateway.http.headers["Authorization"] = f"Bearer {token}"
    for method, path in routes(config):
        assert (await ask(gateway, method, path)).status_code == 401


async def test_no_other_host_name_and_no_cross_origin_reader(config: Config) -> None:
    await config.registered()
    gateway = config.gateway()
    assert (await ask(gateway, "GET", "/customers", headers={"Host": "evil.example"})).status_code == 400
    answer = await ask(gateway, "GET", "/customers", headers={"Origin": "https://evil.example"})
    assert not [name for name in answer.headers if name.startswith("access-control-")]
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"


async def test_the_customers_secret_comes_back_in_no_answer_and_lies_nowhere(config: Config) -> None:
    """Neither well-formed, nor in what is said of a body that is wrong."""
    await config.registered()
    gateway = config.gateway(ADMIN)
    read = [path for method, path in routes(config) if method == "GET" and path != "/events"]
    answers = [await ask(gateway, "GET", path) for path in read]
    for wrong in ({"client_id": "x", "client_secret": SECRET}, {"client_secret": SECRET}, SECRET, [SECRET]):
        body = {"name": "C", "tenant": "contoso.example", "app_registration": wrong}
        answers.append(await gateway.put(f"/customers/{C}", body))
        assert answers[-1].status_code == 422
    for kind, status in (("application/json", 400), ("text/plain", 415)):
        cut_off = f'{{"app_registration": {{"client_secret": "{SECRET}'
        headers = {"Content-Type": kind}
        answers.append(await gateway.http.put(f"{API}/customers/{C}", content=cut_off, headers=headers))
        assert answers[-1].status_code == status
    assert [answer.text for answer in answers if SECRET in answer.text] == []
    assert SECRET not in await config.everything()


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 60_000,
        b'{"a":' * 10_000,
        b"1" * 60_000,
        b'{"switch": 1e999}',
        b'{"switch": NaN}',
        b'"\\ud800"',
        b"\xff",
    ],
    ids=["deep list", "deep object", "long number", "infinite", "nan", "half a letter", "not utf-8"],
)
async def test_no_body_is_a_500(config: Config, body: bytes) -> None:
    await config.invited()
    gateway = config.gateway()
    for path in (f"/customers/{C}/switch/resend", f"/customers/{C}/switch", f"/customers/{C}/validation"):
        answer = await gateway.http.post(
            API + path, content=body, headers={"Idempotency-Key": "k", "Content-Type": "application/json"}
        )
        assert answer.status_code in (202, 400, 422), (path, answer.text)
