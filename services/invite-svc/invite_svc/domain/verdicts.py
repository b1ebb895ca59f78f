"""Facts from config-svc: a switch begins, is resent, ends. Its verdict alone ends an invitation."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from invite_svc.domain.model import Invitation, State
from shared.contracts.events import (
    Account,
    Event,
    InvitationCreated,
    InvitationResendRequested,
    InvitationResent,
    InvitationRevoked,
    SwitchCancelled,
    SwitchCompleted,
    SwitchExpired,
    SwitchFailed,
    SwitchRequested,
)
from shared.domain.rules import Change


def invite(invitation: Invitation | None, event: SwitchRequested, now: datetime) -> Change[Invitation] | None:
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
