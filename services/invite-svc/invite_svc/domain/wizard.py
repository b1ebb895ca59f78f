"""The invitee's commands: open, start, return from Microsoft, stop, ask for a new invitation."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from invite_svc.domain.model import ASK_AGAIN_AFTER, MAX_ATTEMPTS, MAX_CODES, Attempt, Invitation, State
from shared.contracts.events import (
    AuthenticationStarted,
    AuthenticationStopped,
    Event,
    InvitationOpened,
    Method,
    NewInvitationAsked,
    SignInReturned,
)
from shared.domain.rules import Change, Refused


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
    invitation: Invitation | None,
    generation: int,
    session: str,
    browser: str | None,
    take_over: bool,
    now: datetime,
) -> Change[Invitation] | None:
    """The invitee begins in this browser. Another browser that holds the session must be left by `take_over`.

    `browser` marks one browser before it has a session: the second click of two is not another browser.
    """
    invitation = _usable(invitation, now)
    if generation < invitation.generation:
        raise Refused(
            "invitation_replaced", "A newer invitation was sent; use the link in the newest mail.", status=410
        )
    if invitation.session == session:
        return None
    same = browser is not None and browser == invitation.browser
    if invitation.session is not None and not (same or take_over):
        raise Refused("continue_here", "This invitation is open in another browser; continue here to go on.")
    events: list[Event] = []
    if invitation.opened_at is None:
        events.append(
            InvitationOpened(
                customer=invitation.customer, switch=invitation.switch, generation=generation, opened_at=now
            )
        )
    left, stopped = (invitation, ()) if same else _stopped(invitation, "continued_elsewhere", now)
    state: State = "opened" if left.state == "pending" else left.state
    opened = replace(left, state=state, session=session, browser=browser, opened_at=invitation.opened_at or now)
    return Change(opened, (*events, *stopped))


def _stopped(invitation: Invitation, why: str, now: datetime) -> tuple[Invitation, tuple[Event, ...]]:
    """The invitation without its running attempt. One that is claimed already goes on: the verdict decides."""
    attempt = invitation.attempt
    if attempt is None or not attempt.running or attempt.stage == "claimed":
        return invitation, ()
    stopped = replace(attempt, stage="stopped", since=now, sealed=None, reason=why)
    said = AuthenticationStopped(
        customer=invitation.customer, switch=invitation.switch, attempt=attempt.number, reason=why
    )
    return replace(invitation, state="opened", attempt=stopped), (said,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """What the invitee chose on a page that showed `attempt` - 1 attempts (0: not said).

    `seal`: the entered app registration, sealed for auth-svc and this attempt.
    """

    method: Method
    login_hint: str | None = None
    tenant_id: str | None = None
    seal: str | None = None
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
        credentials=chosen.seal,
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
    if chosen.attempt > invitation.attempts + 1 or (chosen.seal and not chosen.attempt):
        raise Refused("attempt_changed", "The page does not fit this invitation; reload it and start again.")


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
    kept = replace(shown, stage="returned", since=now, sealed=None)
    said = SignInReturned(customer=invitation.customer, switch=invitation.switch, attempt=attempt, answer=answer)
    return Change(replace(invitation, attempt=kept), (said,))


def give_up(invitation: Invitation | None, session: str, why: str, now: datetime) -> Change[Invitation] | None:
    """The invitee stops the attempt (another way, or Microsoft showed a refusal); or its code could not be read."""
    invitation = _in_session(invitation, session, now)
    changed, events = _stopped(invitation, why, now)
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
