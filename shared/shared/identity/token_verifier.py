"""Signed tokens of an issuer that publishes its keys (RFC 7515, 7517, 7519): key, algorithm, signature and claims."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from joserfc import jws, jwt
from joserfc.errors import ClaimError, ExpiredTokenError, InvalidPayloadError, JoseError, KeyParameterError
from joserfc.jwk import ECKey, RSAKey

PublishedKey = RSAKey | ECKey
_KEY_TYPES: Mapping[str, type[RSAKey] | type[ECKey]] = {"RSA": RSAKey, "EC": ECKey}
_KEY_FIELDS = ("kty", "kid", "use", "alg", "n", "e", "crv", "x", "y", "issuer")
_WRONG_CLAIM = {
    "iss": "it is of another issuer",
    "aud": "it is for another audience",
    "exp": "its times cannot be read",
    "nbf": "it does not count yet",
    "iat": "it does not count yet",
}


_TIMES = ("exp", "nbf", "iat")


class TokenRefused(Exception):
    """A token that does not count; the text says why and may be shown."""


def published_keys(jwks: Mapping[str, Any]) -> dict[str, PublishedKey]:
    """The keys for signatures of a JSON Web Key Set, by key id; others are passed over."""
    usable: dict[str, PublishedKey] = {}
    keys = jwks.get("keys")
    for key in keys if isinstance(keys, list) else []:
        kind = _KEY_TYPES.get(str(key.get("kty"))) if isinstance(key, dict) else None
        if kind is None or not isinstance(key.get("kid"), str) or key.get("use", "sig") != "sig":
            continue
        try:
            usable[key["kid"]] = kind.import_key({name: key[name] for name in _KEY_FIELDS if name in key})
        except (JoseError, ValueError, TypeError, KeyError):
            continue
    return usable


class TokenUntimely(TokenRefused):
    """It has expired, or does not count yet: the token, or a clock, is wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenVerifier:
    """What tokens of one kind of issuer must hold."""

    algorithms: tuple[str, ...]
    """JWS names of the algorithms that count, such as RS256."""
    leeway_seconds: int
    """How far clocks may be apart."""
    max_length: int
    """Characters of a token as it is sent."""
    required: tuple[str, ...] = ("exp",)
    """Claims that must be there, besides those that a caller asks for."""

    def key_id(self, token: str) -> str:
        """The id of the key that a token says it is signed with. Raises: TokenRefused."""
        if len(token) > self.max_length:
            raise TokenRefused("it is too long")
        try:
            header: object = jws.extract_compact(token.encode()).headers()
        except (JoseError, ValueError, RecursionError):
            header = None
        if not isinstance(header, dict) or not isinstance(header.get("kid"), str):
            raise TokenRefused("it is not a signed token with a key id")
        if header.get("alg") not in self.algorithms:
            raise TokenRefused("its algorithm is not accepted")
        return str(header["kid"])

    def claims(
        self, token: str, key: PublishedKey, now: datetime, *, nonce: str | None, **wanted: str
    ) -> dict[str, Any]:
        """The claims of a token that this key signed. `nonce`: of an id_token; None for an access token, which has
        none. `wanted`: the value that a claim must have. Raises: TokenRefused."""
        options = {name: jwt.ClaimsOption(essential=True) for name in self.required}
        options |= {name: jwt.ClaimsOption(essential=True, value=value) for name, value in wanted.items()}
        try:
            claims = jwt.decode(token, key, algorithms=self.algorithms).claims
            jwt.JWTClaimsRegistry(int(now.timestamp()), self.leeway_seconds, **options).validate(claims)
        except KeyParameterError:
            raise TokenRefused("its algorithm is not that of its key") from None
        except InvalidPayloadError:
            raise TokenRefused("it holds no claims") from None
        except ExpiredTokenError:
            raise TokenUntimely("it has expired") from None
        except ClaimError as error:
            name = error.claim.split(",")[0]
            refused = TokenUntimely if name in _TIMES else TokenRefused
            raise refused(_WRONG_CLAIM.get(name, "its claims cannot be read")) from None
        except (JoseError, ValueError, TypeError, RecursionError):
            raise TokenRefused("its signature does not fit") from None
        if claims.get("nonce") != nonce:  # an id_token is no access token, and the other way round
            raise TokenRefused("it belongs to another sign-in")
        return claims
