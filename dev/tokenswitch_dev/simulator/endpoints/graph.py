"""Microsoft Graph, as far as a connection is checked with it; roles are read live, not from the token."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from tokenswitch_dev.simulator.directory.directory import ROLE_NAMES, Account, Tenant
from tokenswitch_dev.simulator.endpoints.tokens import GRAPH, TOKEN_LIFE_SECONDS
from tokenswitch_dev.simulator.simulator import Simulator
from tokenswitch_dev.simulator.wire.calls import Answer, Call, answer
from tokenswitch_dev.simulator.wire.errors import CLAIMS
from tokenswitch_dev.simulator.wire.faults import Fault, graph_fault

METADATA = "https://graph.microsoft.com/v1.0/$metadata"
DENIED = (403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")
EXPIRED = (401, "InvalidAuthenticationToken", "Lifetime validation failed, the token is expired.")
DELEGATED_ONLY = (400, "BadRequest", "/me request is only valid with delegated authentication flow.")
ABSENT = "Resource '{}' does not exist or one of its queried reference-property objects are not present."
Failure = tuple[int, str, str]


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Who holds the token: an application for itself (no account), or for a person."""

    sim: Simulator
    tenant: Tenant
    account: Account | None
    allowed: frozenset[str]
    app_id: str


def graph(sim: Simulator, call: Call) -> Answer:
    if not call.bearer:
        return _failed(call, (401, "InvalidAuthenticationToken", "Access token is empty."))
    claims = sim.keys.read_graph(call.bearer)
    caller = _caller(sim, claims) if claims else None
    if claims is None or caller is None:
        text = (
            "IDX14100: JWT is not well formed, there are no dots (.)."
            if "." not in call.bearer
            else ("Invalid x5t claim.")
        )
        return _failed(call, (401, "InvalidAuthenticationToken", text))
    stopped = _stopped(sim, call, caller, claims)
    return stopped or _routed(call, caller)


def _caller(sim: Simulator, claims: dict[str, Any]) -> Caller | None:
    tenant = sim.directory.tenants.get(claims["tid"])
    account = sim.directory.account(claims["tid"], claims["oid"]) if claims["idtyp"] == "user" else None
    allowed = claims["scp"].split() if claims["idtyp"] == "user" else claims["roles"]
    if tenant is None or (account is None and claims["idtyp"] == "user"):
        return None
    return Caller(sim=sim, tenant=tenant, account=account, allowed=frozenset(allowed), app_id=claims["appid"])


def _stopped(sim: Simulator, call: Call, caller: Caller, claims: dict[str, Any]) -> Answer | None:
    fault = sim.faults.hit("graph", caller.tenant, caller.account.login if caller.account else caller.app_id)
    if fault:
        return _faulty(sim, call, caller, fault)
    age = sim.clock.now() - claims["xms_sim"]
    if age > TOKEN_LIFE_SECONDS + 300:
        return _failed(call, EXPIRED)
    watched = caller.account and "CP1" in claims.get("xms_cc", [])
    revoked = caller.account is not None and caller.account.revoked_at >= claims["xms_sim"]
    return _challenged(sim, call, caller) if watched and revoked else None


def _faulty(sim: Simulator, call: Call, caller: Caller, fault: Fault) -> Answer:
    if fault.code == "cae":
        return _challenged(sim, call, caller)
    failure = graph_fault(fault)
    if isinstance(failure, Answer):
        return failure
    busy = {"retry-after": str(fault.retry_after)} if failure[0] in (429, 503) else {}
    return _failed(call, failure, busy)


def _challenged(sim: Simulator, call: Call, caller: Caller) -> Answer:
    """Continuous access evaluation: the token is no longer good, and the claims say how to get another."""
    wanted = base64.b64encode(CLAIMS.encode()).decode()
    header = (
        f'Bearer realm="", authorization_uri="{sim.authority}/common/oauth2/authorize", client_id="{GRAPH}", '
        f'error="insufficient_claims", claims="{wanted}"'
    )
    text = "Continuous access evaluation resulted in challenge with result: InteractionRequired and code: "
    return _failed(
        call,
        (401, "InvalidAuthenticationToken", text + "TokenIssuedBeforeRevocationTimestamp"),
        {"www-authenticate": header},
    )


def _failed(call: Call, failure: Failure, headers: dict[str, str] | None = None) -> Answer:
    status, code, message = failure
    request_id = str(uuid4())
    inner = {
        "date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S"),
        "request-id": request_id,
        "client-request-id": call.headers.get("client-request-id", request_id),
    }
    body = {"error": {"code": code, "message": message, "innerError": inner}}
    return answer(body, status, {"request-id": request_id, **(headers or {})})


def _routed(call: Call, caller: Caller) -> Answer:
    for method, pattern, handler in ROUTES:
        match = re.fullmatch(pattern, call.path.removeprefix("/v1.0"))
        if match and method == call.method:
            result = handler(caller, call, *match.groups())
            return _failed(call, result) if isinstance(result, tuple) else answer(result)
    segment = call.path.removeprefix("/v1.0/").partition("/")[0]
    return _failed(call, (400, "BadRequest", f"Resource not match for the segment '{segment}'."))


def _me(caller: Caller, _call: Call) -> dict[str, Any] | Failure:
    if caller.account is None:
        return DELEGATED_ONLY
    if not _may(caller, "User.Read", "User.ReadBasic.All", "Directory.Read.All"):
        return DENIED
    account = caller.account
    given, _, surname = account.name.partition(" ")
    return {
        "@odata.context": f"{METADATA}#users/$entity",
        "businessPhones": [],
        "displayName": account.name or account.upn,
        "givenName": given or None,
        "jobTitle": None,
        "mail": account.login,
        "mobilePhone": None,
        "officeLocation": None,
        "preferredLanguage": None,
        "surname": surname or None,
        "userPrincipalName": account.upn,
        "id": account.oid,
    } | _selected(account, _call)


def _selected(account: Account, call: Call) -> dict[str, Any]:
    """userType is not among the default properties; it comes when asked for."""
    wanted = call.query.get("$select", "").split(",")
    return {"userType": "Guest" if account.home else "Member"} if "userType" in wanted else {}


def _organization(caller: Caller, _call: Call) -> dict[str, Any] | Failure:
    tenant = caller.tenant
    full = _may(caller, "Organization.Read.All", "Directory.Read.All")
    if not full and not (caller.account and _may(caller, "User.Read")):
        return DENIED
    domain = {
        "capabilities": "Email, OfficeCommunicationsOnline",
        "isDefault": True,
        "isInitial": False,
        "name": tenant.domain,
        "type": "Managed",
    }
    known: dict[str, Any] = {"id": tenant.tid, "displayName": tenant.name, "verifiedDomains": [domain]}
    more = ("countryLetterCode", "createdDateTime", "tenantType", "technicalNotificationMails")
    values = ("DE", "2020-01-01T00:00:00Z", "AAD", [f"it@{tenant.domain}"])
    rest = dict(zip(more, values if full else (None,) * 4, strict=True))
    return {"@odata.context": f"{METADATA}#organization", "value": [known | rest]}


def _member_of(caller: Caller, _call: Call) -> dict[str, Any] | Failure:
    if caller.account is None:
        return DELEGATED_ONLY
    if not _may(caller, "User.Read", "Directory.Read.All"):
        return DENIED
    named = _may(caller, "RoleManagement.Read.Directory", "Directory.Read.All")
    rows = [_role(caller.tenant, role, named) for role in caller.account.roles]
    return {"@odata.context": f"{METADATA}#directoryRoles", "value": rows}


def _role(tenant: Tenant, template: str, named: bool) -> dict[str, Any]:
    """Without the right to read roles Graph gives the object, but neither name nor template."""
    return {
        "@odata.type": "#microsoft.graph.directoryRole",
        "id": tenant.tid[:8] + template[8:],
        "deletedDateTime": None,
        "description": None,
        "displayName": ROLE_NAMES.get(template, "Directory role") if named else None,
        "roleTemplateId": template if named else None,
    }


def _check_member_objects(caller: Caller, call: Call) -> dict[str, Any] | Failure:
    if caller.account is None:
        return DELEGATED_ONLY
    ids = call.json().get("ids")
    if not isinstance(ids, list) or not ids:
        return (400, "Request_BadRequest", "A value is required for property 'ids' of resource 'User'.")
    if len(ids) > 20:
        return (400, "Request_BadRequest", "Too many ids: at most 20 can be checked in one request.")
    if not _may(caller, "User.Read", "Directory.Read.All"):
        return DENIED
    held = [wanted for wanted in ids if wanted in caller.account.roles]
    return {"@odata.context": f"{METADATA}#Collection(Edm.String)", "value": held}


def _service_principal(caller: Caller, _call: Call, app_id: str) -> dict[str, Any] | Failure:
    if not _may(caller, "Application.Read.All", "Directory.Read.All"):
        return DENIED
    app = caller.sim.directory.app(app_id)
    present = app and (app.tenant == caller.tenant.tid or app.client_id in caller.tenant.consents)
    if app is None or not present:
        return (404, "Request_ResourceNotFound", ABSENT.format(app_id))
    return {
        "@odata.context": f"{METADATA}#servicePrincipals/$entity",
        "id": app.client_id,
        "appId": app.client_id,
        "accountEnabled": app.enabled,
        "displayName": app.name,
        "appOwnerOrganizationId": app.tenant,
        "servicePrincipalType": "Application",
        "replyUrls": app.redirect_uris,
    }


def _may(caller: Caller, *wanted: str) -> bool:
    return not caller.allowed.isdisjoint(wanted)


ROUTES: tuple[tuple[str, str, Callable[..., dict[str, Any] | Failure]], ...] = (
    ("GET", r"/me", _me),
    ("GET", r"/organization", _organization),
    ("GET", r"/me/memberOf", _member_of),
    ("GET", r"/me/transitiveMemberOf/microsoft\.graph\.directoryRole", _member_of),
    ("GET", r"/me/memberOf/microsoft\.graph\.directoryRole", _member_of),
    ("GET", r"/me/transitiveMemberOf", _member_of),
    ("POST", r"/me/checkMemberObjects", _check_member_objects),
    ("GET", r"/servicePrincipals\(appId='([^']+)'\)", _service_principal),
)
