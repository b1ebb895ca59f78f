"""Rules of access in force: validation on request, keep-alive, lost and recovered."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from auth_svc.domain.attempts import Refusal
from auth_svc.domain.model import (
    Access,
    Envelope,
    Grant,
    Registration,
    Validation,
    next_check,
    retry_at,
)
from shared.contracts.events import (
    GRANT_LIFE,
    AccessLost,
    AccessRecovered,
    AuthenticationValidated,
    Event,
    GrantRefreshed,
    ValidationRequested,
)
from shared.domain.rules import Change


def request_validation(access: Access | None, event: ValidationRequested, now: datetime) -> Change[Access] | None:
    """config-svc wants the method in force proven; the newest request replaces one not yet answered."""
    access = access or Access(id=event.customer)
    if access.removed:
        return None
    asked = Validation(request=event.request, method=event.method, revision=event.revision, grant=event.grant, at=now)
    return Change(replace(access, validation=asked))


def answer_validation(
    access: Access | None, asked: Validation, refusal: Refusal | None, now: datetime
) -> Change[Access] | None:
    """The answer to just this request; what it says about the access in force is taken in as well."""
    if access is None or access.validation != asked:
        return None
    event = AuthenticationValidated(
        customer=access.id,
        request=asked.request,
        method=asked.method,
        outcome="failed" if refusal else "successful",
        checked_at=now,
        revision=asked.revision,
        grant=asked.grant,
        reason=refusal.reason if refusal else None,
        aadsts=refusal.aadsts if refusal else None,
        correlation_id=refusal.correlation_id if refusal else None,
    )
    return Change(replace(access, validation=None), (event,))


# --- a grant ------------------------------------------------------------------------------------------------------


def _grant(access: Access | None, grant_id: str) -> Grant | None:
    return access.grant if access and access.grant and access.grant.id == grant_id else None


def keep_cache(access: Access | None, grant_id: str, rev: int, cache: Envelope, now: datetime) -> Change[Access] | None:
    """A newer token cache. Of parallel refreshes one wins per revision; what the losers got works too."""
    grant = _grant(access, grant_id)
    if access is None or grant is None or grant.rev != rev:
        return None
    return Change(replace(access, grant=replace(grant, cache=cache, rev=rev + 1)))


def renew_grant(
    access: Access | None, grant_id: str, rev: int, cache: Envelope, now: datetime
) -> Change[Access] | None:
    """The keep-alive worked: 90 days begin anew."""
    grant = _grant(access, grant_id)
    if access is None or grant is None:
        return None
    expires = now + GRANT_LIFE
    newer = replace(grant, cache=cache, rev=rev + 1) if grant.rev == rev else grant
    alive = replace(newer, expires_at=expires, lost=False, reason=None, tries=0, refresh_at=next_check(grant_id, now))
    events: list[Event] = [GrantRefreshed(customer=access.id, grant=grant_id, refreshed_at=now, expires_at=expires)]
    if grant.lost:
        events.append(AccessRecovered(customer=access.id, customer_name=access.name, method="token", grant=grant_id))
    return Change(replace(access, grant=alive), tuple(events))


def lose_grant(access: Access | None, grant_id: str, refusal: Refusal, now: datetime) -> Change[Access] | None:
    """Microsoft refuses the grant: said once, tried again daily."""
    grant = _grant(access, grant_id)
    if access is None or grant is None:
        return None
    lost = replace(grant, lost=True, reason=refusal.reason, tries=0, refresh_at=next_check(grant_id, now))
    if grant.lost and grant.reason == refusal.reason:
        return Change(replace(access, grant=lost))
    event = AccessLost(
        customer=access.id,
        customer_name=access.name,
        method="token",
        reason=refusal.reason,
        revision=0,
        grant=grant_id,
        aadsts=refusal.aadsts,
        correlation_id=refusal.correlation_id,
    )
    return Change(replace(access, grant=lost), (event,))


def retry_grant_later(access: Access | None, grant_id: str, now: datetime) -> Change[Access] | None:
    """Microsoft is busy: again after 5, 10, 20 ... minutes, at most 6 hours."""
    grant = _grant(access, grant_id)
    if access is None or grant is None:
        return None
    return Change(replace(access, grant=replace(grant, tries=grant.tries + 1, refresh_at=retry_at(grant.tries, now))))


# --- an app registration ------------------------------------------------------------------------------------------


def _registration(access: Access | None, revision: int) -> Registration | None:
    registration = access.registration if access else None
    return registration if registration and registration.revision == revision else None


def keep_secret(access: Access | None, revision: int, vault: Envelope, now: datetime) -> Change[Access] | None:
    """The secret is in auth-svc's own vault now; the form in which it came is forgotten."""
    registration = _registration(access, revision)
    if access is None or registration is None:
        return None
    return Change(replace(access, registration=replace(registration, jwe=None, vault=vault)))


def lose_secret(access: Access | None, revision: int, now: datetime) -> Change[Access] | None:
    """The secret that came cannot be opened (a lost key): there is none on file, and operators are told."""
    registration = _registration(access, revision)
    if access is None or registration is None:
        return None
    gone = replace(registration, jwe=None, vault=None, lost=True, reason="secret_missing", check_at=None)
    event = AccessLost(
        customer=access.id,
        customer_name=access.name,
        method="app_registration",
        reason="secret_missing",
        revision=revision,
    )
    return Change(replace(access, registration=gone), (event,))


def confirm_registration(access: Access | None, revision: int, now: datetime) -> Change[Access] | None:
    registration = _registration(access, revision)
    if access is None or registration is None:
        return None
    alive = registration.proven(next_check(access.id, now))
    events: tuple[Event, ...] = ()
    if registration.lost:
        events = (
            AccessRecovered(
                customer=access.id, customer_name=access.name, method="app_registration", revision=revision
            ),
        )
    return Change(replace(access, registration=alive), events)


def lose_registration(access: Access | None, revision: int, refusal: Refusal, now: datetime) -> Change[Access] | None:
    """Microsoft refuses the registration in force: said once, tried again daily."""
    registration = _registration(access, revision)
    if access is None or registration is None:
        return None
    lost = replace(registration, lost=True, reason=refusal.reason, tries=0, check_at=next_check(access.id, now))
    if registration.lost and registration.reason == refusal.reason:
        return Change(replace(access, registration=lost))
    event = AccessLost(
        customer=access.id,
        customer_name=access.name,
        method="app_registration",
        reason=refusal.reason,
        revision=revision,
        grant=None,
        aadsts=refusal.aadsts,
        correlation_id=refusal.correlation_id,
    )
    return Change(replace(access, registration=lost), (event,))


def retry_registration_later(access: Access | None, revision: int, now: datetime) -> Change[Access] | None:
    registration = _registration(access, revision)
    if access is None or registration is None:
        return None
    later = replace(registration, tries=registration.tries + 1, check_at=retry_at(registration.tries, now))
    return Change(replace(access, registration=later))


# --- deadlines ----------------------------------------------------------------------------------------------------


def due_times(access: Access) -> dict[str, datetime]:
    """What is to be done, and when (job `keep`)."""
    if access.removed:
        return {}
    registration, grant = access.registration, access.grant
    due: dict[str, datetime | None] = {
        "reseal": _AT_ONCE if registration and registration.jwe else None,
        "resolve": access.resolve_at,
        "validate": access.validation.at if access.validation else None,
        "refresh": grant.refresh_at if grant and access.in_force == "token" else None,
        "prove": registration.check_at if registration and access.in_force == "app_registration" else None,
    }
    return {name: at for name, at in due.items() if at is not None}


def next_deadline(access: Access) -> datetime | None:
    return min(due_times(access).values(), default=None)


_AT_ONCE = datetime.fromisoformat("2000-01-01T00:00:00+00:00")
