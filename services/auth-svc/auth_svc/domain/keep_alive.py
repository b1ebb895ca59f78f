"""Rules of access in force: each question to Microsoft ends as proven, refused or unanswered.

Only the first two change what is known. Unanswered is asked again soon; so is whatever is our own fault, not the
customer's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

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
    AccessNotProven,
    AccessProven,
    AccessRecovered,
    AccessUnanswered,
    AuthenticationValidated,
    Event,
    GrantRefreshed,
    InForce,
    ValidationRequested,
)
from shared.domain.rules import Change

OURS: Mapping[InForce, frozenset[str]] = {
    "token": frozenset(
        {
            "our_request",
            "key_missing",
            "unreadable",
            "token_invalid",
            "clock_differs",
            "client_refused",
            "not_a_public_client",
            "wrong_client_type",
        }
    ),
    "app_registration": frozenset({"our_request", "key_missing", "unreadable", "token_invalid", "clock_differs"}),
}
"""Reasons that blame the provider's own applications, settings, keys, clock or code: no word of Microsoft about the
customer. (The client of an app registration is the customer's own.)"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unanswered:
    """Microsoft gave no answer about this customer."""

    reason: str
    retry_after: int = 0
    """Seconds that Microsoft asks to wait, at least."""
    aadsts: int | None = None
    correlation_id: str | None = None


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


def leave_validation(
    access: Access | None, asked: Validation, unanswered: Unanswered, now: datetime
) -> Change[Access] | None:
    """The request ends without an answer; what it was about is asked again soon, by itself."""
    if access is None or access.validation != asked:
        return None
    ended = replace(access, validation=None)
    if asked.method == "token":
        grant = access.grant.id if access.grant and asked.grant is None else asked.grant or ""
        waiting = await_grant(ended, grant, unanswered, now, asked.request)
    else:
        waiting = await_registration(ended, asked.revision, unanswered, now, asked.request)
    return waiting or Change(ended)


def _next_try(tries: int, unanswered: Unanswered, now: datetime) -> datetime:
    return max(retry_at(tries, now), now + timedelta(seconds=unanswered.retry_after))


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
    alive = replace(
        newer,
        expires_at=expires,
        lost=False,
        reason=None,
        tries=0,
        unanswered_since=None,
        refresh_at=next_check(grant_id, now),
    )
    events: list[Event] = [GrantRefreshed(customer=access.id, grant=grant_id, refreshed_at=now, expires_at=expires)]
    if grant.lost:
        events.append(AccessRecovered(customer=access.id, customer_name=access.name, method="token", grant=grant_id))
    return Change(replace(access, grant=alive, claims=None), tuple(events))


def lose_grant(access: Access | None, grant_id: str, refusal: Refusal, now: datetime) -> Change[Access] | None:
    """Microsoft refuses the grant: said once, tried again daily."""
    grant = _grant(access, grant_id)
    if access is None or grant is None:
        return None
    lost = replace(
        grant, lost=True, reason=refusal.reason, tries=0, unanswered_since=None, refresh_at=next_check(grant_id, now)
    )
    changed = replace(access, grant=lost, claims=refusal.claims)
    again = grant.lost and grant.reason == refusal.reason
    if again and grant.unanswered_since is None:
        return Change(changed)
    event = AccessLost(
        customer=access.id,
        customer_name=access.name,
        method="token",
        reason=refusal.reason,
        revision=0,
        grant=grant_id,
        aadsts=refusal.aadsts,
        correlation_id=refusal.correlation_id,
        again=again,
    )
    return Change(changed, (event,))


def await_grant(
    access: Access | None, grant_id: str, unanswered: Unanswered, now: datetime, request: str | None = None
) -> Change[Access] | None:
    """No answer: again after 1, 2, 4 ... minutes, at most an hour, and not before Microsoft wants it."""
    grant = _grant(access, grant_id)
    if access is None or grant is None:
        return None
    at, since = _next_try(grant.tries, unanswered, now), grant.unanswered_since or now
    waiting = replace(grant, tries=grant.tries + 1, unanswered_since=since, refresh_at=at)
    event = AccessUnanswered(
        customer=access.id,
        method="token",
        reason=unanswered.reason,
        since=since,
        next_try=at,
        grant=grant_id,
        request=request,
        aadsts=unanswered.aadsts,
        correlation_id=unanswered.correlation_id,
    )
    return Change(replace(access, grant=waiting), (event,))


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
    events: list[Event] = [
        AccessProven(customer=access.id, method="app_registration", proven_at=now, revision=revision)
    ]
    if registration.lost and registration.known_good:
        events.append(
            AccessRecovered(customer=access.id, customer_name=access.name, method="app_registration", revision=revision)
        )
    return Change(replace(access, registration=alive), tuple(events))


def lose_registration(access: Access | None, revision: int, refusal: Refusal, now: datetime) -> Change[Access] | None:
    """Microsoft refuses the registration in force: said once, tried again daily. It is lost only if it ever worked."""
    registration = _registration(access, revision)
    if access is None or registration is None:
        return None
    check_at = next_check(access.id, now)
    lost = replace(registration, lost=True, reason=refusal.reason, tries=0, unanswered_since=None, check_at=check_at)
    again = registration.lost and registration.reason == refusal.reason
    if again and registration.unanswered_since is None:
        return Change(replace(access, registration=lost))
    said = AccessLost if registration.known_good else AccessNotProven
    event = said(
        customer=access.id,
        customer_name=access.name,
        method="app_registration",
        reason=refusal.reason,
        revision=revision,
        aadsts=refusal.aadsts,
        correlation_id=refusal.correlation_id,
        again=again,
    )
    return Change(replace(access, registration=lost), (event,))


def await_registration(
    access: Access | None, revision: int, unanswered: Unanswered, now: datetime, request: str | None = None
) -> Change[Access] | None:
    """No answer: asked again as a grant is."""
    registration = _registration(access, revision)
    if access is None or registration is None:
        return None
    at, since = _next_try(registration.tries, unanswered, now), registration.unanswered_since or now
    waiting = replace(registration, tries=registration.tries + 1, unanswered_since=since, check_at=at)
    event = AccessUnanswered(
        customer=access.id,
        method="app_registration",
        reason=unanswered.reason,
        since=since,
        next_try=at,
        revision=revision,
        request=request,
        aadsts=unanswered.aadsts,
        correlation_id=unanswered.correlation_id,
    )
    return Change(replace(access, registration=waiting), (event,))


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
