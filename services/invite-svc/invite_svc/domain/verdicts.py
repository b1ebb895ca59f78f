"""Facts from config-svc: a switch begins, is resent, ends. Its verdict alone ends an invitation."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from invite_svc.domain.model import Invitation, State
from shared.change import Change
from shared.events import (
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


def resend(invitation: Invitation | None, event: InvitationResendRequested, now: datetime) -> Change[Invitation] | None:
    """A newer link with a new deadline; a running session goes on."""
    if invitation is None or invitation.over or event.generation <= invitation.generation:
        return None
    again = replace(invitation, generation=event.generation, expires_at=event.expires_at, remind_at=event.remind_at,
                    created_at=now, asked_at=None)  # fmt: skip
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
