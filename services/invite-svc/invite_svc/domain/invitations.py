"""An invitation's life: created, opened by its link, resent, ended. config-svc's verdict alone ends it.

Until the verdict an accepted sign-in is only `finishing`, and an expiry only proposed.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from invite_svc.domain.attempts import stop
from invite_svc.domain.model import ASK_AGAIN_AFTER, Invitation, State, usable
from shared.contracts.events import (
    ATTEMPT_LIMIT,
    Account,
    Event,
    InvitationCreated,
    InvitationExpired,
    InvitationOpened,
    InvitationReminded,
    InvitationResendRequested,
    InvitationResent,
    InvitationRevoked,
    NewInvitationAsked,
    SwitchCancelled,
    SwitchCompleted,
    SwitchExpired,
    SwitchFailed,
    SwitchRequested,
)
from shared.domain.rules import Change, Refused

# --- facts from config-svc --------------------------------------------------------------------------------------------


def create(invitation: Invitation | None, event: SwitchRequested, now: datetime) -> Change[Invitation] | None:
    """A switch was asked for: here is its invitation."""
    if invitation is not None:
        return None
    made = Invitation(
        id=f"{event.customer}/{event.switch}",
        customer=event.customer,
        switch=event.switch,
        state="pending",
        expires_at=event.expires_at,
        generation=1,
        customer_name=event.customer_name,
        tenant_id=event.tenant_id,
        tenant_name=event.tenant_name,
        to=event.to,
        renew=event.renew,
        invitee=event.invitee,
        locale=event.locale,
        inviter=event.inviter,
        methods=event.methods,
        accepted_roles=event.accepted_roles,
        created_at=now,
        remind_at=event.remind_at,
    )
    return Change(
        made,
        (
            InvitationCreated(
                customer=event.customer, switch=event.switch, generation=1, created_at=now, expires_at=event.expires_at
            ),
        ),
    )


def resend(invitation: Invitation | None, event: InvitationResendRequested, now: datetime) -> Change[Invitation] | None:
    """A newer link with a new deadline; a running session goes on."""
    if invitation is None or invitation.over or event.generation <= invitation.generation:
        return None
    again = replace(
        invitation,
        generation=event.generation,
        expires_at=event.expires_at,
        remind_at=event.remind_at,
        created_at=now,
        asked_at=None,
    )
    return Change(
        again,
        (
            InvitationResent(
                customer=event.customer,
                switch=event.switch,
                generation=event.generation,
                created_at=now,
                expires_at=event.expires_at,
            ),
        ),
    )


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
    return Invitation(
        id=f"{event.customer}/{event.switch}",
        customer=event.customer,
        switch=event.switch,
        state="pending",
        expires_at=now,
    )


def _end(
    invitation: Invitation,
    state: State,
    reason: str | None,
    now: datetime,
    events: tuple[Event, ...] = (),
    account: Account | None = None,
) -> Change[Invitation] | None:
    if invitation.over:
        return None
    attempt = invitation.attempt and replace(invitation.attempt, sealed=None)
    ended = replace(
        invitation, state=state, reason=reason, ended_at=now, attempt=attempt, account=account or invitation.account
    )
    return Change(ended, events)


# --- the invitee's commands -------------------------------------------------------------------------------------------


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
    invitation = usable(invitation, now)
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
    left, stopped = (invitation, ()) if same else stop(invitation, "continued_elsewhere", now)
    state: State = "opened" if left.state == "pending" else left.state
    opened = replace(left, state=state, session=session, browser=browser, opened_at=invitation.opened_at or now)
    return Change(opened, (*events, *stopped))


def ask_again(invitation: Invitation | None, now: datetime) -> Change[Invitation] | None:
    """The invitee asks the operator for a new invitation; once an hour is enough."""
    if invitation is None or invitation.state == "done":
        return None
    if invitation.asked_at and now - invitation.asked_at < ASK_AGAIN_AFTER:
        return None
    event = NewInvitationAsked(invitation.customer, invitation.switch, invitation.generation)
    return Change(replace(invitation, asked_at=now), (event,))


# --- deadlines --------------------------------------------------------------------------------------------------------


def next_deadline(invitation: Invitation) -> datetime | None:
    """When to remind, or to propose the expiry: at the deadline, 15 minutes later while an attempt runs."""
    if invitation.over or invitation.expiry_proposed >= invitation.generation:
        return None
    running = invitation.attempt is not None and invitation.attempt.running
    ends = invitation.expires_at + (ATTEMPT_LIMIT if running else timedelta(0))
    return min(ends, invitation.remind_at) if invitation.remind_at and invitation.state == "pending" else ends


def remind_or_expire(invitation: Invitation | None, now: datetime) -> Change[Invitation] | None:
    if invitation is None or (at := next_deadline(invitation)) is None or at > now:
        return None
    if invitation.remind_at and invitation.remind_at <= now < invitation.expires_at:
        event = InvitationReminded(
            customer=invitation.customer,
            switch=invitation.switch,
            generation=invitation.generation,
            created_at=invitation.created_at or now,
            expires_at=invitation.expires_at,
        )
        return Change(replace(invitation, remind_at=None), (event,))
    proposed = replace(invitation, expiry_proposed=invitation.generation, remind_at=None)
    return Change(proposed, (InvitationExpired(invitation.customer, invitation.switch, invitation.generation),))
