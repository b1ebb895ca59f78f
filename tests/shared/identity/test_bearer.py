"""Bearer tokens: only what the issuer signed, for us, now, with the role; every known forgery is refused."""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import httpx
import pytest
from fastapi import Depends, FastAPI, Request
from joserfc import jws
from joserfc.jwk import RSAKey
from joserfc.registry import HeaderParameter

from shared.contracts.events import Actor
from shared.http.problems import install_errors
from shared.identity.bearer import Bearer, Identity, RequiredRole, identity_of
from shared.identity.oidc import REFETCH_SECONDS, Issuer
from shared.identity.token_verifier import TokenRefused
from tests.shared.kit.issuer import AUDIENCE, NOW, URL, FakeIssuer, claims, ec, rsa, sign


@dataclass
class World:
    """An application behind bearer tokens, the issuer it trusts, and a clock for the issuer's keys."""

    fake: FakeIssuer = field(default_factory=FakeIssuer)
    ticks: float = 0.0

    def __post_init__(self) -> None:
        self.issuer = Issuer(URL, transport=self.fake.transport(), ticks=lambda: self.ticks)
        self.app = FastAPI()
        self.app.state.bearer = Bearer(self.issuer, AUDIENCE, clock=lambda: NOW)
        for role in ("viewer", "operator", "admin", "token.read"):
            self.app.get(f"/api/{role}")(_route(RequiredRole(role)))
        install_errors(self.app)

    async def get(self, token: str | None, role: str = "operator", cookie: str = "", **more: Any) -> httpx.Response:
        headers = {"authorization": f"Bearer {token}"} if token is not None else {}
        headers |= {"cookie": cookie} if cookie else {}
        async with httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url="http://localhost") as client:
            return await client.get(f"/api/{role}", headers=headers, **more)


def _route(role: RequiredRole) -> Callable[..., Any]:
    async def route(request: Request, actor: Actor = Depends(role)) -> dict[str, Any]:
        identity: Identity = request.state.identity
        return {"id": actor.id, "name": actor.name, "email": actor.email, "app": identity.app}

    return route


async def test_a_good_token_says_who_calls() -> None:
    response = await World().get(sign(claims(azp="portal-gateway")))
    assert response.json() == {
        "id": "u-1",
        "name": "Olga Operator",
        "email": "olga@provider.example",
        "app": "portal-gateway",
    }


@pytest.mark.parametrize("token", [sign(claims(), rsa("k1"), alg="PS256"), sign(claims(), ec("k2"))])
async def test_the_other_good_algorithms_are_taken(token: str) -> None:
    assert (await World().get(token)).status_code == 200


async def test_audiences_may_be_a_list() -> None:
    assert (await World().get(sign(claims(aud=["x", AUDIENCE])))).status_code == 200


def unsigned(alg: str) -> str:
    parts = [{"alg": alg, "kid": "k1"}, claims()]
    first, second = (urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts)
    return f"{first}.{second}."


def confused() -> str:
    """HS256 with the issuer's public key as the secret."""
    signed = unsigned("HS256").removesuffix(".")
    mac = hmac.digest(rsa("k1").as_pem(private=False), signed.encode(), hashlib.sha256)
    return f"{signed}.{urlsafe_b64encode(mac).rstrip(b'=').decode()}"


def critical() -> str:
    """An extension that must be understood, and is not."""
    known = jws.JWSRegistry(header_registry={"exp-2": HeaderParameter("x", "str")}, algorithms=["RS256"])
    header = {"alg": "RS256", "kid": "k1", "crit": ["exp-2"], "exp-2": "x"}
    return jws.serialize_compact(header, json.dumps(claims()), rsa("k1"), registry=known)


def altered() -> str:
    head, body, signature = sign(claims(roles=["viewer"])).split(".")
    more = urlsafe_b64encode(json.dumps(claims(roles=["admin"])).encode()).rstrip(b"=").decode()
    assert body != more
    return f"{head}.{more}.{signature}"


def own_key() -> str:
    """A key of the attacker's, sent along in the header."""
    key = RSAKey.generate_key(2048, {"kid": "k1"})
    header = {"alg": "RS256", "kid": "k1", "jwk": key.as_dict(private=False)}
    return jws.serialize_compact(header, json.dumps(claims()), key, algorithms=["RS256"])


_NOW = int(NOW.timestamp())
FORGED = {
    "no algorithm": unsigned("none"),
    "no algorithm, otherwise written": unsigned("None"),
    "no signature": unsigned("RS256"),
    "the public key as a secret": confused(),
    "claims changed": altered(),
    "a key sent along": own_key(),
    "an unknown key": sign(claims(), rsa("stranger")),
    "another key under a known id": sign(claims(), RSAKey.import_key(rsa("x").as_dict(private=True) | {"kid": "k1"})),
    "no key id": sign(claims(), kid=None),
    "the wrong kind of key": sign(claims(), ec("x"), kid="k1"),
    "an unknown critical header": critical(),
    "another issuer": sign(claims(iss="https://login.test/other/v2.0")),
    "an issuer with a slash more": sign(claims(iss=f"{URL}/")),
    "another audience": sign(claims(aud="api://other")),
    "part of the audience": sign(claims(aud="api://tokenswitch/more")),
    "no audience": sign(claims(aud=None)),
    "expired": sign(claims(exp=_NOW - 61)),
    "no expiry": sign(claims(exp=None)),
    "an expiry in words": sign(claims(exp="never")),
    "an expiry that is true": sign(claims(exp=True)),
    "not yet": sign(claims(nbf=_NOW + 61)),
    "an id_token": sign(claims(nonce="n")),
    "nobody's": sign(claims(oid=None, sub=None)),
    "too long": sign(claims(more="x" * 20_000)),
    "nonsense": "nonsense",
    "no claims": sign([]),  # type: ignore[arg-type]
    "empty parts": "..",
}


@pytest.mark.parametrize("token", FORGED.values(), ids=FORGED.keys())
async def test_a_forged_token_is_401(token: str) -> None:
    response = await World().get(token)
    assert response.status_code == 401, response.text
    assert response.json()["code"] == "invalid_token"
    assert response.headers["www-authenticate"] == 'Bearer realm="tokenswitch", error="invalid_token"'


@pytest.mark.parametrize("more", [{"exp": _NOW - 59}, {"nbf": _NOW + 59}, {"nbf": None}])
async def test_clocks_may_differ_by_a_minute(more: dict[str, Any]) -> None:
    assert (await World().get(sign(claims(**more)))).status_code == 200


async def test_no_token_is_401_and_elsewhere_it_is_not_looked_for() -> None:
    world, good = World(), sign(claims())
    for response in (
        await world.get(None),
        await world.get(None, params={"access_token": good, "token": good}),
        await world.get(None, cookie=f"access_token={good}"),
    ):
        assert response.status_code == 401
        assert response.json()["code"] == "token_missing"
        assert response.headers["www-authenticate"] == 'Bearer realm="tokenswitch"'


GRANTED = {
    "viewer": {"viewer"},
    "operator": {"viewer", "operator"},
    "admin": {"viewer", "operator", "admin"},
    "token.read": {"token.read"},
    "Operator": set(),
    "": set(),
}


@pytest.mark.parametrize("held", GRANTED)
@pytest.mark.parametrize("role", ["viewer", "operator", "admin", "token.read"])
async def test_a_role_holds_the_lower_ones_and_no_other(held: str, role: str) -> None:
    response = await World().get(sign(claims(roles=[held])), role)
    assert response.status_code == (200 if role in GRANTED[held] else 403)
    if response.status_code == 403:
        assert role in response.json()["detail"]
        assert response.json()["code"] == "role_missing"


@pytest.mark.parametrize("roles", [None, "admin", {"admin": 1}, [["admin"]], [1], []])
async def test_strange_roles_are_no_roles(roles: Any) -> None:
    assert (await World().get(sign(claims(roles=roles)), "viewer")).status_code == 403


async def test_keys_are_fetched_once() -> None:
    world = World()
    for _ in range(5):
        assert (await world.get(sign(claims()))).status_code == 200
    assert len(world.fake.calls) == 2


async def test_a_new_key_is_noticed_and_made_up_ones_cost_nothing() -> None:
    world = World()
    assert (await world.get(sign(claims()))).status_code == 200
    world.fake.keys.append(rsa("k3"))
    for _ in range(5):
        assert (await world.get(sign(claims(), rsa("k3")))).status_code == 401
    assert len(world.fake.calls) == 2
    world.ticks += REFETCH_SECONDS
    assert (await world.get(sign(claims(), rsa("k3")))).status_code == 200
    assert len(world.fake.calls) == 4


async def test_a_key_that_is_withdrawn_no_longer_counts_after_a_day() -> None:
    world = World()
    assert (await world.get(sign(claims()))).status_code == 200
    world.fake.keys = [rsa("k3")]
    world.ticks += 25 * 3600
    assert (await world.get(sign(claims()))).status_code == 401


async def test_a_token_that_counted_is_not_verified_again_while_it_counts() -> None:
    issuer, token = World().issuer, sign(claims())
    assert await issuer.verify(token, AUDIENCE, NOW) is await issuer.verify(token, AUDIENCE, NOW)
    for audience, now, why in (
        (AUDIENCE, NOW + timedelta(hours=2), "expired"),
        (AUDIENCE, NOW - timedelta(hours=1), "not count yet"),
        ("api://other", NOW, "audience"),
    ):
        with pytest.raises(TokenRefused, match=why):
            await issuer.verify(token, audience, now)
    with pytest.raises(TokenRefused, match="another sign-in"):
        await issuer.verify(token, AUDIENCE, NOW, nonce="n")


async def test_a_token_that_counted_does_not_once_its_key_is_withdrawn() -> None:
    world = World()
    assert (await world.get(sign(claims()))).status_code == 200
    world.fake.keys = [rsa("k3")]
    world.ticks += REFETCH_SECONDS
    assert (await world.get(sign(claims(), rsa("k3")))).status_code == 200
    assert (await world.get(sign(claims()))).status_code == 401


async def test_without_the_issuer_and_its_keys_it_is_503() -> None:
    world = World(FakeIssuer(away=True))
    response = await world.get(sign(claims()))
    assert response.status_code == 503
    assert "retry-after" in response.headers
    world.fake.away = False
    assert (await world.get(sign(claims()))).status_code == 503  # asked a moment ago
    world.ticks += 1
    assert (await world.get(sign(claims()))).status_code == 200


async def test_without_the_issuer_known_keys_still_count() -> None:
    world = World()
    assert (await world.get(sign(claims()))).status_code == 200
    world.fake.away = True
    world.ticks += 48 * 3600
    assert (await world.get(sign(claims()))).status_code == 200
    assert (await world.get(sign(claims(), rsa("stranger")))).status_code == 503


async def test_an_issuer_that_calls_itself_otherwise_is_not_believed() -> None:
    world = World(FakeIssuer(issuer="https://login.test/{tenantid}/v2.0"))
    assert (await world.get(sign(claims()))).status_code == 503


@pytest.mark.parametrize("fields", [{"use": "enc"}, {"alg": "PS256"}, {"kty": "oct"}, {"n": 5, "x": 5}])
async def test_a_key_for_something_else_is_not_used(fields: dict[str, Any]) -> None:
    world = World(FakeIssuer(key_fields=fields))
    assert (await world.get(sign(claims()))).status_code == 401


def test_a_program_is_known_by_its_id_and_has_no_name_that_people_would_be_shown() -> None:
    found = identity_of({"oid": "sp-1", "azp": "gateway", "roles": ["operator"]}, "192.0.2.7")
    assert found.actor == Actor(id="sp-1", name="", email=None, address="192.0.2.7")


def test_names_are_short_and_in_one_line() -> None:
    found = identity_of({"sub": "s", "name": "A\nB" + "x" * 500, "email": "no address\n"}, None)
    assert found.actor.name.startswith("A B") and len(found.actor.name) == 200
    assert found.actor.email is None
    with pytest.raises(TokenRefused):
        identity_of({"roles": ["admin"]}, None)
