"""The attempts to sign in of an invitation's wizard. They are numbered here; what belongs to an older one is late."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from invite_svc.domain.model import MAX_ATTEMPTS, MAX_CODES, Attempt, Invitation, usable
from shared.contracts.events import (
    AppRegistrationProven,
    AuthenticationFailed,
    AuthenticationStarted,
    AuthenticationStopped,
    DeviceCodeIssued,
    Event,
    Method,
    SignInReady,
    SignInReturned,
    TokenClaimed,
)
from shared.domain.rules import Change, Refused

# --- the invitee's commands -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """What the invitee chose on a page that showed `attempt` - 1 attempts (0: not said).

    `credentials`: the entered app registration, sealed for auth-svc and this attempt.
    """

    method: Method
    login_hint: str | None = None
    credentials: str | None = None
    attempt: int = 0


def start(invitation: Invitation | None, session: str, chosen: Start, now: datetime) -> Change[Invitation] | None:
    """`Start authentication`: the next attempt, which replaces a running one; a double click starts just one."""
    invitation = _in_session(invitation, session, now)
    number = invitation.attempts + 1
    if 0 < chosen.attempt < number:
        return None
    _may_start(invitation, chosen, now)
    attempt = Attempt(
        number=number, method=chosen.method, stage="preparing", started_at=now, login_hint=chosen.login_hint, since=now
    )
    begun = replace(
        invitation,
        state="authenticating",
        attempt=attempt,
        attempts=number,
        codes=invitation.codes + (chosen.method == "device_code"),
    )
    event = AuthenticationStarted(
        customer=invitation.customer,
        switch=invitation.switch,
        attempt=number,
        method=chosen.method,
        accepted_roles=invitation.accepted_roles,
        tenant_id=invitation.tenant_id,
        login_hint=chosen.login_hint,
        credentials=chosen.credentials,
    )
    return Change(begun, (event,))


def _may_start(invitation: Invitation, chosen: Start, now: datetime) -> None:
    if invitation.expires_at <= now:
        raise Refused("invitation_expired", "This invitation has expired; ask for a new one.", status=410)
    if chosen.method not in invitation.methods:
        raise Refused("method_not_offered", "This way is not offered by this invitation; choose another.", status=422)
    if invitation.state == "finishing":
        raise Refused("finishing", "Your sign-in was accepted and is being finished; please wait a moment.")
    if invitation.attempts >= MAX_ATTEMPTS:
        raise Refused("attempts_spent", "Too many attempts; ask for a new invitation.", status=429)
    if chosen.method == "device_code" and invitation.codes >= MAX_CODES:
        raise Refused(
            "codes_spent",
            f"{MAX_CODES} codes were issued; use the sign-in button or ask for a new invitation.",
            status=429,
        )
    if chosen.attempt > invitation.attempts + 1 or (chosen.credentials and not chosen.attempt):
        raise Refused("attempt_changed", "The page does not fit this invitation; reload it and start again.")


def take_answer(
    invitation: Invitation | None, session: str, attempt: int, answer: str, now: datetime
) -> Change[Invitation] | None:
    """Microsoft sent the invitee back: its answer goes to auth-svc once, from the attempt's own browser only."""
    invitation = _in_session(invitation, session, now)
    shown = invitation.attempt
    if shown is None or shown.number != attempt or shown.method != "sign_in":
        raise Refused("sign_in_mismatch", "This answer belongs to another sign-in; start it again.", status=400)
    if shown.stage != "sign_in":
        return None
    kept = replace(shown, stage="returned", since=now, sealed=None)
    event = SignInReturned(customer=invitation.customer, switch=invitation.switch, attempt=attempt, answer=answer)
    return Change(replace(invitation, attempt=kept), (event,))


def give_up(invitation: Invitation | None, session: str, why: str, now: datetime) -> Change[Invitation] | None:
    """The invitee stops the attempt (another way, or Microsoft showed a refusal); or its code could not be read."""
    invitation = _in_session(invitation, session, now)
    changed, events = stop(invitation, why, now)
    return Change(changed, events) if events else None


def _in_session(invitation: Invitation | None, session: str, now: datetime) -> Invitation:
    invitation = usable(invitation, now)
    if invitation.session != session:
        raise Refused("continue_here", "This invitation is open in another browser; open the link again to go on.")
    return invitation


def stop(invitation: Invitation, why: str, now: datetime) -> tuple[Invitation, tuple[Event, ...]]:
    """The invitation without its running attempt. One that is claimed already goes on: the verdict decides."""
    attempt = invitation.attempt
    if attempt is None or not attempt.running or attempt.stage == "claimed":
        return invitation, ()
    stopped = replace(attempt, stage="stopped", since=now, sealed=None, reason=why)
    event = AuthenticationStopped(
        customer=invitation.customer, switch=invitation.switch, attempt=attempt.number, reason=why
    )
    return replace(invitation, state="opened", attempt=stopped), (event,)


# --- facts from auth-svc ----------------------------------------------------------------------------------------------


def _shown(invitation: Invitation | None, event: Any) -> Attempt | None:
    """The running attempt that the event belongs to; an older one's is late."""
    if invitation is None or invitation.over or invitation.attempt is None:
        return None
    attempt = invitation.attempt
    return attempt if attempt.number == event.attempt and attempt.running else None


def show_code(invitation: Invitation | None, event: DeviceCodeIssued, now: datetime) -> Change[Invitation] | None:
    attempt = _shown(invitation, event)
    if invitation is None or attempt is None or attempt.stage != "preparing":
        return None
    code = replace(
        attempt,
        stage="code",
        since=now,
        sealed=event.code,
        verification_uri=event.verification_uri,
        expires_at=event.expires_at,
    )
    return Change(replace(invitation, attempt=code))


def show_sign_in(invitation: Invitation | None, event: SignInReady, now: datetime) -> Change[Invitation] | None:
    attempt = _shown(invitation, event)
    if invitation is None or attempt is None or attempt.stage != "preparing":
        return None
    ready = replace(attempt, stage="sign_in", since=now, sealed=event.url, expires_at=event.expires_at)
    return Change(replace(invitation, attempt=ready))


def fail(invitation: Invitation | None, event: AuthenticationFailed, now: datetime) -> Change[Invitation] | None:
    """The invitee may try again, by the same or another way."""
    attempt = _shown(invitation, event)
    if invitation is None or attempt is None:
        return None
    failed = replace(
        attempt,
        stage="failed",
        sealed=None,
        reason=event.reason,
        aadsts=event.aadsts,
        since=now,
        correlation_id=event.correlation_id,
        account=event.account,
    )
    return Change(replace(invitation, state="opened", attempt=failed))


def await_verdict(
    invitation: Invitation | None, event: TokenClaimed | AppRegistrationProven, now: datetime
) -> Change[Invitation] | None:
    """Microsoft's answer passed all checks: finishing, until config-svc's verdict. Whatever attempt it was."""
    if invitation is None or invitation.over or invitation.state == "finishing":
        return None
    attempt = invitation.attempt and replace(invitation.attempt, stage="claimed", since=now, sealed=None)
    finishing = replace(invitation, state="finishing", attempt=attempt)
    if isinstance(event, TokenClaimed):
        finishing = replace(
            finishing, account=event.account, roles=event.roles, scopes=event.scopes, access_until=event.expires_at
        )
    return Change(finishing)
