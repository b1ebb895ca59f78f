"""The control API under /_sim/: what a test or a developer changes in the simulated world."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from pydantic import BaseModel, ValidationError

from tokenswitch_dev.simulator.control.shortcuts import approve, authorize, decline
from tokenswitch_dev.simulator.control.wishes import (
    AccountWish,
    ApproveWish,
    AuthorizeWish,
    ClockWish,
    DeclineWish,
    FaultWish,
    PolicyWish,
    RedirectWish,
    RevokeWish,
    RolesWish,
    SecretWish,
)
from tokenswitch_dev.simulator.directory.directory import Account, App, Secret, Tenant
from tokenswitch_dev.simulator.simulator import Simulator
from tokenswitch_dev.simulator.wire.calls import Answer, Call, answer
from tokenswitch_dev.simulator.wire.faults import PLACES, Fault, known


class Unknown(Exception):
    """Something named in a wish is not there."""


def control(sim: Simulator, call: Call) -> Answer:
    name = call.path.removeprefix("/_sim/")
    if call.method == "GET":
        reader = READERS.get(name)
        return answer(reader(sim)) if reader else _wrong(404, f"There is no /_sim/{name}.")
    if (call.method, name) == ("DELETE", "faults"):
        return answer({"removed": sim.faults.remove(**_filter(sim, call.query))})
    found = WRITERS.get(name)
    if found is None or call.method != "POST":
        return _wrong(404, f"There is no {call.method} /_sim/{name}.")
    model, act = found
    try:
        return answer(act(sim, model.model_validate(call.json())))
    except ValidationError as wrong:
        return _wrong(422, str(wrong))
    except Unknown as wrong:
        return _wrong(404, str(wrong))


def _wrong(status: int, detail: str) -> Answer:
    return answer({"error": "wrong_wish", "error_description": detail}, status)


def _filter(sim: Simulator, query: dict[str, str]) -> dict[str, Any]:
    wanted: dict[str, Any] = {name: query[name] for name in ("where", "code", "account", "switch") if name in query}
    if "id" in query:
        wanted["id"] = int(query["id"])
    if "tenant" in query:
        found = sim.directory.tenant(query["tenant"])
        wanted["tenant"] = found.tid if found else query["tenant"]
    return wanted


def _tenant(sim: Simulator, name: str) -> Tenant:
    found = sim.directory.tenant(name)
    if found is None:
        raise Unknown(f"There is no tenant {name!r}.")
    return found


def _account(sim: Simulator, tenant: Tenant, name: str) -> Account:
    by_upn = next((a for a in tenant.accounts if a.upn.lower() == name.lower()), None)
    found = sim.directory.account_by_login(tenant.tid, name) or by_upn
    if found is None:
        raise Unknown(f"There is no account {name!r} in {tenant.domain}.")
    return found


def _app(sim: Simulator, client_id: str) -> App:
    found = sim.directory.app(client_id)
    if found is None:
        raise Unknown(f"There is no application {client_id!r}.")
    return found


def _faults(sim: Simulator, wish: FaultWish) -> dict[str, Any]:
    code = wish.code or wish.kind
    if wish.where not in PLACES or not known(code):
        raise Unknown(f"No fault {code!r} at {wish.where!r}; places are {', '.join(PLACES)}.")
    tid = "*" if wish.tenant == "*" else _tenant(sim, wish.tenant).tid
    fault = Fault(
        where=wish.where,
        code=code,
        tenant=tid,
        account=wish.account.lower(),
        times=wish.times,
        retry_after=wish.retry_after,
        seconds=wish.seconds,
    )
    return {"id": sim.faults.add(fault).id}


def _revoke(sim: Simulator, wish: RevokeWish) -> dict[str, Any]:
    tenant = _tenant(sim, wish.tenant)
    accounts = [_account(sim, tenant, wish.account)] if wish.account else tenant.accounts
    sim.revoke(tenant, accounts)
    return {"revoked": [account.upn for account in accounts]}


def _roles(sim: Simulator, wish: RolesWish) -> dict[str, Any]:
    tenant = _tenant(sim, wish.tenant)
    account = _account(sim, tenant, wish.account)
    account.roles = wish.roles
    sim.directory.save(tenant)
    return account.model_dump()


def _accounts(sim: Simulator, wish: AccountWish) -> dict[str, Any]:
    tenant = _tenant(sim, wish.tenant)
    account = _account(sim, tenant, wish.account)
    account.enabled = wish.enabled
    sim.directory.save(tenant)
    return account.model_dump()


def _secrets(sim: Simulator, wish: SecretWish) -> dict[str, Any]:
    app = _app(sim, wish.client_id)
    if wish.value is not None:
        app.secrets = [Secret(value=wish.value)]
    if wish.expired is not None:
        wish.expires = sim.clock.now() - 1 if wish.expired else None
    for secret in app.secrets:
        secret.expires = wish.expires
    sim.directory.save(sim.directory.tenants[app.tenant])
    return {"client_id": app.client_id, "secrets": [{"id": s.id, "expires": s.expires} for s in app.secrets]}


def _redirects(sim: Simulator, wish: RedirectWish) -> dict[str, Any]:
    """One more address of an application: for tests whose servers take free ports."""
    app = _app(sim, wish.client_id)
    app.redirect_uris = sorted({*app.redirect_uris, wish.uri})
    sim.directory.save(sim.directory.tenants[app.tenant])
    return {"redirect_uris": app.redirect_uris}


def _policies(sim: Simulator, wish: PolicyWish) -> dict[str, Any]:
    tenant = _tenant(sim, wish.tenant)
    for name, value in wish.model_dump(exclude={"tenant"}, exclude_none=True).items():
        setattr(tenant, name, value)
    return sim.directory.save(tenant).model_dump(exclude={"apps"})


def _tenants(sim: Simulator, tenant: Tenant) -> dict[str, Any]:
    if sim.directory.tenant(tenant.domain):
        raise Unknown(f"The domain {tenant.domain!r} is taken.")
    return sim.directory.save(tenant).model_dump()


def _clock(sim: Simulator, wish: ClockWish) -> dict[str, Any]:
    sim.clock.advance(wish.advance)
    return {"now": sim.clock.now()}


def _approve(sim: Simulator, wish: ApproveWish) -> dict[str, Any]:
    return approve(sim, wish.user_code, wish.account, wish.consent)


def _decline(sim: Simulator, wish: DeclineWish) -> dict[str, Any]:
    return decline(sim, wish.user_code)


def _authorize(sim: Simulator, wish: AuthorizeWish) -> dict[str, Any]:
    parts = urlsplit(wish.url)
    asked = Call(
        method="GET",
        path=parts.path,
        query=dict(parse_qsl(parts.query)),
        headers={},
        body=b"",
        tenant=parts.path.strip("/").partition("/")[0],
    )
    return authorize(sim, asked, wish.account, wish.consent)


def _log(sim: Simulator) -> dict[str, Any]:
    return {"requests": list(sim.log)}


def _all_faults(sim: Simulator) -> dict[str, Any]:
    return {"faults": [vars(fault) for fault in sim.faults.active]}


def _all_tenants(sim: Simulator) -> dict[str, Any]:
    return {"tenants": [tenant.model_dump(exclude={"apps"}) for tenant in sim.directory.tenants.values()]}


READERS: dict[str, Callable[[Simulator], dict[str, Any]]] = {
    "log": _log,
    "faults": _all_faults,
    "tenants": _all_tenants,
    "clock": lambda sim: {"now": sim.clock.now()},
}
WRITERS: dict[str, tuple[type[BaseModel], Callable[[Simulator, Any], dict[str, Any]]]] = {
    "faults": (FaultWish, _faults),
    "revoke": (RevokeWish, _revoke),
    "roles": (RolesWish, _roles),
    "accounts": (AccountWish, _accounts),
    "secrets": (SecretWish, _secrets),
    "policies": (PolicyWish, _policies),
    "redirects": (RedirectWish, _redirects),
    "tenants": (Tenant, _tenants),
    "clock": (ClockWish, _clock),
    "approve": (ApproveWish, _approve),
    "decline": (DeclineWish, _decline),
    "authorize": (AuthorizeWish, _authorize),
}
