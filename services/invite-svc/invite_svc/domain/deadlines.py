"""When to remind the invitee, and when to propose the expiry."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from invite_svc.domain.model import ATTEMPT_LIMIT, Invitation
from shared.contracts.events import InvitationExpired, InvitationReminded
from shared.domain.rules import Change


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
            customer=invitation.customer,
            switch=invitation.switch,
            generation=invitation.generation,
            created_at=invitation.created_at or now,
            expires_at=invitation.expires_at,
        )
        return Change(replace(invitation, remind_at=None), (event,))
    proposed = replace(invitation, expiry_proposed=invitation.generation, remind_at=None)
    return Change(proposed, (InvitationExpired(invitation.customer, invitation.switch, invitation.generation),))
