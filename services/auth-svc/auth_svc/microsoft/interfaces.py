"""The interfaces to Entra ID and Microsoft Graph, and the values they give: pending sign-ins, tokens, a person.

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
    """A device code that waits for a person: a device authorization response (RFC 8628, 3.2)."""

    msal_flow: Secret[str]
    """What MSAL needs to poll for it."""
    user_code: Secret[str]
    """What the person enters at `verification_uri`."""
    verification_uri: str
    expires_in: int
    """Seconds from now."""
    interval: float
    """Seconds between two polls, at least."""


@dataclass(frozen=True, slots=True)
class SignInFlow:
    """An authorization request (RFC 6749, 4.1.1) with PKCE (RFC 7636)."""

    msal_flow: Secret[str]
    """State, nonce and verifier."""
    url: Secret[str]
    """Where the person signs in."""
    state: Secret[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Redeemed:
    """What Microsoft gave for a code, before any check."""

    client_id: str
    """Which of our applications it was given to."""
    id_token: Secret[str]
    access_token: Secret[str]
    cache: Secret[str]
    """MSAL's token cache, with the refresh token."""
    scopes: tuple[str, ...]
    """What was granted; it may be less or more than was asked for."""
    home_tenant: str | None = None
    """The tenant that the account belongs to; None: Microsoft did not say."""
    nonce: str | None = None
    """What the id_token must hold; None for a device code, which has none."""

    def pack(self, at: datetime) -> bytes:
        """For the vault. `at`: when it was redeemed."""
        secrets = {name: getattr(self, name).reveal() for name in ("id_token", "access_token", "cache")}
        open_ones = {name: getattr(self, name) for name in ("client_id", "scopes", "home_tenant", "nonce")}
        return json.dumps(secrets | open_ones | {"at": at.isoformat()}).encode()

    @classmethod
    def unpack(cls, packed: Secret[bytes]) -> tuple[Redeemed, datetime]:
        fields: Mapping[str, Any] = json.loads(packed.reveal())
        redeemed = cls(
            client_id=fields["client_id"],
            id_token=Secret(fields["id_token"]),
            access_token=Secret(fields["access_token"]),
            cache=Secret(fields["cache"]),
            scopes=tuple(fields["scopes"]),
            home_tenant=fields["home_tenant"],
            nonce=fields["nonce"],
        )
        return redeemed, datetime.fromisoformat(fields["at"])


Pending = Literal["pending", "slow_down"]


@dataclass(frozen=True, slots=True)
class Token:
    """An access token."""

    value: Secret[str]
    expires_at: datetime
    cache: Secret[str] | None = None
    """MSAL's token cache, where it changed and is to be kept."""


class Entra(Protocol):
    """Entra ID. Each call ends within seconds; all raise EntraRefused, EntraUnavailable."""

    async def resolve_tenant(self, asked: str) -> str:
        """The tenant's GUID, by one of its domains or itself."""

    async def begin_device(self, tenant: str, claims: str | None = None) -> DeviceFlow:
        """Asks for a device code. `claims`: what Microsoft demanded of the next sign-in, as JSON."""

    async def poll_device(self, tenant: str, msal_flow: Secret[str], wanted: Callable[[], bool]) -> Redeemed | Pending:
        """Asks once whether the person has signed in; not at all if nobody `wanted` it any more. Raises: NotWanted."""

    async def begin_sign_in(
        self, tenant: str, state: str, login_hint: str | None, claims: str | None = None
    ) -> SignInFlow:
        """`login_hint`: the user name that Microsoft's page begins with. `claims`: as for a device code."""

    async def redeem_code(self, tenant: str, msal_flow: Secret[str], answer: Mapping[str, str]) -> Redeemed:
        """`answer`: the parameters of the redirect. It spends the code, which counts once."""

    async def refresh(
        self, tenant: str, method: Method, cache: Secret[str], *, force: bool, claims: str | None = None
    ) -> Token:
        """A token by a grant; `force`: by its refresh token, even if the access token in the cache still counts; it is
        implied by `claims`, what a resource demanded of the token. Not forced, one that still lives outlasts an outage.
        """

    async def app_token(self, tenant: str, client_id: str, secret: Secret[str], *, claims: str | None = None) -> Token:
        """A token of a customer's own app registration (client credentials, RFC 6749, 4.4)."""

    def clock_ahead(self) -> float | None:
        """Seconds that our clock is ahead of Microsoft's; None: not known."""

    async def issuer(self, tenant: str) -> str:
        """Whose name the tenant's tokens must hold."""

    async def signing_key(self, tenant: str, kid: str) -> PublishedKey | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Me:
    """Who a token belongs to, as Graph says."""

    id: str
    """The object id, as `oid` in the id_token."""
    upn: str
    """The user principal name, with which the person signs in."""
    name: str
    guest: bool | None
    """None: Graph did not say."""


class Graph(Protocol):
    """Microsoft Graph, with somebody's token; all raise EntraRefused, EntraUnavailable."""

    async def me(self, token: Secret[str]) -> Me: ...

    async def roles_of_me(self, token: Secret[str], ids: tuple[str, ...]) -> tuple[str, ...]:
        """Which of these role templates the person holds now, also through groups."""

    async def organization(self, token: Secret[str]) -> str:
        """The GUID of the tenant that the token opens."""
