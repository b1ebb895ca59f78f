"""What invite-svc consumes: the switch's beginning and end from config-svc, the sign-in's progress from auth-svc."""

from __future__ import annotations

from invite_svc.domain import attempts, invitations
from invite_svc.domain.model import invitation_id
from shared.contracts.events import (
    AppRegistrationProven,
    AuthenticationFailed,
    DeviceCodeIssued,
    InvitationResendRequested,
    SignInReady,
    SwitchCancelled,
    SwitchCompleted,
    SwitchExpired,
    SwitchFailed,
    SwitchRequested,
    TokenClaimed,
)
from shared.messaging.event_handlers import on

INVITATIONS = "invitations"

SUBSCRIPTIONS = (
    on(SwitchRequested, INVITATIONS, invitations.create, key=invitation_id),
    on(InvitationResendRequested, INVITATIONS, invitations.resend, key=invitation_id),
    on(SwitchCompleted, INVITATIONS, invitations.complete, key=invitation_id),
    on(SwitchCancelled, INVITATIONS, invitations.cancel, key=invitation_id),
    on(SwitchExpired, INVITATIONS, invitations.expire, key=invitation_id),
    on(SwitchFailed, INVITATIONS, invitations.fail, key=invitation_id),
    on(DeviceCodeIssued, INVITATIONS, attempts.show_code, key=invitation_id),
    on(SignInReady, INVITATIONS, attempts.show_sign_in, key=invitation_id),
    on(AuthenticationFailed, INVITATIONS, attempts.fail, key=invitation_id),
    on(TokenClaimed, INVITATIONS, attempts.await_verdict, key=invitation_id),
    on(AppRegistrationProven, INVITATIONS, attempts.await_verdict, key=invitation_id),
)
