"""What invite-svc consumes: the switch's beginning and end from config-svc, the sign-in's progress from auth-svc."""

from __future__ import annotations

from invite_svc import domain
from invite_svc.domain import invitation_id
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
    on(SwitchRequested, INVITATIONS, key=invitation_id, rule=domain.invite),
    on(InvitationResendRequested, INVITATIONS, key=invitation_id, rule=domain.resend),
    on(SwitchCompleted, INVITATIONS, key=invitation_id, rule=domain.complete),
    on(SwitchCancelled, INVITATIONS, key=invitation_id, rule=domain.cancel),
    on(SwitchExpired, INVITATIONS, key=invitation_id, rule=domain.expire),
    on(SwitchFailed, INVITATIONS, key=invitation_id, rule=domain.fail),
    on(DeviceCodeIssued, INVITATIONS, key=invitation_id, rule=domain.show_code),
    on(SignInReady, INVITATIONS, key=invitation_id, rule=domain.show_sign_in),
    on(AuthenticationFailed, INVITATIONS, key=invitation_id, rule=domain.attempt_failed),
    on(TokenClaimed, INVITATIONS, key=invitation_id, rule=domain.claim),
    on(AppRegistrationProven, INVITATIONS, key=invitation_id, rule=domain.claim),
)
