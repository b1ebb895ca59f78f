"""Bearer tokens of callers: verified against OPERATOR_ISSUER, with roles, as dependencies of FastAPI routes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.openapi.models import HTTPBearer
from fastapi.security.base import SecurityBase
from fastapi.security.utils import get_authorization_scheme_param

from shared.contracts.events import Actor
from shared.domain.rules import Clock, Refused, utc_now
from shared.http.client_address import Network, client_address
from shared.http.refusals import Unauthenticated
from shared.identity.oidc import Issuer
from shared.identity.token_verifier import TokenRefused

VIEWER, OPERATOR, ADMIN, TOKEN_READ = "viewer", "operator", "admin", "token.read"
ORDER = (VIEWER, OPERATOR, ADMIN)
"""Each role holds those before it. `token.read` stands alone: no other role includes it."""

_ADDRESS = re.compile(r"[^@\s]{1,64}@[^@\s]{1,190}")


@dataclass(frozen=True, slots=True)
class Identity:
    """Who calls: the actor for events and audit, the roles, and the calling program's client id."""

    actor: Actor
    roles: frozenset[str]
    app: str | None = None

    def has(self, role: str) -> bool:
        return role in self.roles or (role in ORDER and not self.roles.isdisjoint(ORDER[ORDER.index(role) :]))


def identity_of(claims: Mapping[str, Any], address: str | None) -> Identity:
    """The identity that verified claims state."""
    texts = {name: _text(claims.get(name)) for name in ("oid", "sub", "name", "preferred_username", "email", "upn")}
    app = _text(claims.get("azp")) or _text(claims.get("appid"))
    id = texts["oid"] or texts["sub"] or app
    if not id:
        raise TokenRefused("it does not say whose it is")
    mail = texts["email"] or texts["preferred_username"] or texts["upn"] or ""
    name = texts["name"] or texts["preferred_username"] or ""  # a program has none: people are shown its provider
    roles = claims.get("roles")
    actor = Actor(id=id, name=name, email=mail if _ADDRESS.fullmatch(mail) else None, address=address)
    return Identity(actor, frozenset(filter(None, map(_text, roles if isinstance(roles, list) else []))), app)


def _text(value: Any) -> str | None:
    """A claim as text: short, in one line."""
    return " ".join(value.split())[:200] if isinstance(value, str) and value.strip() else None


def demand(identity: Identity, role: str) -> None:
    """Raises: Refused (403), naming the role that is needed."""
    if identity.has(role):
        return
    held = ", ".join(sorted(identity.roles & {*ORDER, TOKEN_READ})) or "none"
    detail = f"This needs the role {role}; yours: {held}. Ask an administrator of the issuer for it."
    raise Refused("role_missing", detail, status=403)


class Bearer:
    """Finds out who calls by the bearer token in the Authorization header, and nowhere else."""

    def __init__(
        self,
        issuer: Issuer | str,
        audience: str,
        ca_file: Path | str | None = None,
        *,
        proxies: Sequence[Network] = (),
        clock: Clock = utc_now,
    ) -> None:
        self.issuer = issuer if isinstance(issuer, Issuer) else Issuer(issuer, ca_file)
        self._audience, self._proxies, self._clock = audience, proxies, clock

    async def identity(self, request: Request, token: str | None) -> Identity:
        """Raises: Unauthenticated (401), Unavailable (503)."""
        if not token:
            raise Unauthenticated("Send an access token: Authorization: Bearer <token>.")
        try:
            claims = await self.issuer.verify(token, self._audience, self._clock())
            return identity_of(claims, client_address(request, self._proxies))
        except TokenRefused as error:
            detail = f"The bearer token does not count: {error}. Get a new one from the issuer."
            raise Unauthenticated(detail, error="invalid_token") from None


class RequiredRole(SecurityBase):
    """A dependency that lets only callers with the role through, and gives the actor for events and audit.

    It asks the `bearer` that the service provides. The whole identity (the calling program, the roles) is then in
    `request.state.identity`.
    """

    model = HTTPBearer(description="An access token of the operators' issuer, with a role.")
    scheme_name = "HTTPBearer"

    def __init__(self, role: str) -> None:
        self._role = role

    async def __call__(self, request: Request) -> Actor:
        bearer: Bearer = request.app.state.bearer
        scheme, token = get_authorization_scheme_param(request.headers.get("authorization"))
        identity = await bearer.identity(request, token if scheme.lower() == "bearer" else None)
        demand(identity, self._role)
        request.state.identity, request.state.caller = identity, identity.actor.id
        return identity.actor
