"""What auth-svc consumes: customers and verdicts from config-svc, the invitee's sign-ins from invite-svc."""

from __future__ import annotations

from auth_svc.domain import attempts, customers, health
from shared.contracts.events import (
    AuthenticationStarted,
    AuthenticationStopped,
    CustomerChanged,
    CustomerRegistered,
    CustomerRemoved,
    Event,
    SignInReturned,
    SwitchCancelled,
    SwitchCompleted,
    SwitchExpired,
    SwitchFailed,
    SwitchRequested,
    TenantPinned,
    TenantReleased,
    ValidationRequested,
)
from shared.messaging.event_handlers import on

ACCESS = "access"


def _customer(event: Event) -> str:
    return event.customer


CONSUMES = (
    on(CustomerRegistered, ACCESS, key=_customer, rule=customers.register),
    on(CustomerChanged, ACCESS, key=_customer, rule=customers.register),
    on(CustomerRemoved, ACCESS, key=_customer, rule=customers.remove),
    on(TenantPinned, ACCESS, key=_customer, rule=customers.pin),
    on(TenantReleased, ACCESS, key=_customer, rule=customers.release),
    on(SwitchRequested, ACCESS, key=_customer, rule=attempts.switch_requested),
    on(AuthenticationStarted, ACCESS, key=_customer, rule=attempts.start),
    on(AuthenticationStopped, ACCESS, key=_customer, rule=attempts.stop),
    on(SignInReturned, ACCESS, key=_customer, rule=attempts.take_answer),
    on(SwitchCompleted, ACCESS, key=_customer, rule=customers.complete),
    on(SwitchCancelled, ACCESS, key=_customer, rule=customers.end),
    on(SwitchExpired, ACCESS, key=_customer, rule=customers.end),
    on(SwitchFailed, ACCESS, key=_customer, rule=customers.end),
    on(ValidationRequested, ACCESS, key=_customer, rule=health.request),
)
