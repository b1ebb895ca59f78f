"""What notify-svc consumes: whatever somebody is to be mailed about, and what ends that."""

from __future__ import annotations

from notify_svc.domain import access, switches, texts
from notify_svc.domain.model import access_id, switch_id
from notify_svc.domain.texts import newest_id, version_id
from shared.contracts.events import (
    AccessLost,
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

OUTGOING_MAILS, TEXTS = "outgoing_mails", "texts"

CONSUMES = (
    on(SwitchRequested, OUTGOING_MAILS, key=switch_id, rule=switches.begin),
    on(InvitationCreated, OUTGOING_MAILS, key=switch_id, rule=switches.invite),
    on(InvitationResent, OUTGOING_MAILS, key=switch_id, rule=switches.invite),
    on(InvitationReminded, OUTGOING_MAILS, key=switch_id, rule=switches.invite),
    on(InvitationRevoked, OUTGOING_MAILS, key=switch_id, rule=switches.revoke),
    on(SwitchCompleted, OUTGOING_MAILS, key=switch_id, rule=switches.complete),
    on(SwitchCancelled, OUTGOING_MAILS, key=switch_id, rule=switches.end),
    on(SwitchExpired, OUTGOING_MAILS, key=switch_id, rule=switches.end),
    on(SwitchFailed, OUTGOING_MAILS, key=switch_id, rule=switches.end),
    on(AuthenticationFailed, OUTGOING_MAILS, key=switch_id, rule=switches.report_failure),
    on(NewInvitationAsked, OUTGOING_MAILS, key=switch_id, rule=switches.report_request),
    on(AccessLost, OUTGOING_MAILS, key=access_id, rule=access.report_change),
    on(AccessRecovered, OUTGOING_MAILS, key=access_id, rule=access.report_change),
    on(SecretExpiring, OUTGOING_MAILS, key=access_id, rule=access.report_change),
    on(CustomerRemoved, OUTGOING_MAILS, key=access_id, rule=access.forget),
    on(SettingsChanged, TEXTS, key=version_id, rule=texts.keep),
    on(SettingsChanged, TEXTS, key=newest_id, rule=texts.keep),
)
