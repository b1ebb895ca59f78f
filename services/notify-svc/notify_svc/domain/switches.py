"""Facts of a switch: what invites, what ends, what the operator is told."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from notify_svc.domain.model import (
    INVITING,
    REFUSED_AGAIN_AFTER,
    Facts,
    Kind,
    Notices,
    drop,
    of_switch,
    queue,
    switch_id,
)
from shared.contracts.events import (
    AuthenticationFailed,
    Event,
    InvitationCreated,
    InvitationReminded,
    InvitationResent,
    InvitationRevoked,
    NewInvitationAsked,
    SwitchCancelled,
    SwitchCompleted,
    SwitchExpired,
    SwitchFailed,
    SwitchRequested,
)
from shared.domain.rules import Change


def begin(notices: Notices | None, event: SwitchRequested, now: datetime) -> Change[Notices] | None:
    """Who is concerned by this switch."""
    if notices is not None and notices.customer_name:
        return None
    known = notices or Notices(id=switch_id(event), customer=event.customer, switch=event.switch)
    return Change(
        replace(
            known,
            customer_name=event.customer_name,
            tenant_name=event.tenant_name,
            to=event.to,
            renew=event.renew,
            invitee=event.invitee,
            inviter=event.inviter,
            locale=event.locale,
            methods=event.methods,
            expires_at=event.expires_at,
            texts_version=event.texts_version,
        )
    )


def invite(
    notices: Notices | None, event: InvitationCreated | InvitationResent | InvitationReminded, now: datetime
) -> Change[Notices] | None:
    """The invitation, or a newer one, or a reminder of it."""
    kinds: dict[type[Event], Kind] = {
        InvitationCreated: "invitation",
        InvitationResent: "resend",
        InvitationReminded: "reminder",
    }
    notices = of_switch(notices, event)
    if notices.over:
        return None
    dated = replace(notices, expires_at=event.expires_at)
    changed, dropped = drop(dated, INVITING, "replaced by a newer one", final=False)
    queued = queue(changed, kinds[type(event)], now, Facts(expires_at=event.expires_at), event.generation)
    return Change(queued, dropped)


def revoke(notices: Notices | None, event: InvitationRevoked, now: datetime) -> Change[Notices] | None:
    """The invitation was taken back: said only to who got one (also to who turns out later to have got one)."""
    notices = of_switch(notices, event)
    if notices.withdrawn:
        return None
    withdrawn = replace(notices, withdrawn=True)
    was_sent = any(notice.kind in INVITING and notice.count for notice in notices.notices)
    return Change(queue(withdrawn, "revoked", now, Facts(), event.generation) if was_sent else withdrawn)


def complete(notices: Notices | None, event: SwitchCompleted, now: datetime) -> Change[Notices] | None:
    """Done: said to the invitee and to the operator who asked."""
    notices = of_switch(notices, event)
    if notices.over:
        return None
    over, dropped = drop(replace(notices, over=True), INVITING, "the switch ended", final=True)
    if not event.invited:
        return Change(over, dropped)
    facts = Facts(account=event.account, method=event.method)
    return Change(queue(queue(over, "done", now, facts), "operator_done", now, facts), dropped)


def end(
    notices: Notices | None, event: SwitchCancelled | SwitchExpired | SwitchFailed, now: datetime
) -> Change[Notices] | None:
    """Cancelled, expired or failed: what invites is dropped; an expiry is said to the operator."""
    notices = of_switch(notices, event)
    if notices.over:
        return None
    over, dropped = drop(replace(notices, over=True), INVITING, "the switch ended", final=True)
    if isinstance(event, SwitchExpired) and event.invited:
        over = queue(over, "expired", now, Facts())
    return Change(over, dropped)


def refuse(notices: Notices | None, event: AuthenticationFailed, now: datetime) -> Change[Notices] | None:
    """A sign-in failed: said to the operator, hourly at most."""
    notices = of_switch(notices, event)
    last = notices.notice("refused")
    if notices.over or notices.invitee is None or (last and now - last.queued_at < REFUSED_AGAIN_AFTER):
        return None
    facts = Facts(
        reason=event.reason,
        aadsts=event.aadsts,
        correlation_id=event.correlation_id,
        account=event.account,
        method=event.method,
    )
    return Change(queue(notices, "refused", now, facts))


def ask(notices: Notices | None, event: NewInvitationAsked, now: datetime) -> Change[Notices]:
    """The invitee wants a new invitation."""
    return Change(queue(of_switch(notices, event), "asked", now, Facts(), event.generation))
