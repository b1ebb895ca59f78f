"""Facts from auth-svc: how the shown attempt goes on. What belongs to an older attempt is late."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from invite_svc.domain.model import Attempt, Invitation
from shared.contracts.events import (
    AppRegistrationProven,
    AuthenticationFailed,
    DeviceCodeIssued,
    SignInReady,
    TokenClaimed,
)
from shared.domain.rules import Change


def _shown(invitation: Invitation | None, event: Any) -> Attempt | None:
    """The running attempt that the event belongs to; an older one's is late."""
    if invitation is None or invitation.over or invitation.attempt is None:
        return None
    attempt = invitation.attempt
    return attempt if attempt.number == event.attempt and attempt.running else None


def show_code(invitation: Invitation | None, event: DeviceCodeIssued, now: datetime) -> Change[Invitation] | None:
    attempt = _shown(invitation, event)
    if invitation is None or attempt is None or attempt.stage != "preparing":
        return None
    code = replace(
        attempt,
        stage="code",
        since=now,
        sealed=event.code,
        verification_uri=event.verification_uri,
        expires_at=event.expires_at,
    )
    return Change(replace(invitation, attempt=code))


def show_sign_in(invitation: Invitation | None, event: SignInReady, now: datetime) -> Change[Invitation] | None:
    attempt = _shown(invitation, event)
    if invitation is None or attempt is None or attempt.stage != "preparing":
        return None
    ready = replace(attempt, stage="sign_in", since=now, sealed=event.url, expires_at=event.expires_at)
    return Change(replace(invitation, attempt=ready))


def attempt_failed(
    invitation: Invitation | None, event: AuthenticationFailed, now: datetime
) -> Change[Invitation] | None:
    """The invitee may try again, by the same or another way."""
    attempt = _shown(invitation, event)
    if invitation is None or attempt is None:
        return None
    failed = replace(
        attempt,
        stage="failed",
        sealed=None,
        reason=event.reason,
        aadsts=event.aadsts,
        since=now,
        correlation_id=event.correlation_id,
        account=event.account,
    )
    return Change(replace(invitation, state="opened", attempt=failed))


def claim(
    invitation: Invitation | None, event: TokenClaimed | AppRegistrationProven, now: datetime
) -> Change[Invitation] | None:
    """Microsoft's answer passed all checks: finishing, until config-svc's verdict. Whatever attempt it was."""
    if invitation is None or invitation.over or invitation.state == "finishing":
        return None
    attempt = invitation.attempt and replace(invitation.attempt, stage="claimed", since=now, sealed=None)
    finishing = replace(invitation, state="finishing", attempt=attempt)
    if isinstance(event, TokenClaimed):
        finishing = replace(
            finishing, account=event.account, roles=event.roles, scopes=event.scopes, access_until=event.expires_at
        )
    return Change(finishing)
