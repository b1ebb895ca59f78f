"""What notify-svc consumes: whatever somebody is to be mailed about, and what ends that."""

from __future__ import annotations

from notify_svc.domain import access, switches, texts
from notify_svc.domain.access import operations
from notify_svc.domain.model import switch_id
from notify_svc.domain.texts import newest_id, version_id
from shared.contracts.events import (
    AccessLost,
    AccessNotProven,
    AccessProven,
    AccessRecovered,
    AuthenticationFailed,
    CustomerRemoved,
    InvitationCreated,
    InvitationReminded,
    InvitationResent,
    InvitationRevoked,
    NewInvitationAsked,
    SecretExpiring,
    SettingsChanged,
    SwitchCancelled,
    SwitchCompleted,
    SwitchExpired,
    SwitchFailed,
    SwitchRequested,
)
from shared.messaging.event_handlers import on

OUTGOING_MAILS, ACCESS_MAILS, TEXTS = "outgoing_mails", "access_mails", "texts"

SUBSCRIPTIONS = (
    on(SwitchRequested, OUTGOING_MAILS, switches.begin, key=switch_id),
    on(InvitationCreated, OUTGOING_MAILS, switches.invite, key=switch_id),
    on(InvitationResent, OUTGOING_MAILS, switches.invite, key=switch_id),
    on(InvitationReminded, OUTGOING_MAILS, switches.invite, key=switch_id),
    on(InvitationRevoked, OUTGOING_MAILS, switches.revoke, key=switch_id),
    on(SwitchCompleted, OUTGOING_MAILS, switches.complete, key=switch_id),
    on(SwitchCancelled, OUTGOING_MAILS, switches.end, key=switch_id),
    on(SwitchExpired, OUTGOING_MAILS, switches.end, key=switch_id),
    on(SwitchFailed, OUTGOING_MAILS, switches.end, key=switch_id),
    on(AuthenticationFailed, OUTGOING_MAILS, switches.report_failure, key=switch_id),
    on(NewInvitationAsked, OUTGOING_MAILS, switches.report_request, key=switch_id),
    on(AccessLost, ACCESS_MAILS, access.report, key=operations),
    on(AccessNotProven, ACCESS_MAILS, access.report, key=operations),
    on(AccessRecovered, ACCESS_MAILS, access.report, key=operations),
    on(SecretExpiring, ACCESS_MAILS, access.report, key=operations),
    on(AccessProven, ACCESS_MAILS, access.settle, key=operations),
    on(CustomerRemoved, ACCESS_MAILS, access.forget, key=operations),
    on(SettingsChanged, TEXTS, texts.keep, key=version_id),
    on(SettingsChanged, TEXTS, texts.keep, key=newest_id),
)
