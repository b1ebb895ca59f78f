"""The one verifier of tokens says in one sentence why a token does not count."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shared.identity.token_verifier import TokenRefused, TokenVerifier, published_keys
from tests.shared.kit.issuer import AUDIENCE, NOW, URL, claims, ec, rsa, sign

VERIFIER = TokenVerifier(algorithms=("RS256", "ES256"), leeway_seconds=60, max_length=4_000)
KEYS = published_keys({"keys": [rsa("k1").as_dict(private=False), ec("k2").as_dict(private=False)]})
AT = int(NOW.timestamp())


def refusal(token: str, nonce: str | None = None) -> str:
    with pytest.raises(TokenRefused) as caught:
        VERIFIER.claims(token, KEYS[VERIFIER.key_id(token)], NOW, nonce=nonce, iss=URL, aud=AUDIENCE)
    return str(caught.value)


@pytest.mark.parametrize(
    ("token", "why"),
    [
        ("nonsense", "it is not a signed token with a key id"),
        ("ImFsZyI.e30.eA", "it is not a signed token with a key id"),
        (sign(claims(more="x" * 4_000)), "it is too long"),
        (sign(claims(), alg="PS256"), "its algorithm is not accepted"),
        (sign(claims(), rsa("x"), kid="k1"), "its signature does not fit"),
        (sign(claims(), ec("x"), kid="k1"), "its algorithm is not that of its key"),
        (sign([]), "it holds no claims"),  # type: ignore[arg-type]
        (sign(claims(iss="https://other.test")), "it is of another issuer"),
        (sign(claims(iss=None)), "it is of another issuer"),
        (sign(claims(aud="api://other")), "it is for another audience"),
        (sign(claims(aud=None)), "it is for another audience"),
        (sign(claims(exp=AT - 61)), "it has expired"),
        (sign(claims(exp="never")), "its times cannot be read"),
        (sign(claims(exp=float("nan"))), "its times cannot be read"),
        (sign(claims(exp=None)), "its times cannot be read"),
        (sign(claims(nbf=AT + 61)), "it does not count yet"),
        (sign(claims(iat=AT + 61)), "it does not count yet"),
        (sign(claims(nonce="n")), "it belongs to another sign-in"),
    ],
)
def test_why_a_token_does_not_count(token: str, why: str) -> None:
    assert refusal(token) == why


def test_an_access_token_is_no_id_token() -> None:
    assert refusal(sign(claims()), nonce="n") == "it belongs to another sign-in"


def test_a_good_token_gives_its_claims() -> None:
    token = sign(claims(nonce="n"), ec("k2"))
    now = NOW + timedelta(seconds=3_600 + 59)
    found = VERIFIER.claims(token, KEYS[VERIFIER.key_id(token)], now, nonce="n", iss=URL, aud=AUDIENCE)
    assert found["oid"] == "u-1"
