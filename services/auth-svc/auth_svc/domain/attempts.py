"""Rules of a sign-in attempt: started, shown, returned, redeemed, checked, claimed. What is late is dropped.

Redemption leaves a mark before (`redeeming`) and after (`redeemed`, the answer sealed): a single-use code that was
spent without an answer stored is an honest "once more".
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from auth_svc.domain.model import (
    Access,
    Attempt,
    AttemptState,
    Envelope,
    Grant,
    Registration,
    next_check,
)
from shared.contracts.events import (
    ATTEMPT_LIMIT,
    GRANT_LIFE,
    Account,
    AppRegistrationProven,
    AuthenticationFailed,
    AuthenticationStarted,
    AuthenticationStopped,
    DeviceCodeIssued,
    SignInReady,
    SignInReturned,
    SwitchRequested,
    TokenClaimed,
)
from shared.domain.rules import Change


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why an attempt or a check failed: a code of `contracts.reasons` and what Microsoft said to quote."""

    reason: str
    aadsts: int | None = None
    correlation_id: str | None = None
    trace_id: str | None = None
    account: Account | None = None
    claims: str | None = None
    """What Microsoft demands of the next sign-in, as JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What the checks found about a sign-in."""

    account: Account
    tenant_id: str
    roles: tuple[str, ...]
    scopes: tuple[str, ...]
    cache: Envelope


# --- facts --------------------------------------------------------------------------------------------------------


def begin_switch(access: Access | None, event: SwitchRequested, now: datetime) -> Change[Access] | None:
    """A switch begins. Without an invitee the stored app registration is proven at once, as attempt 1."""
    access = access or Access(id=event.customer)
    if access.removed or event.switch <= max(access.switch, access.settled):
        return None
    begun = replace(
        access,
        switch=event.switch,
        to=event.to,
        invited=event.invitee is not None,
        attempt=None,
        proposed=None,
        proposed_registration=None,
    )
    if event.invitee is None:
        own = Attempt(
            switch=event.switch,
            number=1,
            method="app_registration",
            state="started",
            started_at=now,
            tenant_id=event.tenant_id,
            stored=True,
            expires_at=event.expires_at,
            next=now,
        )
        begun = replace(begun, attempt=own)
    return Change(begun)


def start(access: Access | None, event: AuthenticationStarted, now: datetime) -> Change[Access] | None:
    """The invitee started a sign-in: it replaces an older one that has not claimed."""
    access = access or Access(id=event.customer)
    if access.removed or event.switch <= access.settled or event.switch < access.switch or access.proposed:
        return None
    if access.proposed_registration or (access.attempt and access.attempt.place >= (event.switch, event.attempt)):
        return None
    attempt = Attempt(
        switch=event.switch,
        number=event.attempt,
        method=event.method,
        state="started",
        started_at=now,
        tenant_id=event.tenant_id,
        accepted_roles=event.accepted_roles,
        login_hint=event.login_hint,
        stored=False,
        credentials=event.credentials,
        expires_at=now + ATTEMPT_LIMIT,
        next=now,
    )
    return Change(replace(access, switch=event.switch, attempt=attempt))


def stop(access: Access | None, event: AuthenticationStopped, now: datetime) -> Change[Access] | None:
    """The attempt was left. One that has claimed is not stopped; one that is not known yet is remembered as stopped."""
    access = access or Access(id=event.customer)
    if access.removed or event.switch <= access.settled or event.switch < access.switch:
        return None
    place = (event.switch, event.attempt)
    current = access.attempt
    if current and (current.place > place or not current.open):
        return None
    if current is None or current.place < place:
        current = Attempt(
            switch=event.switch, number=event.attempt, method="sign_in", state="started", started_at=now, tenant_id=""
        )
    return Change(replace(access, switch=event.switch, attempt=_closed(current, "stopped", event.reason)))


def take_answer(access: Access | None, event: SignInReturned, now: datetime) -> Change[Access] | None:
    """Microsoft sent the browser back with an answer."""
    attempt = current(access, (event.switch, event.attempt), "sign_in_ready")
    if access is None or attempt is None:
        return None
    return Change(replace(access, attempt=replace(attempt, state="returned", answer=event.answer, next=now)))


# --- what due work came to ----------------------------------------------------------------------------------------


def current(access: Access | None, place: tuple[int, int], *states: AttemptState) -> Attempt | None:
    """The attempt at this place, if it is the current one and in one of these states."""
    attempt = access.attempt if access else None
    return attempt if attempt and attempt.place == place and attempt.state in states else None


def issue_code(
    access: Access | None, place: tuple[int, int], flow: Envelope, code: str, uri: str, expires: datetime, now: datetime
) -> Change[Access] | None:
    """A device code: sealed for the wizard, its flow sealed for whoever polls it."""
    attempt = current(access, place, "started")
    if access is None or attempt is None:
        return None
    issued = replace(attempt, state="code_issued", flow=flow, expires_at=expires, next=now)
    event = DeviceCodeIssued(
        customer=access.id,
        switch=attempt.switch,
        attempt=attempt.number,
        code=code,
        verification_uri=uri,
        expires_at=expires,
    )
    return Change(replace(access, attempt=issued), (event,))


def offer_sign_in(
    access: Access | None, place: tuple[int, int], flow: Envelope, url: str, expires: datetime, now: datetime
) -> Change[Access] | None:
    """The address at Microsoft: sealed for the wizard; state, nonce and verifier stay here, sealed."""
    attempt = current(access, place, "started")
    if access is None or attempt is None:
        return None
    ready = replace(attempt, state="sign_in_ready", flow=flow, expires_at=expires, next=expires)
    event = SignInReady(customer=access.id, switch=attempt.switch, attempt=attempt.number, url=url, expires_at=expires)
    return Change(replace(access, attempt=ready), (event,))


def mark_redeeming(access: Access | None, place: tuple[int, int], now: datetime) -> Change[Access] | None:
    """The mark before a single-use code is spent."""
    attempt = current(access, place, "returned")
    if access is None or attempt is None:
        return None
    return Change(replace(access, attempt=replace(attempt, state="redeeming", next=now)))


def keep_redemption(
    access: Access | None, place: tuple[int, int], answer: Envelope, now: datetime
) -> Change[Access] | None:
    """Microsoft's answer, kept before it is checked. It beats another holder's failure, not a stop."""
    attempt = current(access, place, "code_issued", "returned", "redeeming", "failed")
    if access is None or attempt is None:
        return None
    kept = replace(attempt, state="redeemed", redeemed=answer, flow=None, answer=None, reason=None, next=now)
    return Change(replace(access, attempt=kept))


def propose_grant(
    access: Access | None, place: tuple[int, int], grant_id: str, proof: Proof, now: datetime
) -> Change[Access] | None:
    """All checks passed: the grant is proposed; it serves nobody before config-svc's verdict."""
    attempt = current(access, place, "redeemed")
    if access is None or attempt is None:
        return None
    expires = now + GRANT_LIFE
    grant = Grant(
        id=grant_id,
        switch=attempt.switch,
        account=proof.account,
        tenant_id=proof.tenant_id,
        method=attempt.method,
        roles=proof.roles,
        scopes=proof.scopes,
        cache=proof.cache,
        claimed_at=now,
        expires_at=expires,
        refresh_at=next_check(grant_id, now),
    )
    event = TokenClaimed(
        customer=access.id,
        switch=attempt.switch,
        attempt=attempt.number,
        grant=grant_id,
        account=proof.account,
        tenant_id=proof.tenant_id,
        roles=proof.roles,
        scopes=proof.scopes,
        method=attempt.method,
        claimed_at=now,
        expires_at=expires,
    )
    done = replace(access, attempt=_closed(attempt, "claimed", None), proposed=grant, claims=None)
    return Change(done, (event,))


def propose_registration(
    access: Access | None, place: tuple[int, int], client_id: str, entered: Envelope | None, now: datetime
) -> Change[Access] | None:
    """An app registration answered for the tenant: the entered one is proposed, the stored one stays where it is."""
    attempt = current(access, place, "started")
    if access is None or attempt is None:
        return None
    proposed = Registration(client_id=client_id, revision=0, vault=entered) if entered else None
    revision = access.registration.revision if access.registration and not entered else 0
    event = AppRegistrationProven(
        customer=access.id,
        switch=attempt.switch,
        attempt=attempt.number,
        client_id=client_id,
        source="proposed" if entered else "stored",
        revision=revision,
    )
    done = replace(access, attempt=_closed(attempt, "claimed", None), proposed_registration=proposed)
    return Change(done, (event,))


def fail(access: Access | None, place: tuple[int, int], refusal: Refusal, now: datetime) -> Change[Access] | None:
    """The attempt ends; whatever it held is erased in the same write. Nothing fails after a claim."""
    attempt = access.attempt if access else None
    if access is None or attempt is None or attempt.place != place or not attempt.open:
        return None
    event = AuthenticationFailed(
        customer=access.id,
        switch=attempt.switch,
        attempt=attempt.number,
        method=attempt.method,
        reason=refusal.reason,
        aadsts=refusal.aadsts,
        correlation_id=refusal.correlation_id,
        trace_id=refusal.trace_id,
        account=refusal.account,
        final=attempt.stored,
    )
    ended = _closed(attempt, "failed", refusal.reason)
    return Change(replace(access, attempt=ended, claims=refusal.claims or access.claims), (event,))


def _closed(attempt: Attempt, state: AttemptState, reason: str | None) -> Attempt:
    return replace(
        attempt, state=state, reason=reason, flow=None, answer=None, redeemed=None, credentials=None, next=None
    )


def next_deadline(access: Access) -> datetime | None:
    """When the attempt's due work is to go on (job `attempt`)."""
    attempt = access.attempt
    return attempt.next if attempt and attempt.open else None
