"""What notify-svc consumes: whatever somebody is to be mailed about, and what ends that."""

from __future__ import annotations

from notify_svc import domain
from notify_svc.domain import access_id, newest_id, switch_id, version_id
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

NOTICES, TEXTS = "notices", "texts"

CONSUMES = (
    on(SwitchRequested, NOTICES, key=switch_id, rule=domain.begin),
    on(InvitationCreated, NOTICES, key=switch_id, rule=domain.invite),
    on(InvitationResent, NOTICES, key=switch_id, rule=domain.invite),
    on(InvitationReminded, NOTICES, key=switch_id, rule=domain.invite),
    on(InvitationRevoked, NOTICES, key=switch_id, rule=domain.revoke),
    on(SwitchCompleted, NOTICES, key=switch_id, rule=domain.complete),
    on(SwitchCancelled, NOTICES, key=switch_id, rule=domain.end),
    on(SwitchExpired, NOTICES, key=switch_id, rule=domain.end),
    on(SwitchFailed, NOTICES, key=switch_id, rule=domain.end),
    on(AuthenticationFailed, NOTICES, key=switch_id, rule=domain.refuse),
    on(NewInvitationAsked, NOTICES, key=switch_id, rule=domain.ask),
    on(AccessLost, NOTICES, key=access_id, rule=domain.access_changed),
    on(AccessRecovered, NOTICES, key=access_id, rule=domain.access_changed),
    on(SecretExpiring, NOTICES, key=access_id, rule=domain.access_changed),
    on(CustomerRemoved, NOTICES, key=access_id, rule=domain.forget),
    on(SettingsChanged, TEXTS, key=version_id, rule=domain.keep),
    on(SettingsChanged, TEXTS, key=newest_id, rule=domain.keep),
)
