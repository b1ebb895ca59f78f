"""Delegated scopes: how they are written, and which of them only an administrator can consent to."""

from __future__ import annotations

import re
from collections.abc import Iterable

from tokenswitch_dev.simulator.directory.directory import CONSENT_GIVERS, Account, Tenant
from tokenswitch_dev.simulator.endpoints.tokens import RESERVED
from tokenswitch_dev.simulator.wire.errors import Refusal, refuse

GRAPH_PREFIXES = ("https://graph.microsoft.com/", "00000003-0000-0000-c000-000000000000/")
USER_MAY_CONSENT = {"User.Read", "User.ReadBasic.All"}
API_SCOPE = re.compile(r"api://[\w.-]+/[\w.]+")
GRAPH_SCOPE = re.compile(r"[A-Z][A-Za-z]+(\.[A-Z][A-Za-z]*)+")
DESCRIPTIONS = {
    "User.Read": "Sign you in and read your profile",
    "offline_access": "Maintain access to data you have given it access to",
    "Organization.Read.All": "Read organization information",
    "RoleManagement.Read.Directory": "Read directory RBAC settings",
    "Directory.Read.All": "Read directory data",
}


def parse_scopes(text: str) -> list[str] | Refusal:
    """Short names, without the resource; `.default` stands for what the registration lists: User.Read."""
    scopes = [_short(scope) for scope in text.split()]
    wrong = [scope for scope in scopes if scope not in RESERVED and not _known(scope)]
    if wrong or not scopes:
        return refuse("70011", scope=" ".join(wrong) or "(empty)")
    return list(dict.fromkeys(scopes))


def _known(scope: str) -> bool:
    return bool(GRAPH_SCOPE.fullmatch(scope) or API_SCOPE.fullmatch(scope))


def api_of(scopes: Iterable[str]) -> str | None:
    """The API that a token is asked for, where it is not Graph: `api://name` of `api://name/.default`."""
    return next((scope.rpartition("/")[0] for scope in scopes if API_SCOPE.fullmatch(scope)), None)


def _short(scope: str) -> str:
    for prefix in GRAPH_PREFIXES:
        scope = scope.removeprefix(prefix)
    return "User.Read" if scope == ".default" else scope


def consented(tenant: Tenant, client_id: str, account: Account) -> set[str]:
    given = tenant.consents.get(client_id, {})
    return {*given.get("*", []), *given.get(account.oid, [])}


def missing_consent(tenant: Tenant, client_id: str, account: Account, scopes: list[str]) -> list[str]:
    """Signing in needs User.Read at least; the reserved scopes come with it."""
    wanted = [scope for scope in scopes if scope not in RESERVED] or ["User.Read"]
    given = consented(tenant, client_id, account)
    return [scope for scope in wanted if scope not in given]


def gives_for_all(account: Account) -> bool:
    return bool(CONSENT_GIVERS.intersection(account.roles))


def may_consent(tenant: Tenant, account: Account, scopes: list[str]) -> bool:
    return gives_for_all(account) or (tenant.user_consent and USER_MAY_CONSENT.issuperset(scopes))


def consent(tenant: Tenant, client_id: str, account: Account, scopes: list[str], for_all: bool) -> None:
    holder = "*" if for_all and gives_for_all(account) else account.oid
    given = tenant.consents.setdefault(client_id, {})
    given[holder] = sorted({*given.get(holder, []), *scopes})


def described(scopes: list[str]) -> list[str]:
    shown = [scope for scope in scopes if scope not in RESERVED or scope == "offline_access"]
    return [DESCRIPTIONS.get(scope, scope) for scope in shown]
