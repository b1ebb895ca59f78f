"""A customer's authentication as operators watch over it: why it failed, who must act, what expires, the next check."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from config_svc.domain.model import SECRET_WARNINGS, Customer
from config_svc.schemas.views import days_left
from config_svc.texts.event_texts import Say
from shared.contracts.events import CHECK_EVERY, CHECK_SPREAD, GRANT_LIFE
from shared.contracts.reasons import explain

COLUMNS = (
    "customer",
    "customer_name",
    "tenant",
    "method",
    "status",
    "since",
    "checked_at",
    "reason",
    "why",
    "who_must_act",
    "correlation_id",
    "waiting_since",
    "waiting_reason",
    "secret_expires_on",
    "secret_days_left",
    "token_expires_at",
    "next_check",
)


@dataclass(frozen=True, slots=True)
class NextCheck:
    """When access is proven next. `by`: at `at` at the latest; `waiting`: at `at` again, Microsoft has not answered;
    `late`: it should have been by `at`; `daily`: within a day, the hour is not known here; `now`: one is on its way;
    `none`: there is nothing to prove."""

    kind: Literal["none", "now", "by", "waiting", "late", "daily"]
    at: datetime | None = None


def next_check(customer: Customer, now: datetime) -> NextCheck:
    """What is known of it: a token's last refresh by its expiry; of other checks only failures are heard."""
    if customer.method == "none" or customer.tenant_id is None:
        return NextCheck("none")
    if customer.status == "checking":
        return NextCheck("now")
    if customer.waiting:
        return NextCheck("waiting", customer.waiting.next_try)
    if customer.method != "token" or customer.grant is None or customer.grant.lost:
        return NextCheck("daily")
    at = customer.grant.expires_at - GRANT_LIFE + CHECK_EVERY + CHECK_SPREAD
    return NextCheck("by" if at > now else "late", at)


def secret_left(customer: Customer, now: datetime) -> int | None:
    """Days that the secret in use still lives; None where none is in use, or nobody said until when."""
    used = customer.secret and customer.method == "app_registration"
    return days_left(customer.secret_expires_on, now) if used else None


def step(left: int | None) -> int | None:
    """The step of warning (30, 14, 7, 1 days, 0: expired) that is reached."""
    if left is None or left > SECRET_WARNINGS[0]:
        return None
    return 0 if left <= 0 else min(days for days in SECRET_WARNINGS if days >= left)


def line(customer: Customer, now: datetime, say: Say) -> Mapping[str, Any]:
    """A row of the export."""
    failure = customer.failure if customer.status == "failed" else None
    reason = explain(failure.reason) if failure else None
    check = next_check(customer, now)
    return {
        "customer": customer.id,
        "customer_name": customer.name,
        "tenant": customer.tenant,
        "method": customer.method,
        "status": customer.status,
        "since": customer.since or customer.checked_at,
        "checked_at": customer.checked_at,
        "reason": reason.code if reason else None,
        "why": say(reason.sentence) if reason else None,
        "who_must_act": reason.who if reason else None,
        "correlation_id": failure.correlation_id if failure else None,
        "waiting_since": customer.waiting.since if customer.waiting else None,
        "waiting_reason": customer.waiting.reason if customer.waiting else None,
        "secret_expires_on": customer.secret_expires_on if customer.secret else None,
        "secret_days_left": secret_left(customer, now),
        "token_expires_at": customer.grant.expires_at if customer.grant else None,
        "next_check": check.at or check.kind,
    }
