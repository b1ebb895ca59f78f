"""Rules of what auth-svc knows of a customer: tenant, app registration, and the verdicts that config-svc gives."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from auth_svc.domain.model import FIRST_CHECK_AFTER, Access, Registration, next_check
from shared.contracts.events import (
    CustomerChanged,
    CustomerRegistered,
    CustomerRemoved,
    InForce,
    SwitchCancelled,
    SwitchCompleted,
    SwitchExpired,
    SwitchFailed,
    TenantPinned,
    TenantReleased,
    TenantResolved,
    TenantUnknown,
)
from shared.contracts.events import Registration as RegistrationPart
from shared.domain.rules import Change


def register(
    access: Access | None, event: CustomerRegistered | CustomerChanged, now: datetime
) -> Change[Access] | None:
    """A customer is new, or its master data changed. (One that was removed stays removed.)"""
    access = access or Access(id=event.customer)
    if access.removed:
        return None
    changed = replace(access, name=event.name)
    if event.tenant != access.tenant:
        changed = replace(changed, tenant=event.tenant, tenant_id=None, resolve_at=now, resolve_tries=0)
    return Change(_with_registration(changed, event.registration, now))


def _with_registration(access: Access, part: RegistrationPart | None, now: datetime) -> Access:
    old = access.registration
    if part is None or part.secret_change == "removed":
        bare = Registration(client_id=part.client_id, revision=part.revision) if part else None
        in_force: InForce = "token" if access.in_force == "token" else "none"
        return replace(access, registration=bare, in_force=in_force)
    if part.secret_change == "kept" and old is None:
        return replace(access, registration=Registration(client_id=part.client_id, revision=part.revision))
    if part.secret_change == "kept" and old is not None:
        kept = replace(old, client_id=part.client_id, revision=part.revision, secret_expires_on=part.secret_expires_on)
        if part.revision != old.revision:
            kept = replace(kept.proven(now + FIRST_CHECK_AFTER), known_good=False)
        return replace(access, registration=kept)
    new = Registration(
        client_id=part.client_id,
        revision=part.revision,
        jwe=part.secret,
        vault=None,
        secret_expires_on=part.secret_expires_on,
        check_at=now + FIRST_CHECK_AFTER,
        known_good=False,
    )
    in_force = "token" if access.in_force == "token" else "app_registration"
    return replace(access, registration=new, in_force=in_force)


def remove(access: Access | None, event: CustomerRemoved, now: datetime) -> Change[Access] | None:
    """Everything that was kept for the customer is erased; a tombstone stays."""
    if access is not None and access.removed:
        return None
    switch = access.switch if access else 0
    return Change(Access(id=event.customer, switch=switch, settled=switch, removed=True))


# --- the tenant ---------------------------------------------------------------------------------------------------


def keep_tenant_id(access: Access | None, asked: str, tenant_id: str, now: datetime) -> Change[Access] | None:
    """Microsoft named the tenant's GUID; config-svc says whose it is."""
    if access is None or access.removed or access.tenant != asked or access.resolve_at is None:
        return None
    event = TenantResolved(access.id, asked, tenant_id)
    return Change(replace(access, resolve_at=None, resolve_tries=0), (event,))


def report_unknown_tenant(
    access: Access | None, asked: str, reason: str, correlation_id: str | None, now: datetime
) -> Change[Access] | None:
    """There is no such tenant."""
    if access is None or access.removed or access.tenant != asked or access.resolve_at is None:
        return None
    event = TenantUnknown(customer=access.id, asked=asked, reason=reason, correlation_id=correlation_id)
    return Change(replace(access, resolve_at=None, resolve_tries=0), (event,))


def retry_resolution_later(access: Access | None, asked: str, now: datetime) -> Change[Access] | None:
    """Microsoft is busy: again after 2, 4, 8 ... seconds, at most 10 minutes."""
    if access is None or access.tenant != asked or access.resolve_at is None:
        return None
    wait = timedelta(seconds=min(600, 2 ** (access.resolve_tries + 1)))
    return Change(replace(access, resolve_at=now + wait, resolve_tries=access.resolve_tries + 1))


def pin(access: Access | None, event: TenantPinned, now: datetime) -> Change[Access] | None:
    if access is None or access.removed or access.tenant != event.asked:
        return None
    return Change(replace(access, tenant_id=event.tenant_id))


def release(access: Access | None, event: TenantReleased, now: datetime) -> Change[Access] | None:
    if access is None or access.tenant_id != event.tenant_id:
        return None
    return Change(replace(access, tenant_id=None))


# --- verdicts -----------------------------------------------------------------------------------------------------


def complete(access: Access | None, event: SwitchCompleted, now: datetime) -> Change[Access] | None:
    """What was proven comes into force; everything else that was claimed or kept for the other method's grant ends."""
    access = access or Access(id=event.customer)
    if access.removed or event.switch <= access.settled:
        return None
    settled = _settled(access, event.switch)
    if event.in_force == "token":
        grant = access.proposed if access.proposed and access.proposed.id == event.grant else access.grant
        return Change(replace(settled, in_force="token", grant=grant))
    registration = access.registration
    entered = access.proposed_registration
    if entered and event.revision is not None:
        registration = replace(entered, revision=event.revision)
    if registration:
        registration = registration.proven(next_check(access.id, now))
    return Change(replace(settled, in_force="app_registration", grant=None, registration=registration))


def end(
    access: Access | None, event: SwitchCancelled | SwitchExpired | SwitchFailed, now: datetime
) -> Change[Access] | None:
    """The switch ends without a change: what was claimed for it is erased."""
    access = access or Access(id=event.customer)
    if access.removed or event.switch <= access.settled:
        return None
    return Change(_settled(access, event.switch))


def _settled(access: Access, switch: int) -> Access:
    """The document without what belongs to switches up to this one."""
    ours = access.attempt is not None and access.attempt.switch > switch
    theirs = access.proposed is not None and access.proposed.switch > switch
    return replace(
        access,
        settled=switch,
        switch=max(access.switch, switch),
        attempt=access.attempt if ours else None,
        proposed=access.proposed if theirs else None,
        proposed_registration=access.proposed_registration if ours else None,
    )
