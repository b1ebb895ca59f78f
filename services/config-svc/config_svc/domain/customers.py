"""Rules of a customer's master data, its tenant, and whether its access works."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal

from config_svc.domain.model import SECRET_WARNINGS, Customer, Failure, Status, Waiting
from shared.contracts.events import (
    AccessLost,
    AccessNotProven,
    AccessProven,
    AccessRecovered,
    AccessUnanswered,
    Actor,
    AuthenticationValidated,
    CustomerChanged,
    CustomerRegistered,
    CustomerRemoved,
    Event,
    GrantRefreshed,
    InForce,
    Registration,
    SecretExpiring,
    SwitchCancelled,
    TenantPinned,
    TenantReleased,
    TenantTaken,
    TenantUnknown,
    ValidationRequested,
)
from shared.domain.rules import Change, Refused


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistrationInput:
    """An app registration as put: `secret_change` set carries the secret sealed for auth-svc."""

    client_id: str
    secret_change: Literal["set", "kept", "removed"] = "kept"
    secret: str | None = None
    secret_expires_on: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerInput:
    """A customer's master data as put; `edition` is what If-Match named (None: any).

    `registration` None with `keep_registration`: the put said nothing of it; without: it is removed.
    """

    name: str
    tenant: str
    reference: str | None = None
    registration: RegistrationInput | None = None
    keep_registration: bool = False
    edition: int | None = None


def put(customer: Customer | None, id: str, data: CustomerInput, by: Actor, now: datetime) -> Change[Customer] | None:
    """Registers a customer or changes its master data; nothing changed: nothing happens."""
    if customer is None:
        return _register(id, data, by, now)
    known(customer)
    data = _kept(customer, data)
    _may_change(customer, data)
    changed = _with_registration(replace(customer, name=data.name, reference=data.reference), data.registration)
    released: tuple[Event, ...] = ()
    if data.tenant != customer.tenant:
        released = (TenantReleased(id, customer.tenant_id),) if customer.tenant_id else ()
        changed = replace(changed, tenant=data.tenant, tenant_id=None, tenant_state="resolving", tenant_reason=None)
    if changed == customer:
        return None
    changed = replace(changed, edition=customer.edition + 1)
    said = CustomerChanged(
        customer=id,
        name=data.name,
        tenant=data.tenant,
        registration=_registration(changed, data.registration),
        reference=data.reference,
        by=by,
    )
    return Change(changed, (*released, said), _brief(changed))


def _kept(customer: Customer, data: CustomerInput) -> CustomerInput:
    if not data.keep_registration or customer.client_id is None:
        return data
    kept = RegistrationInput(
        client_id=customer.client_id, secret_change="kept", secret=None, secret_expires_on=customer.secret_expires_on
    )
    return replace(data, registration=kept)


def _register(id: str, data: CustomerInput, by: Actor, now: datetime) -> Change[Customer]:
    if data.edition is not None:
        raise Refused(
            "customer_unknown",
            "There is no such customer to change; leave out If-Match to register it.",
            status=412,
            field="If-Match",
        )
    bare = Customer(id=id, name=data.name, tenant=data.tenant, reference=data.reference, registered_at=now)
    customer = _with_registration(bare, data.registration)
    said = CustomerRegistered(
        customer=id,
        name=data.name,
        tenant=data.tenant,
        registration=_registration(customer, data.registration),
        reference=data.reference,
        by=by,
    )
    return Change(customer, (said,), _brief(customer))


def _may_change(customer: Customer, data: CustomerInput) -> None:
    _same_edition(customer, data.edition)
    tenant_changes = data.tenant != customer.tenant
    if tenant_changes and customer.grant:
        raise Refused(
            "grant_in_force", "Switch to app registration first: a token of this tenant is in force.", field="tenant"
        )
    registration_changes = _with_registration(customer, data.registration).revision != customer.revision
    if customer.running and (tenant_changes or registration_changes):
        raise Refused(
            "switch_running",
            "A switch is running; cancel it before changing tenant or app registration.",
            field="tenant" if tenant_changes else "app_registration",
        )


def _same_edition(customer: Customer, edition: int | None) -> None:
    if edition is not None and edition != customer.edition:
        raise Refused(
            "edition_changed",
            "Somebody changed this customer meanwhile; read it again and repeat.",
            status=412,
            field="If-Match",
        )


def _with_registration(customer: Customer, put: RegistrationInput | None) -> Customer:
    """The customer with this app registration; the method in force follows where there was none, or none is left."""
    if put is None:
        secret, client_id, expires = False, None, None
    else:
        secret = {"set": True, "kept": customer.secret, "removed": False}[put.secret_change]
        client_id, expires = put.client_id, put.secret_expires_on if secret else None
    new_secret = put is not None and put.secret_change == "set"
    warned = customer.secret_warned if expires == customer.secret_expires_on and not new_secret else None
    changed = replace(customer, client_id=client_id, secret=secret, secret_expires_on=expires, secret_warned=warned)
    if not new_secret and (client_id, secret) == (customer.client_id, customer.secret):
        return changed
    method: InForce = customer.method
    if method != "token":
        method = "app_registration" if secret else "none"
    if method == "token":
        return replace(changed, revision=customer.revision + 1)
    return replace(
        changed,
        revision=customer.revision + 1,
        method=method,
        status="unknown",
        since=None,
        failure=None,
        waiting=None,
        request=None,
    )


def _registration(customer: Customer, put: RegistrationInput | None) -> Registration | None:
    if put is None or customer.client_id is None:
        return None
    return Registration(
        client_id=customer.client_id,
        revision=customer.revision,
        secret_change=put.secret_change,
        secret=put.secret,
        secret_expires_on=customer.secret_expires_on,
    )


def remove(
    customer: Customer | None, id: str, by: Actor, now: datetime, edition: int | None = None
) -> Change[Customer]:
    """Ends switch, grant and invitation; the id is never used again."""
    customer = known(customer)
    _same_edition(customer, edition)
    events: list[Event] = []
    if switch := customer.running:
        events.append(
            SwitchCancelled(customer=id, switch=switch.number, reason="removed", invited=switch.invited, by=by)
        )
        switch = replace(switch, state="cancelled", ended_at=now, reason="removed")
    if customer.tenant_id:
        events.append(TenantReleased(id, customer.tenant_id))
    events.append(CustomerRemoved(id, by))
    gone = replace(
        customer,
        removed=True,
        switch=switch or customer.switch,
        grant=None,
        method="none",
        status="unknown",
        secret=False,
        client_id=None,
        secret_expires_on=None,
        request=None,
        waiting=None,
        tenant_id=None,
    )
    return Change(gone, tuple(events))


def known(customer: Customer | None) -> Customer:
    """The customer. Raises: Refused, where there is none or it was removed."""
    if customer is None:
        raise Refused("customer_unknown", "There is no such customer; register it first.", status=404)
    if customer.removed:
        raise Refused("removed", "This customer was removed; its id cannot be used again, register a new one.")
    return customer


def _brief(customer: Customer) -> dict[str, object]:
    return {"id": customer.id, "edition": customer.edition, "revision": customer.revision}


# --- the tenant ---------------------------------------------------------------------------------------------------


def pin(customer: Customer | None, event: TenantPinned, now: datetime) -> Change[Customer] | None:
    """The tenant is this customer's; if it wants another by now, the tenant is let go."""
    if customer is None:
        return None
    if customer.removed or customer.tenant != event.asked:
        if customer.tenant_id == event.tenant_id:
            return None
        return Change(customer, (TenantReleased(event.customer, event.tenant_id),))
    if customer.tenant_id == event.tenant_id:
        return None
    return Change(replace(customer, tenant_id=event.tenant_id, tenant_state="pinned", tenant_reason=None))


def tenant_missing(
    customer: Customer | None, event: TenantUnknown | TenantTaken, now: datetime
) -> Change[Customer] | None:
    """The tenant was not found, or belongs to somebody else: no switch before that is mended."""
    if customer is None or customer.removed or customer.tenant != event.asked:
        return None
    if isinstance(event, TenantTaken) and customer.tenant_id in (None, event.tenant_id):
        # Even if it was pinned: the tenant's own document decides, and it speaks in order. (Away from a tenant and
        # back at once, an older TenantPinned may still be on its way while somebody else takes the tenant.)
        return Change(replace(customer, tenant_id=None, tenant_state="taken", tenant_reason="tenant_taken"))
    if customer.tenant_id or isinstance(event, TenantTaken):
        return None
    return Change(replace(customer, tenant_state="unknown", tenant_reason=event.reason))


# --- validation and health ----------------------------------------------------------------------------------------


def request_validation(customer: Customer | None, request: str, by: Actor, now: datetime) -> Change[Customer]:
    """Asks auth-svc to prove the method in force."""
    customer = known(customer)
    if customer.method == "none":
        raise Refused("nothing_to_validate", "Enter an app registration, or switch to auth token, first.")
    if customer.tenant_id is None:
        raise unresolved(customer)
    grant = customer.grant.id if customer.grant and customer.method == "token" else None
    asked = replace(
        customer, status="checking", request=request, request_revision=customer.revision, request_grant=grant
    )
    said = ValidationRequested(
        customer=customer.id, request=request, method=customer.method, revision=customer.revision, grant=grant, by=by
    )
    return Change(asked, (said,), {"request": request})


def unresolved(customer: Customer) -> Refused:
    """Why nothing can be done before the tenant is known."""
    details = {
        "resolving": "The tenant is being looked up at Microsoft; try again in a moment.",
        "unknown": "The tenant was not found at Microsoft; correct the domain or tenant id.",
        "taken": "The tenant belongs to another customer; correct the tenant.",
    }
    return Refused("tenant_unresolved", details.get(customer.tenant_state, details["resolving"]), field="tenant")


def validated(customer: Customer | None, event: AuthenticationValidated, now: datetime) -> Change[Customer] | None:
    """A validation counts only if it proves just what was asked for last."""
    if customer is None or customer.removed or customer.request != event.request:
        return None
    expected = (customer.method, customer.request_revision, customer.request_grant)
    if (event.method, event.revision, event.grant) != expected:
        return None
    if event.outcome == "successful":
        return Change(_healthy(replace(customer, request=None), event.checked_at))
    failure = Failure(
        reason=event.reason or "refused", at=event.checked_at, aadsts=event.aadsts, correlation_id=event.correlation_id
    )
    return Change(_broken(replace(customer, request=None), failure))


def access_lost(
    customer: Customer | None, event: AccessLost | AccessNotProven, now: datetime
) -> Change[Customer] | None:
    """The access in force died, or could not be proven; the method stays what it is until somebody renews or switches.
    A validation that was asked for meanwhile is ended by its own answer."""
    if customer is None or not _in_force(customer, event):
        return None
    failure = Failure(reason=event.reason, at=now, aadsts=event.aadsts, correlation_id=event.correlation_id)
    lost = customer.grant is not None and event.method == "token"
    grant = replace(customer.grant, lost=True) if customer.grant and lost else customer.grant
    return Change(_broken(replace(customer, grant=grant), failure))


def access_proven(customer: Customer | None, event: AccessProven, now: datetime) -> Change[Customer] | None:
    """The daily look: whatever was known before, it works."""
    if customer is None or not _in_force(customer, event):
        return None
    return Change(_healthy(customer, event.proven_at))


def access_unanswered(customer: Customer | None, event: AccessUnanswered, now: datetime) -> Change[Customer] | None:
    """Microsoft gave no answer: status and reason are what they were, and one sees what is waited for."""
    if customer is None or customer.removed:
        return None
    changed = customer
    if event.request is not None and event.request == customer.request:
        changed = replace(changed, request=None, status=_status_before(customer))
    if _in_force(customer, event):
        waiting = Waiting(
            since=event.since, next_try=event.next_try, reason=event.reason, correlation_id=event.correlation_id
        )
        changed = replace(changed, waiting=waiting)
    return Change(changed) if changed != customer else None


def _status_before(customer: Customer) -> Status:
    """What the last answer of Microsoft said: a check that was asked for covers only the word."""
    return "failed" if customer.failure else "successful" if customer.since else "unknown"


def access_recovered(customer: Customer | None, event: AccessRecovered, now: datetime) -> Change[Customer] | None:
    """The access in force works again."""
    if customer is None or not _in_force(customer, event):
        return None
    return Change(_healthy(customer, now))


def _in_force(
    customer: Customer, event: AccessLost | AccessNotProven | AccessRecovered | AccessProven | AccessUnanswered
) -> bool:
    if customer.removed or event.method != customer.method:
        return False
    if event.method == "token" and isinstance(event, AccessLost | AccessRecovered | AccessUnanswered):
        return customer.grant is not None and customer.grant.id == event.grant
    return event.revision == customer.revision


def _healthy(customer: Customer, at: datetime) -> Customer:
    grant = replace(customer.grant, lost=False) if customer.grant else None
    since = customer.since if customer.failure is None else None
    return replace(
        customer, status="successful", checked_at=at, since=since or at, failure=None, waiting=None, grant=grant
    )


def _broken(customer: Customer, failure: Failure) -> Customer:
    since = customer.since if customer.failure else None
    return replace(
        customer, status="failed", checked_at=failure.at, since=since or failure.at, failure=failure, waiting=None
    )


def refreshed(customer: Customer | None, event: GrantRefreshed, now: datetime) -> Change[Customer] | None:
    """The grant was used, which proves it, and its 90 days begin anew."""
    if customer is None or customer.removed or customer.grant is None or customer.grant.id != event.grant:
        return None
    renewed = replace(customer, grant=replace(customer.grant, expires_at=event.expires_at))
    return Change(_healthy(renewed, event.refreshed_at) if customer.method == "token" else renewed)


# --- the secret's expiry ------------------------------------------------------------------------------------------


def next_secret_warning(customer: Customer) -> datetime | None:
    """When the operators are to be told next that the secret expires."""
    if customer.removed or not customer.secret or not customer.secret_expires_on:
        return None
    end = _day(customer.secret_expires_on)
    left = [days for days in SECRET_WARNINGS if customer.secret_warned is None or days < customer.secret_warned]
    return end - timedelta(days=left[0]) if left else None


def warn_of_secret(customer: Customer, now: datetime) -> Change[Customer] | None:
    """Says once per step (30, 14, 7, 1 days) how long the secret still lives."""
    at = next_secret_warning(customer)
    if at is None or at > now or customer.secret_expires_on is None:
        return None
    left = max(0, (_day(customer.secret_expires_on) - now).days)
    step = min((days for days in SECRET_WARNINGS if days >= left), default=SECRET_WARNINGS[0])
    said = SecretExpiring(
        customer=customer.id,
        customer_name=customer.name,
        revision=customer.revision,
        days_left=left,
        expires_on=customer.secret_expires_on,
    )
    return Change(replace(customer, secret_warned=step), (said,))


def _day(iso: str) -> datetime:
    return datetime.combine(date.fromisoformat(iso), time(), UTC)
