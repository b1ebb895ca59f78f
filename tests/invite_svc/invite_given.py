"""Invitations as the rules' tests are given them: pending, opened, signing in."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from invite_svc.domain import attempts, invitations
from invite_svc.domain.attempts import Start
from invite_svc.domain.model import Invitation
from shared.contracts.events import AuthenticationFailed, DeviceCodeIssued
from shared.domain.rules import Change, Refused
from tests.invite_svc.invite_kit import ADMIN, CUSTOMER, NOW, requested

WEEK, MINUTE = timedelta(days=7), timedelta(minutes=1)
HERE, THERE = "session-hash-1", "session-hash-2"


def after(change: Change[Invitation] | None) -> Invitation:
    assert change is not None
    return change.state


def types(change: Change[Invitation] | None) -> list[type]:
    return [type(event) for event in change.events] if change else []


def pending(**changed: Any) -> Invitation:
    return after(invitations.create(None, requested(**changed), NOW))


def opened(**changed: Any) -> Invitation:
    return after(invitations.open_link(pending(**changed), 1, HERE, None, False, NOW))


def signing_in(method: Any = "sign_in", **changed: Any) -> Invitation:
    return after(attempts.start(opened(**changed), HERE, Start(method=method, attempt=1), NOW))


def code(attempt: int = 1) -> DeviceCodeIssued:
    return DeviceCodeIssued(
        customer=CUSTOMER,
        switch=1,
        attempt=attempt,
        code="sealed",
        verification_uri="https://microsoft.com/devicelogin",
        expires_at=NOW + 15 * MINUTE,
    )


def failed(attempt: int = 1, reason: str = "declined") -> AuthenticationFailed:
    return AuthenticationFailed(
        customer=CUSTOMER,
        switch=1,
        attempt=attempt,
        method="sign_in",
        reason=reason,
        aadsts=17,
        correlation_id="corr",
        trace_id="trace",
        account=ADMIN,
    )


def refusal(call: Any) -> str:
    with pytest.raises(Refused) as caught:
        call()
    return caught.value.code
