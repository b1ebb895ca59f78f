"""What is between us and Entra ID, as values: pending sign-ins, what a redemption gave, tokens; and the
seam itself.

Every secret in them is a `Secret`; `pack` is the only way out, straight into the vault.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

from shared.contracts.events import Method
from shared.crypto.secret import Secret
from shared.identity.token_verifier import PublishedKey


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceFlow:
    """A device code that waits for a person. `memo`: MSAL's own flow."""

    memo: Secret[str]
    user_code: Secret[str]
    verification_uri: str
    expires_in: int
    interval: float


@dataclass(frozen=True, slots=True)
class SignInFlow:
    """An authorization request. `memo`: state, nonce and verifier."""

    memo: Secret[str]
    url: Secret[str]
    state: Secret[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Redeemed:
    """What Microsoft gave for a code, before any check. `nonce`: what the id_token must hold."""

    client_id: str
    id_token: Secret[str]
    access_token: Secret[str]
    cache: Secret[str]
    scopes: tuple[str, ...]
    home_tenant: str | None = None
    nonce: str | None = None

    def pack(self, at: datetime) -> bytes:
        """For the vault. `at`: when it was redeemed."""
        secrets = {name: getattr(self, name).reveal() for name in ("id_token", "access_token", "cache")}
        open_ones = {name: getattr(self, name) for name in ("client_id", "scopes", "home_tenant", "nonce")}
        return json.dumps(secrets | open_ones | {"at": at.isoformat()}).encode()

    @classmethod
    def unpack(cls, packed: Secret[bytes]) -> tuple[Redeemed, datetime]:
        found: Mapping[str, Any] = json.loads(packed.reveal())
        redeemed = cls(
            client_id=found["client_id"],
            id_token=Secret(found["id_token"]),
            access_token=Secret(found["access_token"]),
            cache=Secret(found["cache"]),
            scopes=tuple(found["scopes"]),
            home_tenant=found["home_tenant"],
            nonce=found["nonce"],
        )
        return redeemed, datetime.fromisoformat(found["at"])


Pending = Literal["pending", "slow_down"]


@dataclass(frozen=True, slots=True)
class Token:
    """An access token. `cache`: MSAL's, where it changed and is to be kept."""

    value: Secret[str]
    expires_at: datetime
    cache: Secret[str] | None = None


class Entra(Protocol):
    """Entra ID. Each call ends within seconds; all raise EntraRefused, EntraAway."""

    async def resolve_tenant(self, asked: str) -> str: ...

    async def begin_device(self, tenant: str) -> DeviceFlow: ...

    async def poll_device(self, tenant: str, memo: Secret[str], wanted: Callable[[], bool]) -> Redeemed | Pending:
        """One look. Raises also: NotWanted."""

    async def begin_sign_in(self, tenant: str, state: str, login_hint: str | None) -> SignInFlow: ...

    async def redeem_code(self, tenant: str, memo: Secret[str], answer: Mapping[str, str]) -> Redeemed: ...

    async def refresh(self, tenant: str, method: Method, cache: Secret[str], *, force: bool) -> Token: ...

    async def app_token(self, tenant: str, client_id: str, secret: Secret[str]) -> Token: ...

    async def issuer(self, tenant: str) -> str: ...

    async def signing_key(self, tenant: str, kid: str) -> PublishedKey | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Me:
    """Who a token belongs to, as Graph says. `guest` None: it did not say."""

    id: str
    upn: str
    name: str
    guest: bool | None


class Graph(Protocol):
    """Microsoft Graph, with somebody's token; all raise EntraRefused, EntraAway."""

    async def me(self, token: Secret[str]) -> Me: ...

    async def roles_of_me(self, token: Secret[str], ids: tuple[str, ...]) -> tuple[str, ...]: ...

    async def organization(self, token: Secret[str]) -> str: ...
