"""What config-svc consumes: it hears all events; these change customers and tenants, every one is history."""

from __future__ import annotations

from datetime import UTC, datetime

from aiokafka.partitioner import murmur2

from config_svc.domain import customers, hourly_counts, switches, tenants
from config_svc.domain.hourly_counts import HourlyCounts
from shared.contracts.cloudevents import Record
from shared.contracts.events import (
    AccessLost,
    AccessRecovered,
    AppRegistrationProven,
    AuthenticationFailed,
    AuthenticationStarted,
    AuthenticationStopped,
    AuthenticationValidated,
    DeviceCodeIssued,
    EmailFailed,
    EmailSent,
    Event,
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


def _customer(event: Event) -> str:
    return event.customer


def _tenant(event: TenantResolved | TenantReleased) -> str:
    return event.tenant_id


CONSUMES = (
    on(TenantResolved, TENANTS, key=_tenant, rule=tenants.claim),
    on(TenantReleased, TENANTS, key=_tenant, rule=tenants.release),
    on(TenantPinned, CUSTOMERS, key=_customer, rule=customers.pin),
    on(TenantTaken, CUSTOMERS, key=_customer, rule=customers.tenant_missing),
    on(TenantUnknown, CUSTOMERS, key=_customer, rule=customers.tenant_missing),
    on(InvitationCreated, CUSTOMERS, key=_customer, rule=switches.invited),
    on(InvitationResent, CUSTOMERS, key=_customer, rule=switches.invited),
    on(InvitationOpened, CUSTOMERS, key=_customer, rule=switches.opened),
    on(InvitationExpired, CUSTOMERS, key=_customer, rule=switches.expired),
    on(AuthenticationStarted, CUSTOMERS, key=_customer, rule=switches.started),
    on(AuthenticationStopped, CUSTOMERS, key=_customer, rule=switches.stopped),
    on(AuthenticationFailed, CUSTOMERS, key=_customer, rule=switches.attempt_failed),
    on(DeviceCodeIssued, CUSTOMERS, key=_customer, rule=switches.stepped),
    on(SignInReady, CUSTOMERS, key=_customer, rule=switches.stepped),
    on(SignInReturned, CUSTOMERS, key=_customer, rule=switches.stepped),
    on(TokenClaimed, CUSTOMERS, key=_customer, rule=switches.claimed),
    on(AppRegistrationProven, CUSTOMERS, key=_customer, rule=switches.proven),
    on(EmailSent, CUSTOMERS, key=_customer, rule=switches.mailed),
    on(EmailFailed, CUSTOMERS, key=_customer, rule=switches.mailed),
    on(AuthenticationValidated, CUSTOMERS, key=_customer, rule=customers.validated),
    on(GrantRefreshed, CUSTOMERS, key=_customer, rule=customers.refreshed),
    on(AccessLost, CUSTOMERS, key=_customer, rule=customers.access_lost),
    on(AccessRecovered, CUSTOMERS, key=_customer, rule=customers.access_recovered),
)


def hourly_counts_id(record: Record) -> str:
    """The day it was said, and the customer's share, by Kafka's own hash."""
    day = record.time.astimezone(UTC).date().isoformat()
    return f"{day}/{(murmur2(record.key.encode()) & 0x7FFFFFFF) % hourly_counts.SHARES:02}"


def _count(counts: HourlyCounts | None, record: Record, now: datetime) -> Change[HourlyCounts] | None:
    return hourly_counts.count(counts, hourly_counts_id(record), record.event, record.time)


COUNTS = tuple(on_record(event, HOURLY_COUNTS, key=hourly_counts_id, rule=_count) for event in hourly_counts.COUNTED)
