"""The due work of invite-svc: reminders, and the proposal that an invitation has expired."""

from __future__ import annotations

from invite_svc.domain import invitations
from invite_svc.domain.model import Invitation
from shared.jobs.claim import Claim, Outcome

DEADLINES = "deadlines"


async def on_deadline(claim: Claim[Invitation]) -> Outcome[Invitation]:
    """Nothing outside is touched: the rule alone decides."""
    return Outcome(invitations.remind_or_expire)
