"""May this person grant access: the id_token, the tenant, not a guest, the role, the permissions. MSAL checks none.

A claim is believed only after signature, audience, issuer and times have been verified with Microsoft's keys.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from auth_svc.microsoft.discovery import PERSONAL_TENANT
from auth_svc.microsoft.errors import EntraRefused
from auth_svc.microsoft.interfaces import Entra, Graph, Redeemed
from shared.contracts.events import Account
from shared.identity.token_verifier import PublishedKey, TokenRefused, TokenUntimely, TokenVerifier

log = logging.getLogger(__name__)
MAX_SKEW_SECONDS = 300
"""How far our clock and Microsoft's may be apart."""
VERIFIER = TokenVerifier(
    algorithms=("RS256",), leeway_seconds=MAX_SKEW_SECONDS, max_length=64 * 1024, required=("exp", "nbf")
)
MAX_NAME_CHARACTERS = 200
GLOBAL_ADMINISTRATOR = "62e90394-69f5-4237-9190-012177145e10"
TEAMS_ADMINISTRATOR = "69091246-20e8-4a56-aa4d-066075b2a7a8"
ROLES = {"global administrator": GLOBAL_ADMINISTRATOR, "teams administrator": TEAMS_ADMINISTRATOR}
"""Names that are taken for a role's template id."""


@dataclass(frozen=True, slots=True)
class Requirements:
    """What a sign-in must prove."""

    tenant: str
    """This tenant, by its GUID."""
    roles: tuple[str, ...]
    """One of these roles, by template id or name; empty: one that may administer Teams."""
    scopes: tuple[str, ...]
    """All of these permissions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Administrator:
    """Who proved it, with the roles that count and all that was granted."""

    account: Account
    tenant: str
    roles: tuple[str, ...]
    scopes: tuple[str, ...]


async def check(entra: Entra, graph: Graph, redeemed: Redeemed, required: Requirements, now: datetime) -> Administrator:
    """All checks of a sign-in. Raises: EntraRefused with who came, where that is known; EntraUnavailable."""
    claims = await verified(entra, redeemed, required.tenant, now)
    account = _account(claims)
    try:
        _of_the_tenant(claims, redeemed, required.tenant)
        account, roles = await _by_graph(graph, redeemed, required, account)
    except EntraRefused as error:
        raise EntraRefused(error.reason, error.details, account, claims=error.claims) from None
    return Administrator(account=account, tenant=required.tenant, roles=roles, scopes=redeemed.scopes)


async def verified(entra: Entra, redeemed: Redeemed, tenant: str, now: datetime) -> Mapping[str, Any]:
    """The claims of the id_token, if it is Microsoft's and for us. Raises: EntraRefused(token_invalid, clock_differs),
    EntraUnavailable."""
    token, client = redeemed.id_token.reveal(), redeemed.client_id
    try:
        key = await entra.signing_key(tenant, VERIFIER.key_id(token))
        if key is None:
            raise EntraRefused("token_invalid")
        claims = VERIFIER.claims(token, key, now, nonce=redeemed.nonce, aud=client, ver="2.0")
    except TokenUntimely:
        raise EntraRefused(untimely(entra.clock_ahead())) from None
    except TokenRefused:
        raise EntraRefused("token_invalid") from None
    _by_issuer(claims, await entra.issuer(tenant), tenant, key)
    return claims


def untimely(clock_ahead: float | None) -> str:
    """Why a token's times do not fit: our clock, if Microsoft's own tells another time (`clock_ahead`: seconds)."""
    fault = clock_fault(clock_ahead)
    if fault:
        log.error("%s; nothing of Microsoft's can be trusted until it is set", fault)
    return "clock_differs" if fault else "token_invalid"


def clock_fault(clock_ahead: float | None) -> str | None:
    """What is wrong with our clock; None: nothing that is known."""
    if clock_ahead is None or abs(clock_ahead) <= MAX_SKEW_SECONDS:
        return None
    return f"our clock is {abs(clock_ahead):.0f} seconds {'ahead of' if clock_ahead > 0 else 'behind'} Microsoft's"


def _by_issuer(claims: Mapping[str, Any], issuer: str, tenant: str, key: PublishedKey) -> None:
    """The issuer is the one of the tenant that the token names; for another tenant that is told later."""
    tid = _claim(claims, "tid")
    expected = issuer.lower().replace(tenant, tid)
    _demand(tenant in issuer.lower() and str(claims.get("iss", "")).lower() == expected)
    signs_for = key.get("issuer")
    if isinstance(signs_for, str) and tid == tenant:
        _demand(signs_for.lower().replace("{tenantid}", tid) == expected)


def _of_the_tenant(claims: Mapping[str, Any], redeemed: Redeemed, tenant: str) -> None:
    tid = _claim(claims, "tid")
    if PERSONAL_TENANT in (tid, redeemed.home_tenant):
        raise EntraRefused("personal_account")
    if tid != tenant:
        raise EntraRefused("wrong_tenant")
    if claims.get("idp") or redeemed.home_tenant not in (None, tid):
        raise EntraRefused("guest")


async def _by_graph(
    graph: Graph, redeemed: Redeemed, required: Requirements, account: Account
) -> tuple[Account, tuple[str, ...]]:
    if not granted(redeemed.scopes, required.scopes):
        raise EntraRefused("scopes_missing")
    me = await graph.me(redeemed.access_token)
    if me.id.lower() != account.oid.lower():
        raise EntraRefused("token_invalid")
    if me.guest or "#ext#" in me.upn.lower():
        raise EntraRefused("guest")
    if await graph.organization(redeemed.access_token) != required.tenant:
        raise EntraRefused("wrong_tenant")
    held = await graph.roles_of_me(redeemed.access_token, role_ids(required.roles))
    if not held:
        raise EntraRefused("no_role")
    return Account(_line(me.upn), account.oid, _line(me.name) or account.name), held


def role_ids(accepted: tuple[str, ...]) -> tuple[str, ...]:
    """Template ids; without any the two that may administer Teams."""
    return tuple(ROLES.get(role.lower(), role) for role in accepted) or tuple(ROLES.values())


def granted(given: tuple[str, ...], asked: tuple[str, ...]) -> bool:
    return {_short(scope) for scope in asked} <= {_short(scope) for scope in given}


def _short(scope: str) -> str:
    """Microsoft names Graph's permissions with or without their resource."""
    return scope.rpartition("/")[2].lower()


def _account(claims: Mapping[str, Any]) -> Account:
    names = [_line(str(claims.get(name) or "")) for name in ("preferred_username", "name")]
    return Account(names[0], _line(_claim(claims, "oid")), names[1])


def _line(text: str) -> str:
    """What another tenant calls its people, as it may stand in our events, pages and mails: one short line."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())[:MAX_NAME_CHARACTERS]


def _claim(claims: Mapping[str, Any], name: str) -> str:
    value = claims.get(name)
    _demand(isinstance(value, str) and bool(value))
    return str(value).lower() if name == "tid" else str(value)


def _demand(holds: bool) -> None:
    if not holds:
        raise EntraRefused("token_invalid")
