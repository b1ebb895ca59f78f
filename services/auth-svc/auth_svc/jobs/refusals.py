"""What the rules are told of a refusal or an outage of Microsoft."""

from __future__ import annotations

from auth_svc.domain.attempts import Refusal
from auth_svc.microsoft.errors import EntraRefused, EntraUnavailable


def refusal_of(error: EntraRefused | EntraUnavailable) -> Refusal:
    details = error.details
    return Refusal(
        reason=error.reason,
        aadsts=details.aadsts,
        correlation_id=details.correlation_id,
        trace_id=details.trace_id,
    )
