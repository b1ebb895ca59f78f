"""The checks that MSAL leaves out, attacked: forged, foreign, old and misdirected tokens; guests; missing roles."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from datetime import UTC, datetime
from typing import Any

import pytest
from joserfc import jws
from joserfc.jwk import OctKey, RSAKey

from auth_svc.microsoft import checks
from auth_svc.microsoft.checks import GLOBAL_ADMINISTRATOR, TEAMS_ADMINISTRATOR, Requirements
from auth_svc.microsoft.discovery import PERSONAL_TENANT
from auth_svc.microsoft.errors import EntraRefused
from auth_svc.microsoft.interfaces import Me
from shared.crypto.secret import Secret
from tests.auth_svc.auth_kit import CLIENT, OID, TENANT, FakeMicrosoft, redeemed

NOW = datetime(2027, 1, 31, 12, 0, tzinfo=UTC)
AT = int(NOW.timestamp())
OTHER = "c0de0008-0001-4000-9abc-d00d00080000"
KEY, FOREIGN = RSAKey.generate_key(2048, {"kid": "k1"}), RSAKey.generate_key(2048, {"kid": "k1"})
WANTED = Requirements(TENANT, (), ("User.Read",))


def issuer(tenant: str) -> str:
    return f"https://login.example/{tenant}/v2.0"


def claims(**more: Any) -> dict[str, Any]:
    tenant = more.get("tid", TENANT)
    good = {
        "iss": issuer(tenant),
        "aud": CLIENT,
        "iat": AT,
        "nbf": AT,
        "exp": AT + 3900,
        "ver": "2.0",
        "tid": TENANT,
        "oid": OID,
        "preferred_username": "admin@contoso.example",
        "name": "Avery Admin",
    }
    return {name: value for name, value in (good | more).items() if value is not None}


def signed(body: dict[str, Any], key: Any = KEY, **header: Any) -> str:
    head = {"typ": "JWT", "alg": "RS256", "kid": "k1"} | header
    return jws.serialize_compact(head, json.dumps(body), key, algorithms=[head["alg"]])


def part(value: Any) -> str:
    return urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


async def outcome(token: str, *, microsoft: FakeMicrosoft | None = None, **more: Any) -> Any:
    """Who came, or the refusal."""
    microsoft = microsoft or FakeMicrosoft()
    published = RSAKey.import_key({**KEY.as_dict(private=False), "issuer": issuer("{tenantid}")})
    microsoft.script.setdefault("signing_key", [published])
    found = redeemed(**({"id_token": Secret(token)} | more))
    try:
        return await checks.check(microsoft, microsoft, found, WANTED, NOW)
    except EntraRefused as error:
        return error


async def test_a_good_token_says_who_came() -> None:
    person = await outcome(signed(claims()))
    assert (person.account.upn, person.account.oid) == ("admin@contoso.example", OID)
    assert (person.tenant, person.roles) == (TENANT, (GLOBAL_ADMINISTRATOR,))


@pytest.mark.parametrize(
    "body",
    [
        claims(aud="another-client"),
        claims(aud=["x"]),
        claims(ver="1.0"),
        claims(ver=None),
        claims(iss=issuer(OTHER)),
        claims(iss="https://evil.example/v2.0"),
        claims(iss=None),
        claims(exp=AT - 301),
        claims(nbf=AT + 301),
        claims(exp=None),
        claims(exp="soon"),
        claims(nbf=None),
        claims(nonce="of another sign-in"),
        claims(tid=None),
        claims(oid=None),
        claims(exp=True),
    ],
)
async def test_what_does_not_count_though_microsoft_signed_it(body: dict[str, Any]) -> None:
    refused = await outcome(signed(body))
    assert refused.reason == "token_invalid"


@pytest.mark.parametrize("seconds", [-299, -120, 0, 200, 299])
async def test_clocks_may_be_five_minutes_apart(seconds: int) -> None:
    token = signed(claims(iat=AT + seconds, nbf=AT + seconds, exp=AT + seconds + 3900))
    assert (await outcome(token)).tenant == TENANT


@pytest.mark.parametrize(
    ("times", "ahead", "reason"),
    [
        ({"nbf": AT + 600}, -600.0, "clock_differs"),
        ({"nbf": AT + 86_400}, -86_400.0, "clock_differs"),
        ({"iat": AT + 400}, -400.0, "clock_differs"),
        ({"exp": AT - 900}, 4800.0, "clock_differs"),
        ({"nbf": AT + 600}, -2.0, "token_invalid"),
        ({"exp": AT - 900}, 299.0, "token_invalid"),
        ({"nbf": AT + 600}, None, "token_invalid"),
        ({"aud": "another-client"}, -600.0, "token_invalid"),
    ],
)
async def test_times_that_do_not_fit_are_our_clock_s_fault_if_microsoft_s_tells_so(
    times: dict[str, Any], ahead: float | None, reason: str
) -> None:
    assert (await outcome(signed(claims(**times)), microsoft=FakeMicrosoft(ahead=ahead))).reason == reason


@pytest.mark.parametrize(
    ("ahead", "said"),
    [
        (None, None),
        (0.0, None),
        (-300.0, None),
        (300.4, "our clock is 300 seconds ahead of Microsoft's"),
        (-7200.0, "our clock is 7200 seconds behind Microsoft's"),
    ],
)
def test_a_clock_that_differs_is_said_with_its_seconds(ahead: float | None, said: str | None) -> None:
    assert checks.clock_fault(ahead) == said


HS = OctKey.import_key(json.dumps(KEY.as_dict(private=False)).encode()[:64])
FORGED = {
    "another key": signed(claims(), FOREIGN),
    "the public key as a shared secret": signed(claims(), HS, alg="HS256"),
    "no algorithm": f"{part({'alg': 'none', 'kid': 'k1'})}.{part(claims())}.",
    "none in other letters": f"{part({'alg': 'NonE', 'kid': 'k1'})}.{part(claims())}.",
    "RS512": signed(claims(), alg="RS512"),
    "no key id": f"{part({'alg': 'RS256'})}.{part(claims())}.x",
    "changed claims": ".".join(
        piece if n != 1 else part(claims(oid="somebody-else")) for n, piece in enumerate(signed(claims()).split("."))
    ),
    "no signature": signed(claims()).rsplit(".", 1)[0] + ".",
    "no token": "",
    "two dots": "..",
    "rubbish": "a.b.c",
    "an object": part({"alg": "RS256", "kid": 1}) + ".x.y",
}


@pytest.mark.parametrize("name", FORGED)
async def test_what_is_forged(name: str) -> None:
    refused = await outcome(FORGED[name])
    assert refused.reason == "token_invalid"
    assert refused.account is None


async def test_a_token_for_graph_is_no_id_token() -> None:
    """Graph's keys are not published: no key of that name is found."""
    body = claims(aud="https://graph.microsoft.com", ver="1.0", iss=f"https://sts.windows.net/{TENANT}/")
    microsoft = FakeMicrosoft({"signing_key": [None]})
    assert (await outcome(signed(body, FOREIGN), microsoft=microsoft)).reason == "token_invalid"
    assert (await outcome(signed(body))).reason == "token_invalid"


async def test_a_key_that_signs_for_another_tenant_only() -> None:
    published = RSAKey.import_key({**KEY.as_dict(private=False), "issuer": issuer(OTHER)})
    microsoft = FakeMicrosoft({"signing_key": [published]})
    assert (await outcome(signed(claims()), microsoft=microsoft)).reason == "token_invalid"


async def test_another_tenant_s_administrator_is_named_and_refused() -> None:
    refused = await outcome(signed(claims(tid=OTHER)), home_tenant=OTHER)
    assert refused.reason == "wrong_tenant"
    assert refused.account.upn == "admin@contoso.example"


async def test_a_personal_account() -> None:
    refused = await outcome(signed(claims(tid=PERSONAL_TENANT)), home_tenant=PERSONAL_TENANT)
    assert refused.reason == "personal_account"


@pytest.mark.parametrize(
    ("body", "more", "me"),
    [
        (claims(idp=f"https://sts.windows.net/{OTHER}/"), {}, {}),
        (claims(), {"home_tenant": OTHER}, {}),
        (claims(), {}, {"upn": "teams_tailspin.example#EXT#@contoso.example"}),
        (claims(), {}, {"guest": True}),
    ],
)
async def test_a_guest_is_refused_by_any_of_the_signs(
    body: dict[str, Any], more: dict[str, Any], me: dict[str, Any]
) -> None:
    whole = {"id": OID, "upn": "a@contoso.example", "name": "A", "guest": None} | me
    refused = await outcome(signed(body), microsoft=FakeMicrosoft({"me": [Me(**whole)]}), **more)
    assert refused.reason == "guest"
    assert refused.account.oid == OID


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ({"roles": [()]}, "no_role"),
        ({"organization": [OTHER]}, "wrong_tenant"),
        ({"me": [Me(id="somebody-else", upn="a@contoso.example", name="A", guest=False)]}, "token_invalid"),
        ({"me": [EntraRefused("graph_forbidden")]}, "graph_forbidden"),
    ],
)
async def test_what_graph_says_against_it(script: dict[str, list[Any]], reason: str) -> None:
    refused = await outcome(signed(claims(wids=[GLOBAL_ADMINISTRATOR])), microsoft=FakeMicrosoft(script))
    assert refused.reason == reason
    assert refused.account.upn == "admin@contoso.example"


@pytest.mark.parametrize(
    ("given", "asked", "enough"),
    [
        (("User.Read", "openid"), ("User.Read",), True),
        (("https://graph.microsoft.com/User.Read",), ("User.Read",), True),
        (("user.read",), ("https://graph.microsoft.us/User.Read",), True),
        (("openid",), ("User.Read",), False),
        (("User.Read",), ("User.Read", "Organization.Read.All"), False),
    ],
)
def test_the_permissions_given(given: tuple[str, ...], asked: tuple[str, ...], enough: bool) -> None:
    assert checks.granted(given, asked) is enough


async def test_permissions_that_were_not_given_are_missed() -> None:
    assert (await outcome(signed(claims()), scopes=("openid",))).reason == "scopes_missing"


def test_roles_by_name_or_template_id() -> None:
    assert checks.role_ids(("Teams Administrator", "x-1")) == (TEAMS_ADMINISTRATOR, "x-1")
    assert checks.role_ids(()) == (GLOBAL_ADMINISTRATOR, TEAMS_ADMINISTRATOR)
