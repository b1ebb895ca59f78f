"""The machines' endpoints of a sign-in: devicecode and token, one function per grant type."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tokenswitch_dev.simulator.demo import API_CLIENT_ID
from tokenswitch_dev.simulator.directory.directory import Tenant
from tokenswitch_dev.simulator.directory.grants import AuthCode, RefreshToken, opaque_refresh
from tokenswitch_dev.simulator.endpoints.app_grant import client_credentials
from tokenswitch_dev.simulator.endpoints.clients import check_client, credentials
from tokenswitch_dev.simulator.endpoints.refresh_rules import check_refresh, refresh_person
from tokenswitch_dev.simulator.endpoints.scopes import api_of, parse_scopes
from tokenswitch_dev.simulator.endpoints.tokens import (
    TOKEN_LIFE_SECONDS,
    Person,
    api_user_token,
    client_info,
    granted_scope,
    graph_token,
    id_token,
)
from tokenswitch_dev.simulator.simulator import Simulator
from tokenswitch_dev.simulator.wire.calls import Answer, Call, answer
from tokenswitch_dev.simulator.wire.errors import Refusal, Trace, new_trace, refuse, refused
from tokenswitch_dev.simulator.wire.faults import Fault, fault_answer

DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
Result = dict[str, Any] | Refusal | Fault


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A token request, read once."""

    segment: str
    tenant: Tenant | None
    form: dict[str, str]
    client_id: str
    secret: str


def devicecode(sim: Simulator, call: Call) -> Answer:
    trace = _trace(call)
    return _said(sim, _new_device(sim, call), trace)


def _new_device(sim: Simulator, call: Call) -> Result:
    form, tenant = call.form, sim.find_tenant(call.tenant)
    if isinstance(tenant, Refusal):
        return tenant
    fault = sim.faults.hit("devicecode", tenant)
    if fault:
        return fault
    missing = next((name for name in ("client_id", "scope") if not form.get(name)), "")
    if missing:
        return refuse("900144", parameter=missing)
    app, scopes = sim.find_app(form["client_id"], tenant), parse_scopes(form["scope"])
    if isinstance(app, Refusal):
        return app
    return scopes if isinstance(scopes, Refusal) else _issue_device(sim, app.client_id, call.tenant, scopes)


def _issue_device(sim: Simulator, client_id: str, segment: str, scopes: list[str]) -> dict[str, Any]:
    lifetime = sim.options.device_lifetime
    code = sim.grants.new_device(client_id, segment, scopes, sim.clock.now() + lifetime)
    address = f"{sim.options.pages}/devicelogin"
    return {
        "user_code": code.user_code,
        "device_code": code.key,
        "verification_uri": address,
        "expires_in": lifetime,
        "interval": sim.options.interval,
        "message": f"To sign in, use a web browser to open the page {address} and enter the code "
        f"{code.user_code} to authenticate.",
    }


def token(sim: Simulator, call: Call) -> Answer:
    form, trace = call.form, _trace(call)
    tenant = sim.find_tenant(call.tenant)
    if isinstance(tenant, Refusal):
        return refused(tenant, trace, sim.authority)
    grant = GRANTS.get(form.get("grant_type", ""))
    if grant is None:
        return refused(_no_grant(form), trace, sim.authority)
    client_id, secret = credentials(call, form)
    if not client_id:
        return refused(refuse("900144", parameter="client_id"), trace, sim.authority)
    return _said(
        sim, grant(sim, Asked(segment=call.tenant, tenant=tenant, form=form, client_id=client_id, secret=secret)), trace
    )


def _no_grant(form: dict[str, str]) -> Refusal:
    asked = form.get("grant_type", "")
    return refuse("70003", parameter=asked) if asked else refuse("900144", parameter="grant_type")


def _trace(call: Call) -> Trace:
    return new_trace(call.headers.get("client-request-id", ""))


def _said(sim: Simulator, result: Result, trace: Trace) -> Answer:
    if isinstance(result, Refusal):
        return refused(result, trace, sim.authority)
    if isinstance(result, Fault):
        return fault_answer(result, trace, sim.authority)
    return answer(result, headers={"cache-control": "no-store, no-cache", "client-request-id": trace.correlation_id})


def _by_device_code(sim: Simulator, asked: Asked) -> Result:
    """The poll: the busiest path, so it reads memory only until the code is spent."""
    code = sim.grants.devices.get(asked.form.get("device_code") or asked.form.get("code", ""))
    if code is None or code.client_id != asked.client_id:
        return refuse("70018")
    account = sim.directory.account(code.tid, code.oid)
    tenant = sim.directory.tenants.get(code.tid) or asked.tenant
    fault = sim.faults.hit("poll", tenant, account.login if account else "")
    if fault:
        return fault
    now, before = sim.clock.now(), code.polled
    code.polled = now
    if code.status == "redeemed" or code.expires <= now:
        return refuse("70020")
    if code.status == "declined":
        return refuse("70017")
    if account is None or tenant is None:
        return refuse("slow_down" if sim.options.slow_down and now - before < sim.options.interval else "70016")
    app = sim.find_app(code.client_id, tenant)
    wrong = app if isinstance(app, Refusal) else check_client(app, asked.form, asked.secret, now)
    if wrong or isinstance(app, Refusal):
        return wrong or refuse("700016")
    code.status = "redeemed"
    sim.grants.devices.put(code)
    return issue(
        sim,
        Person(
            app=app,
            tenant=tenant,
            account=account,
            scopes=tuple(code.scopes),
            nonce="",
            capabilities=_capabilities(asked),
        ),
        "device_code",
        None,
    )


def _by_code(sim: Simulator, asked: Asked) -> Result:
    code = sim.grants.codes.get(asked.form.get("code", ""))
    if code is None or code.client_id != asked.client_id:
        return refuse("70000")
    tenant, account = sim.directory.tenants[code.tid], sim.directory.account(code.tid, code.oid)
    fault = sim.faults.hit("poll", tenant, account.login if account else "")
    if fault:
        return fault
    app = sim.find_app(code.client_id, tenant)
    if isinstance(app, Refusal) or account is None:
        return app if isinstance(app, Refusal) else refuse("50034", tenant=tenant.domain)
    wrong = _wrong_code(sim, asked, code) or check_client(app, asked.form, asked.secret, sim.clock.now())
    if wrong:
        return wrong
    code.used = True
    sim.grants.codes.put(code)
    person = Person(
        app=app,
        tenant=tenant,
        account=account,
        scopes=tuple(code.scopes),
        nonce=code.nonce,
        capabilities=_capabilities(asked),
    )
    return issue(sim, person, "auth_code", None)


def _wrong_code(sim: Simulator, asked: Asked, code: AuthCode) -> Refusal | None:
    if code.used:
        return refuse("54005")
    if code.expires <= sim.clock.now():
        return refuse("70008")
    sent = asked.form.get("redirect_uri", "")
    if sent != code.redirect_uri:
        return refuse("500112", redirect=sent, expected=code.redirect_uri)
    digest = hashlib.sha256(asked.form.get("code_verifier", "").encode()).digest()
    proof = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    return None if not code.challenge or hmac.compare_digest(proof, code.challenge) else refuse("501481")


def _by_refresh_token(sim: Simulator, asked: Asked) -> Result:
    old = sim.grants.refresh.get(asked.form.get("refresh_token", ""))
    if old is None or old.client_id != asked.client_id:
        return refuse("70000")
    person = refresh_person(sim, old, asked.tenant, asked.form.get("scope", ""), _capabilities(asked))
    if isinstance(person, Refusal):
        return person
    fault = sim.faults.hit("refresh", person.tenant, person.account.login)
    if fault:
        return fault
    wrong = check_client(person.app, asked.form, asked.secret, sim.clock.now()) or check_refresh(sim, old, person)
    return wrong or issue(sim, person, old.origin, old)


def _by_client_credentials(sim: Simulator, asked: Asked) -> Result:
    return client_credentials(sim, asked.tenant, asked.form, asked.client_id, asked.secret)


def issue(sim: Simulator, person: Person, origin: str, old: RefreshToken | None) -> dict[str, Any]:
    """The answer that ends a sign-in or a refresh."""
    now = sim.clock.now()
    body: dict[str, Any] = {
        "token_type": "Bearer",
        "scope": granted_scope(person.scopes),
        "expires_in": TOKEN_LIFE_SECONDS,
        "ext_expires_in": TOKEN_LIFE_SECONDS,
        "access_token": _access_token(sim, person),
    }
    if "offline_access" in person.scopes or old:
        made = RefreshToken(
            key=opaque_refresh(),
            client_id=person.app.client_id,
            tid=person.tenant.tid,
            oid=person.account.oid,
            scopes=list(person.scopes),
            issued=now,
            origin=origin,
            signed_in=old.signed_in if old else now,
        )
        body["refresh_token"] = sim.grants.refresh.put(made).key
    if "openid" in person.scopes:
        body["id_token"] = id_token(sim, person)
    return body | {"client_info": client_info(person)}


def _access_token(sim: Simulator, person: Person) -> str:
    audience = api_of(person.scopes)
    if audience is None:
        return graph_token(sim, person)
    return api_user_token(sim, person, audience, person.account.app_roles.get(API_CLIENT_ID, []))


def _capabilities(asked: Asked) -> tuple[str, ...]:
    return ("CP1",) if '"CP1"' in asked.form.get("claims", "") else ()


GRANTS: dict[str, Callable[[Simulator, Asked], Result]] = {
    DEVICE_GRANT: _by_device_code,
    "authorization_code": _by_code,
    "refresh_token": _by_refresh_token,
    "client_credentials": _by_client_credentials,
}
