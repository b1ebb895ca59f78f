"""What auth-svc sealed for the page of the one session: a code to enter, or an address at Microsoft."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from urllib.parse import urlsplit

from invite_svc.domain.model import Attempt, Invitation
from shared.crypto.sealed_box import Opener, SealError
from shared.crypto.secret import Secret
from shared.http.client_address import LOOPBACK

EVENTS = {"code": "DeviceCodeIssued", "sign_in": "SignInReady"}
"""The event that brought it, by the stage of the attempt."""


class Unreadable(Exception):
    """It cannot be opened, or leads where nobody may be sent."""


def open_sealed(opener: Opener, invitation: Invitation, attempt: Attempt, now: datetime) -> Mapping[str, Secret[str]]:
    """Raises: SealError."""
    event = EVENTS[attempt.stage]
    return opener.open(attempt.sealed or "", customer=invitation.id, event=event, attempt=attempt.number, now=now)


def shown(opener: Opener, invitation: Invitation, now: datetime) -> dict[str, str]:
    """`code` and `url` for the page; empty if there is none now. Raises: Unreadable."""
    attempt = invitation.attempt
    if invitation.over or attempt is None or attempt.sealed is None or attempt.stage not in EVENTS:
        return {}
    if attempt.expires_at and attempt.expires_at <= now:
        return {}
    try:
        secrets = open_sealed(opener, invitation, attempt, now)
        if attempt.stage == "code":
            opened = {"code": secrets["user_code"].reveal(), "url": attempt.verification_uri or ""}
        else:
            opened = {"url": secrets["url"].reveal()}
    except (SealError, KeyError):
        raise Unreadable from None
    if not _may_lead_to(opened["url"]):
        raise Unreadable
    return opened


def _may_lead_to(url: str) -> bool:
    """Only addresses that a person may be sent to: https, or this very machine (development)."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)
