"""What auth-svc consumes: customers and verdicts from config-svc, the invitee's sign-ins from invite-svc."""

from __future__ import annotations

from auth_svc.domain import attempts, customers, keep_alive
from shared.contracts.events import (
    AuthenticationStarted,
    AuthenticationStopped,
    CustomerChanged,
    CustomerRegistered,
    CustomerRemoved,
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


SUBSCRIPTIONS = (
    on(CustomerRegistered, ACCESS, customers.register),
    on(CustomerChanged, ACCESS, customers.register),
    on(CustomerRemoved, ACCESS, customers.remove),
    on(TenantPinned, ACCESS, customers.pin),
    on(TenantReleased, ACCESS, customers.release),
    on(SwitchRequested, ACCESS, attempts.begin_switch),
    on(AuthenticationStarted, ACCESS, attempts.start),
    on(AuthenticationStopped, ACCESS, attempts.stop),
    on(SignInReturned, ACCESS, attempts.take_answer),
    on(SwitchCompleted, ACCESS, customers.complete),
    on(SwitchCancelled, ACCESS, customers.end),
    on(SwitchExpired, ACCESS, customers.end),
    on(SwitchFailed, ACCESS, customers.end),
    on(ValidationRequested, ACCESS, keep_alive.request_validation),
)
