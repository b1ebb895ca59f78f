"""The control API under /_sim/: what a test or a developer changes in the simulated world."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from pydantic import BaseModel, ValidationError

from tokenswitch_dev.simulator.control.requests import (
    AccountRequest,
    AnswerRequest,
    ApproveRequest,
    AuthorizeRequest,
    ClockRequest,
    DeclineRequest,
    FaultRequest,
    PolicyRequest,
    RedirectRequest,
    RevokeRequest,
    RolesRequest,
    SecretRequest,
)
from tokenswitch_dev.simulator.control.shortcuts import approve, authorize, decline
from tokenswitch_dev.simulator.directory.directory import Account, App, Secret, Tenant
from tokenswitch_dev.simulator.simulator import Simulator
from tokenswitch_dev.simulator.wire.calls import Answer, Call, answer
from tokenswitch_dev.simulator.wire.faults import PLACES, Fault, known
from tokenswitch_dev.simulator.wire.raw_answers import ENDPOINTS, RawAnswer


class Unknown(Exception):
    """Something named in a request is not there."""


def control(sim: Simulator, call: Call) -> Answer:
    name = call.path.removeprefix("/_sim/")
    if call.method == "GET":
        reader = READERS.get(name)
        return answer(reader(sim)) if reader else _wrong(404, f"There is no /_sim/{name}.")
    if (call.method, name) == ("DELETE", "faults"):
        return answer({"removed": sim.faults.remove(**_filter(sim, call.query))})
    if (call.method, name) == ("DELETE", "answers"):
        return answer({"removed": sim.raw_answers.remove(int(call.query["id"]) if "id" in call.query else None)})
    writer = WRITERS.get(name)
    if writer is None or call.method != "POST":
        return _wrong(404, f"There is no {call.method} /_sim/{name}.")
    model, act = writer
    try:
        return answer(act(sim, model.model_validate(call.json())))
    except ValidationError as wrong:
        return _wrong(422, str(wrong))
    except Unknown as wrong:
        return _wrong(404, str(wrong))


def _wrong(status: int, detail: str) -> Answer:
    return answer({"error": "invalid_request", "error_description": detail}, status)


def _filter(sim: Simulator, query: dict[str, str]) -> dict[str, Any]:
    wanted: dict[str, Any] = {name: query[name] for name in ("where", "code", "account", "switch") if name in query}
    if "id" in query:
        wanted["id"] = int(query["id"])
    if "tenant" in query:
        tenant = sim.directory.tenant(query["tenant"])
        wanted["tenant"] = tenant.tid if tenant else query["tenant"]
    return wanted


def _tenant(sim: Simulator, name: str) -> Tenant:
    tenant = sim.directory.tenant(name)
    if tenant is None:
        raise Unknown(f"There is no tenant {name!r}.")
    return tenant


def _account(sim: Simulator, tenant: Tenant, name: str) -> Account:
    by_upn = next((a for a in tenant.accounts if a.upn.lower() == name.lower()), None)
    account = sim.directory.account_by_login(tenant.tid, name) or by_upn
    if account is None:
        raise Unknown(f"There is no account {name!r} in {tenant.domain}.")
    return account


def _app(sim: Simulator, client_id: str) -> App:
    app = sim.directory.app(client_id)
    if app is None:
        raise Unknown(f"There is no application {client_id!r}.")
    return app


def _faults(sim: Simulator, request: FaultRequest) -> dict[str, Any]:
    code = request.code or request.kind
    if request.where not in PLACES or not known(code):
        raise Unknown(f"No fault {code!r} at {request.where!r}; places are {', '.join(PLACES)}.")
    tid = "*" if request.tenant == "*" else _tenant(sim, request.tenant).tid
    fault = Fault(
        where=request.where,
        code=code,
        tenant=tid,
        account=request.account.lower(),
        times=request.times,
        retry_after=request.retry_after,
        seconds=request.seconds,
    )
    return {"id": sim.faults.add(fault).id}


def _answers(sim: Simulator, request: AnswerRequest) -> dict[str, Any]:
    if request.endpoint not in ENDPOINTS:
        raise Unknown(f"No endpoint {request.endpoint!r}; there are {', '.join(ENDPOINTS)}.")
    text = request.body if isinstance(request.body, str) else json.dumps(request.body)
    tid = "*" if request.tenant == "*" else _tenant(sim, request.tenant).tid
    raw = RawAnswer(**request.model_dump() | {"body": text.encode(), "tenant": tid})
    return {"id": sim.raw_answers.add(raw).id}


def _revoke(sim: Simulator, request: RevokeRequest) -> dict[str, Any]:
    tenant = _tenant(sim, request.tenant)
    accounts = [_account(sim, tenant, request.account)] if request.account else tenant.accounts
    sim.revoke(tenant, accounts)
    return {"revoked": [account.upn for account in accounts]}


def _roles(sim: Simulator, request: RolesRequest) -> dict[str, Any]:
    tenant = _tenant(sim, request.tenant)
    account = _account(sim, tenant, request.account)
    account.roles = request.roles
    sim.directory.save(tenant)
    return account.model_dump()


def _accounts(sim: Simulator, request: AccountRequest) -> dict[str, Any]:
    tenant = _tenant(sim, request.tenant)
    account = _account(sim, tenant, request.account)
    account.enabled = request.enabled
    sim.directory.save(tenant)
    return account.model_dump()


def _secrets(sim: Simulator, request: SecretRequest) -> dict[str, Any]:
    app = _app(sim, request.client_id)
    if request.value is not None:
        app.secrets = [Secret(value=request.value)]
    if request.expired is not None:
        request.expires = sim.clock.now() - 1 if request.expired else None
    for secret in app.secrets:
        secret.expires = request.expires
    sim.directory.save(sim.directory.tenants[app.tenant])
    return {"client_id": app.client_id, "secrets": [{"id": s.id, "expires": s.expires} for s in app.secrets]}


def _redirects(sim: Simulator, request: RedirectRequest) -> dict[str, Any]:
    """One more address of an application: for tests whose servers take free ports."""
    app = _app(sim, request.client_id)
    app.redirect_uris = sorted({*app.redirect_uris, request.uri})
    sim.directory.save(sim.directory.tenants[app.tenant])
    return {"redirect_uris": app.redirect_uris}


def _policies(sim: Simulator, request: PolicyRequest) -> dict[str, Any]:
    tenant = _tenant(sim, request.tenant)
    for name, value in request.model_dump(exclude={"tenant"}, exclude_none=True).items():
        setattr(tenant, name, value)
    return sim.directory.save(tenant).model_dump(exclude={"apps"})


def _tenants(sim: Simulator, tenant: Tenant) -> dict[str, Any]:
    if sim.directory.tenant(tenant.domain):
        raise Unknown(f"The domain {tenant.domain!r} is taken.")
    return sim.directory.save(tenant).model_dump()


def _clock(sim: Simulator, request: ClockRequest) -> dict[str, Any]:
    sim.clock.advance(request.advance)
    return {"now": sim.clock.now()}


def _approve(sim: Simulator, request: ApproveRequest) -> dict[str, Any]:
    return approve(sim, request.user_code, request.account, request.consent)


def _decline(sim: Simulator, request: DeclineRequest) -> dict[str, Any]:
    return decline(sim, request.user_code)


def _authorize(sim: Simulator, request: AuthorizeRequest) -> dict[str, Any]:
    parts = urlsplit(request.url)
    asked = Call(
        method="GET",
        path=parts.path,
        query=dict(parse_qsl(parts.query)),
        headers={},
        body=b"",
        tenant=parts.path.strip("/").partition("/")[0],
    )
    return authorize(sim, asked, request.account, request.consent)


def _log(sim: Simulator) -> dict[str, Any]:
    return {"requests": list(sim.log)}


def _all_faults(sim: Simulator) -> dict[str, Any]:
    return {"faults": [vars(fault) for fault in sim.faults.active]}


def _all_answers(sim: Simulator) -> dict[str, Any]:
    return {"answers": [vars(raw) | {"body": raw.body.decode()} for raw in sim.raw_answers.active]}


def _all_tenants(sim: Simulator) -> dict[str, Any]:
    return {"tenants": [tenant.model_dump(exclude={"apps"}) for tenant in sim.directory.tenants.values()]}


READERS: dict[str, Callable[[Simulator], dict[str, Any]]] = {
    "log": _log,
    "faults": _all_faults,
    "answers": _all_answers,
    "tenants": _all_tenants,
    "clock": lambda sim: {"now": sim.clock.now()},
}
WRITERS: dict[str, tuple[type[BaseModel], Callable[[Simulator, Any], dict[str, Any]]]] = {
    "faults": (FaultRequest, _faults),
    "answers": (AnswerRequest, _answers),
    "revoke": (RevokeRequest, _revoke),
    "roles": (RolesRequest, _roles),
    "accounts": (AccountRequest, _accounts),
    "secrets": (SecretRequest, _secrets),
    "policies": (PolicyRequest, _policies),
    "redirects": (RedirectRequest, _redirects),
    "tenants": (Tenant, _tenants),
    "clock": (ClockRequest, _clock),
    "approve": (ApproveRequest, _approve),
    "decline": (DeclineRequest, _decline),
    "authorize": (AuthorizeRequest, _authorize),
}
