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

CONSUMES = (
    on(SwitchRequested, INVITATIONS, key=invitation_id, rule=invitations.create),
    on(InvitationResendRequested, INVITATIONS, key=invitation_id, rule=invitations.resend),
    on(SwitchCompleted, INVITATIONS, key=invitation_id, rule=invitations.complete),
    on(SwitchCancelled, INVITATIONS, key=invitation_id, rule=invitations.cancel),
    on(SwitchExpired, INVITATIONS, key=invitation_id, rule=invitations.expire),
    on(SwitchFailed, INVITATIONS, key=invitation_id, rule=invitations.fail),
    on(DeviceCodeIssued, INVITATIONS, key=invitation_id, rule=attempts.show_code),
    on(SignInReady, INVITATIONS, key=invitation_id, rule=attempts.show_sign_in),
    on(AuthenticationFailed, INVITATIONS, key=invitation_id, rule=attempts.fail),
    on(TokenClaimed, INVITATIONS, key=invitation_id, rule=attempts.await_verdict),
    on(AppRegistrationProven, INVITATIONS, key=invitation_id, rule=attempts.await_verdict),
)
