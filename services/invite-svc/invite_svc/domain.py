"""What invite-svc decides: an invitation's life and the attempts of its wizard. Pure rules.

Attempts are numbered here; what belongs to an older attempt is late. How the switch ends is config-svc's verdict:
until then a claim is only `finishing`, and an expiry only proposed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from shared.change import Change, Refused
from shared.events import (
    Account,
    Actor,
    AppRegistrationProven,
    AuthenticationFailed,
    AuthenticationStarted,
    AuthenticationStopped,
    DeviceCodeIssued,
    Event,
    InvitationCreated,
    InvitationExpired,
    InvitationOpened,
    InvitationReminded,
    InvitationResendRequested,
    InvitationResent,
    InvitationRevoked,
    Method,
    NewInvitationAsked,
    Person,
    SignInReady,
    SignInReturned,
    SwitchCancelled,
    SwitchCompleted,
    SwitchExpired,
    SwitchFailed,
    SwitchRequested,
    Target,
    TokenClaimed,
)

State = Literal["pending", "opened", "authenticating", "finishing", "done", "expired", "revoked"]
Stage = Literal["preparing", "code", "sign_in", "returned", "claimed", "failed", "stopped"]

MAX_CODES = 5
MAX_ATTEMPTS = 50
ATTEMPT_LIMIT = timedelta(minutes=15)
ASK_AGAIN_AFTER = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Attempt:
    """The sign-in shown in the wizard. `sealed`: the code or the address at Microsoft, as auth-svc sealed it."""

    number: int
    method: Method
    stage: Stage
    started_at: datetime
    login_hint: str | None = None
    sealed: str | None = None
    verification_uri: str | None = None
    expires_at: datetime | None = None
    reason: str | None = None
    aadsts: int | None = None
    correlation_id: str | None = None
    account: Account | None = None
    failed_at: datetime | None = None

    @property
    def running(self) -> bool:
        return self.stage in ("preparing", "code", "sign_in", "returned", "claimed")


@dataclass(frozen=True, slots=True)
class Invitation:
    """One invitation of one switch. `session` is the hash of the one browser session that may go on."""

    id: str
    customer: str
    switch: int
    state: State
    expires_at: datetime
    generation: int = 1
    customer_name: str = ""
    tenant_id: str = ""
    tenant_name: str = ""
    to: Target = "token"
    renew: bool = False
    invitee: Person | None = None
    locale: str = "en"
    inviter: Actor | None = None
    methods: tuple[Method, ...] = ()
    accepted_roles: tuple[str, ...] = ()
    created_at: datetime | None = None
    remind_at: datetime | None = None
    opened_at: datetime | None = None
    session: str | None = None
    attempt: Attempt | None = None
    attempts: int = 0
    codes: int = 0
    expiry_proposed: int = 0
    asked_at: datetime | None = None
    account: Account | None = None
    proven_method: Method | None = None
    roles: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    access_until: datetime | None = None
    ended_at: datetime | None = None
    reason: str | None = None

    @property
    def over(self) -> bool:
        return self.state in ("done", "expired", "revoked")


def invitation_id(event: Any) -> str | None:
    """The invitation that an event of a switch concerns; None where the switch has none."""
    if getattr(event, "invited", True) is False or (isinstance(event, SwitchRequested) and event.invitee is None):
        return None
    return f"{event.customer}/{event.switch}"


# --- facts from config-svc ----------------------------------------------------------------------------------------


def invite(invitation: Invitation | None, event: SwitchRequested, now: datetime) -> Change[Invitation] | None:
    """A switch was asked for: here is its invitation."""
    if invitation is not None:
        return None
    made = Invitation(
        f"{event.customer}/{event.switch}", event.customer, event.switch, "pending", event.expires_at, 1,
        event.customer_name, event.tenant_id, event.tenant_name, event.to, event.renew, event.invitee, event.locale,
        event.inviter, event.methods, event.accepted_roles, now, event.remind_at,
    )  # fmt: skip
    return Change(made, (InvitationCreated(event.customer, event.switch, 1, now, event.expires_at),))


def resend(
    invitation: Invitation | None, event: InvitationResendRequested, now: datetime
) -> Change[Invitation] | None:
    """A newer link with a new deadline; a running session goes on."""
    if invitation is None or invitation.over or event.generation <= invitation.generation:
        return None
    again = replace(invitation, generation=event.generation, expires_at=event.expires_at, remind_at=event.remind_at,
                    created_at=now)  # fmt: skip
    return Change(again, (InvitationResent(event.customer, event.switch, event.generation, now, event.expires_at),))


def complete(invitation: Invitation | None, event: SwitchCompleted, now: datetime) -> Change[Invitation] | None:
    done = replace(_known(invitation, event, now), proven_method=event.method)
    return _end(done, "done", None, now, account=event.account or done.account)


def cancel(invitation: Invitation | None, event: SwitchCancelled, now: datetime) -> Change[Invitation] | None:
    """The operator took it back. One that comes before its invitation creates it already revoked."""
    known = _known(invitation, event, now)
    revoked = InvitationRevoked(event.customer, event.switch, known.generation)
    return _end(known, "revoked", event.reason, now, (revoked,))


def expire(invitation: Invitation | None, event: SwitchExpired, now: datetime) -> Change[Invitation] | None:
    return _end(_known(invitation, event, now), "expired", "too_late", now)


def fail(invitation: Invitation | None, event: SwitchFailed, now: datetime) -> Change[Invitation] | None:
    return _end(_known(invitation, event, now), "revoked", event.reason, now)


def _known(invitation: Invitation | None, event: Any, now: datetime) -> Invitation:
    if invitation is not None:
        return invitation
    return Invitation(f"{event.customer}/{event.switch}", event.customer, event.switch, "pending", now)


def _end(
    invitation: Invitation, state: State, reason: str | None, now: datetime, events: tuple[Event, ...] = (),
    account: Account | None = None,
) -> Change[Invitation] | None:  # fmt: skip
    if invitation.over:
        return None
    attempt = invitation.attempt and replace(invitation.attempt, sealed=None)
    ended = replace(invitation, state=state, reason=reason, ended_at=now, attempt=attempt,
                    account=account or invitation.account)  # fmt: skip
    return Change(ended, events)


# --- facts from auth-svc ------------------------------------------------------------------------------------------


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
    code = replace(attempt, stage="code", sealed=event.code, verification_uri=event.verification_uri,
                   expires_at=event.expires_at)  # fmt: skip
    return Change(replace(invitation, attempt=code))


def show_sign_in(invitation: Invitation | None, event: SignInReady, now: datetime) -> Change[Invitation] | None:
    attempt = _shown(invitation, event)
    if invitation is None or attempt is None or attempt.stage != "preparing":
        return None
    ready = replace(attempt, stage="sign_in", sealed=event.url, expires_at=event.expires_at)
    return Change(replace(invitation, attempt=ready))


def attempt_failed(
    invitation: Invitation | None, event: AuthenticationFailed, now: datetime
) -> Change[Invitation] | None:
    """The invitee may try again, by the same or another way."""
    attempt = _shown(invitation, event)
    if invitation is None or attempt is None:
        return None
    failed = replace(
        attempt, stage="failed", sealed=None, reason=event.reason, aadsts=event.aadsts, failed_at=now,
        correlation_id=event.correlation_id, account=event.account,
    )  # fmt: skip
    return Change(replace(invitation, state="opened", attempt=failed))


def claim(
    invitation: Invitation | None, event: TokenClaimed | AppRegistrationProven, now: datetime
) -> Change[Invitation] | None:
    """Microsoft's answer passed all checks: finishing, until config-svc's verdict. Whatever attempt it was."""
    if invitation is None or invitation.over or invitation.state == "finishing":
        return None
    attempt = invitation.attempt and replace(invitation.attempt, stage="claimed", sealed=None)
    finishing = replace(invitation, state="finishing", attempt=attempt)
    if isinstance(event, TokenClaimed):
        finishing = replace(finishing, account=event.account, roles=event.roles, scopes=event.scopes,
                            access_until=event.expires_at)  # fmt: skip
    return Change(finishing)


# --- the invitee's commands ---------------------------------------------------------------------------------------


def _usable(invitation: Invitation | None, now: datetime) -> Invitation:
    """Raises: Refused with the way on; the codes name the pages `replaced`, `expired`, `revoked`, `done`."""
    if invitation is None:
        raise Refused("link_unknown", "This link is not valid; open it again from the newest mail.", status=404)
    if invitation.over:
        raise Refused(f"invitation_{invitation.state}", "This invitation has ended.", status=410)
    if invitation.expires_at <= now and not (invitation.attempt and invitation.attempt.running):
        raise Refused("invitation_expired", "This invitation has expired; ask for a new one.", status=410)
    return invitation


def open_link(
    invitation: Invitation | None, generation: int, session: str, take_over: bool, now: datetime
) -> Change[Invitation] | None:
    """The invitee begins in this browser. Another browser that holds the session must be left by `take_over`."""
    invitation = _usable(invitation, now)
    if generation < invitation.generation:
        raise Refused("invitation_replaced", "A newer invitation was sent; use the link in the newest mail.",
                      status=410)  # fmt: skip
    if invitation.session == session:
        return None
    if invitation.session is not None and not take_over:
        raise Refused("continue_here", "This invitation is open in another browser; continue here to go on.")
    events: list[Event] = []
    if invitation.opened_at is None:
        events.append(InvitationOpened(invitation.customer, invitation.switch, generation, now))
    left, stopped = _stopped(invitation, "continued_elsewhere")
    state: State = "opened" if left.state == "pending" else left.state
    opened = replace(left, state=state, session=session, opened_at=invitation.opened_at or now)
    return Change(opened, (*events, *stopped))


def _stopped(invitation: Invitation, why: str) -> tuple[Invitation, tuple[Event, ...]]:
    """The invitation without its running attempt. One that is claimed already goes on: the verdict decides."""
    attempt = invitation.attempt
    if attempt is None or not attempt.running or attempt.stage == "claimed":
        return invitation, ()
    stopped = replace(attempt, stage="stopped", sealed=None, reason=why)
    said = AuthenticationStopped(invitation.customer, invitation.switch, attempt.number, why)
    return replace(invitation, state="opened", attempt=stopped), (said,)


@dataclass(frozen=True, slots=True)
class Start:
    """What the invitee chose. `credentials`: the entered app registration, sealed for auth-svc."""

    method: Method
    login_hint: str | None = None
    tenant_id: str | None = None
    seal: str | None = None
    attempt: int = 0


def start(invitation: Invitation | None, session: str, chosen: Start, now: datetime) -> Change[Invitation]:
    """`Start authentication`: the next attempt, which replaces a running one.

    `chosen.attempt` is the number that credentials were sealed for; it must be the next one.
    """
    invitation = _in_session(invitation, session, now)
    if invitation.expires_at <= now:
        raise Refused("invitation_expired", "This invitation has expired; ask for a new one.", status=410)
    if chosen.method not in invitation.methods:
        raise Refused("method_not_offered", "This way is not offered by this invitation; choose another.", status=422)
    if invitation.state == "finishing":
        raise Refused("finishing", "Your sign-in was accepted and is being finished; please wait a moment.")
    if invitation.attempts >= MAX_ATTEMPTS:
        raise Refused("attempts_spent", "Too many attempts; ask for a new invitation.", status=429)
    if chosen.method == "device_code" and invitation.codes >= MAX_CODES:
        raise Refused("codes_spent", f"{MAX_CODES} codes were issued; use the sign-in button or ask for a new "
                      "invitation.", status=429)  # fmt: skip
    number = invitation.attempts + 1
    if chosen.seal and chosen.attempt != number:
        raise Refused("attempt_changed", "The page changed in another window; enter the credentials again.")
    attempt = Attempt(number, chosen.method, "preparing", now, chosen.login_hint)
    begun = replace(invitation, state="authenticating", attempt=attempt, attempts=number,
                    codes=invitation.codes + (chosen.method == "device_code"))  # fmt: skip
    event = AuthenticationStarted(
        invitation.customer, invitation.switch, number, chosen.method, invitation.accepted_roles,
        invitation.tenant_id, chosen.login_hint, chosen.seal,
    )  # fmt: skip
    return Change(begun, (event,))


def returned(
    invitation: Invitation | None, session: str, attempt: int, answer: str, now: datetime
) -> Change[Invitation] | None:
    """Microsoft sent the invitee back: its answer goes to auth-svc once, from the attempt's own browser only."""
    invitation = _in_session(invitation, session, now)
    shown = invitation.attempt
    if shown is None or shown.number != attempt or shown.method != "sign_in":
        raise Refused("sign_in_mismatch", "This answer belongs to another sign-in; start it again.", status=400)
    if shown.stage != "sign_in":
        return None
    kept = replace(shown, stage="returned", sealed=None)
    said = SignInReturned(invitation.customer, invitation.switch, attempt, answer)
    return Change(replace(invitation, attempt=kept), (said,))


def give_up(invitation: Invitation | None, session: str, why: str, now: datetime) -> Change[Invitation] | None:
    """The invitee stops the attempt (another way, or Microsoft showed a refusal); or its code could not be read."""
    invitation = _in_session(invitation, session, now)
    changed, events = _stopped(invitation, why)
    return Change(changed, events) if events else None


def ask_again(invitation: Invitation | None, now: datetime) -> Change[Invitation] | None:
    """The invitee asks the operator for a new invitation; once an hour is enough."""
    if invitation is None or invitation.state == "done":
        return None
    if invitation.asked_at and now - invitation.asked_at < ASK_AGAIN_AFTER:
        return None
    said = NewInvitationAsked(invitation.customer, invitation.switch, invitation.generation)
    return Change(replace(invitation, asked_at=now), (said,))


def _in_session(invitation: Invitation | None, session: str, now: datetime) -> Invitation:
    invitation = _usable(invitation, now)
    if invitation.session != session:
        raise Refused("continue_here", "This invitation is open in another browser; open the link again to go on.")
    return invitation


# --- deadlines ----------------------------------------------------------------------------------------------------


def deadline(invitation: Invitation) -> datetime | None:
    """When to remind, or to propose the expiry: at the deadline, 15 minutes later while an attempt runs."""
    if invitation.over or invitation.expiry_proposed >= invitation.generation:
        return None
    running = invitation.attempt is not None and invitation.attempt.running
    ends = invitation.expires_at + (ATTEMPT_LIMIT if running else timedelta(0))
    return min(ends, invitation.remind_at) if invitation.remind_at and invitation.state == "pending" else ends


def on_deadline(invitation: Invitation | None, now: datetime) -> Change[Invitation] | None:
    if invitation is None or (at := deadline(invitation)) is None or at > now:
        return None
    if invitation.remind_at and invitation.remind_at <= now < invitation.expires_at:
        event = InvitationReminded(
            invitation.customer, invitation.switch, invitation.generation, invitation.created_at or now,
            invitation.expires_at,
        )  # fmt: skip
        return Change(replace(invitation, remind_at=None), (event,))
    proposed = replace(invitation, expiry_proposed=invitation.generation, remind_at=None)
    return Change(proposed, (InvitationExpired(invitation.customer, invitation.switch, invitation.generation),))
