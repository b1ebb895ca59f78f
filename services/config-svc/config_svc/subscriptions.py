"""What config-svc consumes: it hears all events; these change customers and tenants, every one is history."""

from __future__ import annotations

from datetime import UTC, datetime

from aiokafka.partitioner import murmur2

from config_svc.domain import customers, hourly_counts, switches, tenants
from config_svc.domain.hourly_counts import HourlyCounts
from shared.contracts.cloudevents import Record
from shared.contracts.events import (
    AccessLost,
    AccessNotProven,
    AccessProven,
    AccessRecovered,
    AccessUnanswered,
    AppRegistrationProven,
    AuthenticationFailed,
    AuthenticationStarted,
    AuthenticationStopped,
    AuthenticationValidated,
    DeviceCodeIssued,
    EmailFailed,
    EmailSent,
    GrantRefreshed,
    InvitationCreated,
    InvitationExpired,
    InvitationOpened,
    InvitationResent,
    SignInReady,
    SignInReturned,
    TenantPinned,
    TenantReleased,
    TenantResolved,
    TenantTaken,
    TenantUnknown,
    TokenClaimed,
)
from shared.domain.rules import Change
from shared.messaging.event_handlers import on, on_record

CUSTOMERS, TENANTS, SETTINGS, HOURLY_COUNTS = "customers", "tenants", "settings", "hourly_counts"


def _tenant(event: TenantResolved | TenantReleased) -> str:
    return event.tenant_id


SUBSCRIPTIONS = (
    on(TenantResolved, TENANTS, tenants.claim, key=_tenant),
    on(TenantReleased, TENANTS, tenants.release, key=_tenant),
    on(TenantPinned, CUSTOMERS, customers.pin),
    on(TenantTaken, CUSTOMERS, customers.tenant_missing),
    on(TenantUnknown, CUSTOMERS, customers.tenant_missing),
    on(InvitationCreated, CUSTOMERS, switches.invited),
    on(InvitationResent, CUSTOMERS, switches.invited),
    on(InvitationOpened, CUSTOMERS, switches.opened),
    on(InvitationExpired, CUSTOMERS, switches.expired),
    on(AuthenticationStarted, CUSTOMERS, switches.started),
    on(AuthenticationStopped, CUSTOMERS, switches.stopped),
    on(AuthenticationFailed, CUSTOMERS, switches.attempt_failed),
    on(DeviceCodeIssued, CUSTOMERS, switches.stepped),
    on(SignInReady, CUSTOMERS, switches.stepped),
    on(SignInReturned, CUSTOMERS, switches.stepped),
    on(TokenClaimed, CUSTOMERS, switches.claimed),
    on(AppRegistrationProven, CUSTOMERS, switches.proven),
    on(EmailSent, CUSTOMERS, switches.mailed),
    on(EmailFailed, CUSTOMERS, switches.mailed),
    on(AuthenticationValidated, CUSTOMERS, customers.validated),
    on(GrantRefreshed, CUSTOMERS, customers.refreshed),
    on(AccessProven, CUSTOMERS, customers.access_proven),
    on(AccessUnanswered, CUSTOMERS, customers.access_unanswered),
    on(AccessNotProven, CUSTOMERS, customers.access_lost),
    on(AccessLost, CUSTOMERS, customers.access_lost),
    on(AccessRecovered, CUSTOMERS, customers.access_recovered),
)


def hourly_counts_id(record: Record) -> str:
    """The day it was said, and the customer's share, by Kafka's own hash."""
    day = record.time.astimezone(UTC).date().isoformat()
    return f"{day}/{(murmur2(record.key.encode()) & 0x7FFFFFFF) % hourly_counts.SHARES:02}"


def _count(counts: HourlyCounts | None, record: Record, now: datetime) -> Change[HourlyCounts] | None:
    return hourly_counts.count(counts, hourly_counts_id(record), record.event, record.time)


COUNTS = tuple(on_record(event, HOURLY_COUNTS, _count, key=hourly_counts_id) for event in hourly_counts.COUNTED)
