"""What the tokens say: id_token and access tokens as Entra's version 2 endpoint fills them."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from tokenswitch_dev.simulator.directory.directory import EVERY_MEMBER, Account, App, Tenant
from tokenswitch_dev.simulator.simulator import Simulator

TOKEN_LIFE_SECONDS = 3599
GRAPH = "00000003-0000-0000-c000-000000000000"
RESERVED = {"openid", "profile", "email", "offline_access"}


@dataclass(frozen=True, kw_only=True)
class Person:
    """Who signed in to what, where."""

    app: App
    tenant: Tenant
    account: Account
    scopes: tuple[str, ...]
    nonce: str = ""
    capabilities: tuple[str, ...] = ()


def granted_scope(scopes: tuple[str, ...]) -> str:
    """Graph's scopes as asked for, then the reserved ones that Entra lists, in its order."""
    graph = [scope for scope in scopes if scope not in RESERVED]
    return " ".join(graph + [scope for scope in ("profile", "openid", "email") if "openid" in scopes])


def client_info(person: Person) -> str:
    home = person.account.home
    info = {"uid": home.oid if home else person.account.oid, "utid": home.tid if home else person.tenant.tid}
    return base64.urlsafe_b64encode(json.dumps(info).encode()).rstrip(b"=").decode()


def id_token(sim: Simulator, person: Person) -> str:
    account, tenant, now = person.account, person.tenant, sim.clock.wall()
    claims: dict[str, Any] = {
        "aud": person.app.client_id,
        "iss": sim.issuer(tenant.tid),
        "iat": now,
        "nbf": now,
        "exp": now + TOKEN_LIFE_SECONDS + 301,
        "name": account.name or account.upn,
        "oid": account.oid,
        "preferred_username": account.login,
        "rh": "1.AXAA" + secrets.token_urlsafe(24),
        "sub": _pairwise(person.app, account),
        "tid": tenant.tid,
        "uti": secrets.token_urlsafe(16),
        "ver": "2.0",
    }
    return sim.keys.sign(claims | _optional(person))


def _optional(person: Person) -> dict[str, Any]:
    account, extra = person.account, dict[str, Any]()
    if person.nonce:
        extra["nonce"] = person.nonce
    if account.home:
        extra |= {"idp": f"https://sts.windows.net/{account.home.tid}/", "email": account.login}
    if person.app.emits_wids:
        extra["wids"] = [*account.roles, EVERY_MEMBER]
    roles = account.app_roles.get(person.app.client_id)
    return extra | ({"roles": roles} if roles else {})


def graph_token(sim: Simulator, person: Person) -> str:
    scopes = [scope for scope in person.scopes if scope not in RESERVED] or ["User.Read"]
    claims = _graph_claims(sim, person.app, person.tenant) | {
        "idtyp": "user",
        "oid": person.account.oid,
        "scp": " ".join(["openid", "profile", "email", *scopes]),
        "sub": _pairwise(person.app, person.account),
        "upn": person.account.upn,
        "wids": [*person.account.roles, EVERY_MEMBER],
        "xms_cc": list(person.capabilities),
    }
    return sim.keys.sign_for_graph(claims, secrets.token_urlsafe(24))


def graph_app_token(sim: Simulator, app: App, tenant: Tenant) -> str:
    claims = _graph_claims(sim, app, tenant) | {
        "idtyp": "app",
        "oid": _principal(app, tenant),
        "roles": app.graph_roles,
    }
    return sim.keys.sign_for_graph(claims, secrets.token_urlsafe(24))


def api_app_token(sim: Simulator, app: App, tenant: Tenant, audience: str) -> str:
    """For an API of the operator's own: signed with the published key, so that the API can verify it."""
    now, principal = sim.clock.wall(), _principal(app, tenant)
    claims: dict[str, Any] = {
        "aud": audience,
        "iss": sim.issuer(tenant.tid),
        "iat": now,
        "nbf": now,
        "exp": now + TOKEN_LIFE_SECONDS + 301,
        "azp": app.client_id,
        "azpacr": "1",
        "oid": principal,
        "roles": app.api_roles,
        "sub": principal,
        "tid": tenant.tid,
        "uti": secrets.token_urlsafe(16),
        "ver": "2.0",
    }
    return sim.keys.sign(claims)


def api_user_token(sim: Simulator, person: Person, audience: str, roles: list[str]) -> str:
    """A person's token for an API of the operator's own, with the roles that the person was assigned there."""
    now = sim.clock.wall()
    claims: dict[str, Any] = {
        "aud": audience,
        "iss": sim.issuer(person.tenant.tid),
        "iat": now,
        "nbf": now,
        "exp": now + TOKEN_LIFE_SECONDS + 301,
        "azp": person.app.client_id,
        "azpacr": "0",
        "name": person.account.name or person.account.upn,
        "oid": person.account.oid,
        "preferred_username": person.account.login,
        "roles": roles,
        "scp": "access",
        "sub": _pairwise(person.app, person.account),
        "tid": person.tenant.tid,
        "uti": secrets.token_urlsafe(16),
        "ver": "2.0",
    }
    return sim.keys.sign(claims)


def _graph_claims(sim: Simulator, app: App, tenant: Tenant) -> dict[str, Any]:
    now = sim.clock.wall()
    return {
        "aud": "https://graph.microsoft.com",
        "iss": f"https://sts.windows.net/{tenant.tid}/",
        "iat": now,
        "nbf": now,
        "exp": now + TOKEN_LIFE_SECONDS + 301,
        "app_displayname": app.name,
        "appid": app.client_id,
        "tid": tenant.tid,
        "uti": str(uuid4()),
        "ver": "1.0",
        # The simulated time, by which Graph here judges whether the token is too old or was revoked.
        "xms_sim": sim.clock.now(),
    }


def _pairwise(app: App, account: Account) -> str:
    digest = hashlib.sha256(f"{app.client_id}/{account.oid}".encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _principal(app: App, tenant: Tenant) -> str:
    """The object id of the app's service principal in this tenant: the same at every call."""
    digest = hashlib.sha256(f"{app.client_id}@{tenant.tid}".encode()).hexdigest()
    return f"{digest[:8]}-{digest[8:12]}-4{digest[13:16]}-8{digest[17:20]}-{digest[20:32]}"
