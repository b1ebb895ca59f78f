"""Due work of config-svc: a switch back that got no answer in time, and client secrets that expire."""

from __future__ import annotations

from config_svc.domain import switches
from config_svc.domain.model import Customer
from shared.jobs.claim import Claim, Outcome

JOB = "deadlines"
DEADLINES = {JOB: switches.deadline}


async def on_deadline(claim: Claim[Customer]) -> Outcome[Customer]:
    """Nothing outside is asked: the rule decides on the state as it is then."""
    return Outcome(switches.on_deadline)
