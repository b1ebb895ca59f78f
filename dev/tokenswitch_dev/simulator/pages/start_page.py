"""The start page: the demo tenants, who can sign in, what each shows, and switches for what goes wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tokenswitch_dev.simulator.demo import PROVIDER_TENANT, customers
from tokenswitch_dev.simulator.directory.directory import ROLE_NAMES, Account, Tenant
from tokenswitch_dev.simulator.simulator import Simulator
from tokenswitch_dev.simulator.wire.faults import Fault

SWITCHED_PLACES = ("devicecode", "poll", "refresh", "app", "graph")


def start_page(sim: Simulator) -> dict[str, Any]:
    entered = {customer.domain: customer for customer in customers()}
    shown = [tenant for tenant in sim.directory.tenants.values() if tenant.shows]
    rows = [_row(sim, tenant) | {"customer": entered.get(tenant.domain)} for tenant in shown]
    return {"tenants": rows, "operators": PROVIDER_TENANT, "more": len(sim.directory.tenants) - len(shown)}


def _row(sim: Simulator, tenant: Tenant) -> dict[str, Any]:
    on = {fault.switch for fault in sim.faults.active if fault.tenant == tenant.tid}
    return {
        "tenant": tenant,
        "accounts": [
            {"login": a.login, "name": a.name, "roles": _roles(a), "held": bool(a.roles)} for a in tenant.accounts
        ],
        "outage": "outage" in on,
        "throttle": "throttle" in on,
        "blocked": tenant.device_code != "allowed",
        "expired": any(s.expires is not None and s.expires <= sim.clock.now() for a in tenant.apps for s in a.secrets),
    }


def _roles(account: Account) -> str:
    names = [ROLE_NAMES.get(role, role) for role in account.roles]
    own = [role for roles in account.app_roles.values() for role in roles]
    return ", ".join(names + own + (["guest"] if account.home else [])) or "no role"


def switch(sim: Simulator, form: dict[str, str]) -> None:
    """One button of the start page; an unknown tenant or button changes nothing."""
    tenant, act = sim.directory.tenant(form.get("tenant", "")), SWITCHES.get(form.get("switch", ""))
    if tenant and act:
        act(sim, tenant, form.get("account", ""))


def _fault(code: str) -> Callable[[Simulator, Tenant, str], None]:
    def flip(sim: Simulator, tenant: Tenant, _account: str) -> None:
        if sim.faults.remove(tenant=tenant.tid, switch=code):
            return
        for where in SWITCHED_PLACES:
            sim.faults.add(Fault(where=where, code=code, tenant=tenant.tid, switch=code))

    return flip


def _revoke(sim: Simulator, tenant: Tenant, _account: str) -> None:
    sim.revoke(tenant, tenant.accounts)


def _block(sim: Simulator, tenant: Tenant, _account: str) -> None:
    tenant.device_code = "allowed" if tenant.device_code != "allowed" else "security_defaults"
    sim.directory.save(tenant)


def _drop_roles(sim: Simulator, tenant: Tenant, login: str) -> None:
    account = sim.directory.account_by_login(tenant.tid, login)
    if account:
        account.roles = []
        sim.directory.save(tenant)


def _expire(sim: Simulator, tenant: Tenant, _account: str) -> None:
    secrets = [secret for app in tenant.apps for secret in app.secrets]
    expired = any(secret.expires is not None and secret.expires <= sim.clock.now() for secret in secrets)
    for secret in secrets:
        secret.expires = None if expired else sim.clock.now() - 1
    sim.directory.save(tenant)


SWITCHES: dict[str, Callable[[Simulator, Tenant, str], None]] = {
    "revoke": _revoke,
    "block": _block,
    "outage": _fault("outage"),
    "throttle": _fault("throttle"),
    "roles": _drop_roles,
    "secret": _expire,
}
