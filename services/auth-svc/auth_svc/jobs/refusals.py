"""What the rules are told of a question to Microsoft that was refused, or not answered."""

from __future__ import annotations

import logging

from auth_svc.domain.attempts import Refusal
from auth_svc.domain.keep_alive import OURS, Unanswered
from auth_svc.microsoft.errors import EntraRefused, EntraUnavailable
from auth_svc.microsoft.metrics import FAILED
from shared.contracts.events import InForce
from shared.contracts.reasons import explain

log = logging.getLogger(__name__)


def refusal_of(error: EntraRefused) -> Refusal:
    details = error.details
    return Refusal(
        reason=error.reason,
        aadsts=details.aadsts,
        correlation_id=details.correlation_id,
        trace_id=details.trace_id,
        account=error.account,
        claims=error.claims,
    )


def conclusion_of(error: EntraRefused | EntraUnavailable, in_force: InForce) -> Refusal | Unanswered:
    """Refused: Microsoft said no about the customer. An outage says nothing, and what is our own fault neither: that is
    counted, so that somebody is alerted."""
    if isinstance(error, EntraRefused) and error.reason not in OURS.get(in_force, ()):
        return refusal_of(error)
    if explain(error.reason).who == "operator":
        log.error("nothing can be proven: %s (AADSTS %s)", error.reason, error.details.aadsts)
        FAILED.labels(error.reason).inc()
    return Unanswered(
        reason=error.reason,
        retry_after=error.retry_after if isinstance(error, EntraUnavailable) else 0,
        aadsts=error.details.aadsts,
        correlation_id=error.details.correlation_id,
    )
