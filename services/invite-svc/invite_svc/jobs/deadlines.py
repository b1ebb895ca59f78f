"""The due work of invite-svc: reminders, and the proposal that an invitation has expired."""

from __future__ import annotations

from invite_svc import domain
from invite_svc.domain import Invitation
from shared.domain.rules import Rule
from shared.jobs.worker import Claim

DEADLINES = "deadlines"


async def on_deadline(claim: Claim[Invitation]) -> Rule[Invitation] | None:
    """Nothing outside is touched: the rule alone decides."""
    return domain.on_deadline
