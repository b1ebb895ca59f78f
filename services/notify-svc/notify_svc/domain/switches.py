"""Facts of a switch: what invites, what ends, what the operator is told."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from notify_svc.domain.model import (
    INVITATION_KINDS,
    REFUSED_AGAIN_AFTER,
    Kind,
    MailFacts,
    OutgoingMails,
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


def begin(outgoing: OutgoingMails | None, event: SwitchRequested, now: datetime) -> Change[OutgoingMails] | None:
    """Who is concerned by this switch."""
    if outgoing is not None and outgoing.customer_name:
        return None
    known = outgoing or OutgoingMails(id=switch_id(event), customer=event.customer, switch=event.switch)
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
    outgoing: OutgoingMails | None, event: InvitationCreated | InvitationResent | InvitationReminded, now: datetime
) -> Change[OutgoingMails] | None:
    """The invitation, or a newer one, or a reminder of it."""
    kinds: dict[type[Event], Kind] = {
        InvitationCreated: "invitation",
        InvitationResent: "resend",
        InvitationReminded: "reminder",
    }
    outgoing = of_switch(outgoing, event)
    if outgoing.over:
        return None
    dated = replace(outgoing, expires_at=event.expires_at)
    changed, dropped = drop(dated, INVITATION_KINDS, "replaced by a newer one", final=False)
    queued = queue(changed, kinds[type(event)], now, MailFacts(expires_at=event.expires_at), event.generation)
    return Change(queued, dropped)


def revoke(outgoing: OutgoingMails | None, event: InvitationRevoked, now: datetime) -> Change[OutgoingMails] | None:
    """The invitation was taken back: said only to who got one (also to who turns out later to have got one)."""
    outgoing = of_switch(outgoing, event)
    if outgoing.withdrawn:
        return None
    withdrawn = replace(outgoing, withdrawn=True)
    was_sent = any(mail.kind in INVITATION_KINDS and mail.count for mail in outgoing.mails)
    return Change(queue(withdrawn, "revoked", now, MailFacts(), event.generation) if was_sent else withdrawn)


def complete(outgoing: OutgoingMails | None, event: SwitchCompleted, now: datetime) -> Change[OutgoingMails] | None:
    """Done: said to the invitee and to the operator who asked."""
    outgoing = of_switch(outgoing, event)
    if outgoing.over:
        return None
    over, dropped = drop(replace(outgoing, over=True), INVITATION_KINDS, "the switch ended", final=True)
    if not event.invited:
        return Change(over, dropped)
    facts = MailFacts(account=event.account, method=event.method)
    return Change(queue(queue(over, "done", now, facts), "operator_done", now, facts), dropped)


def end(
    outgoing: OutgoingMails | None, event: SwitchCancelled | SwitchExpired | SwitchFailed, now: datetime
) -> Change[OutgoingMails] | None:
    """Cancelled, expired or failed: what invites is dropped; an expiry is said to the operator."""
    outgoing = of_switch(outgoing, event)
    if outgoing.over:
        return None
    over, dropped = drop(replace(outgoing, over=True), INVITATION_KINDS, "the switch ended", final=True)
    if isinstance(event, SwitchExpired) and event.invited:
        over = queue(over, "expired", now, MailFacts())
    return Change(over, dropped)


def report_failure(
    outgoing: OutgoingMails | None, event: AuthenticationFailed, now: datetime
) -> Change[OutgoingMails] | None:
    """A sign-in failed: said to the operator, hourly at most."""
    outgoing = of_switch(outgoing, event)
    last = outgoing.mail("refused")
    if outgoing.over or outgoing.invitee is None or (last and now - last.queued_at < REFUSED_AGAIN_AFTER):
        return None
    facts = MailFacts(
        reason=event.reason,
        aadsts=event.aadsts,
        correlation_id=event.correlation_id,
        account=event.account,
        method=event.method,
    )
    return Change(queue(outgoing, "refused", now, facts))


def report_request(outgoing: OutgoingMails | None, event: NewInvitationAsked, now: datetime) -> Change[OutgoingMails]:
    """The invitee wants a new invitation."""
    return Change(queue(of_switch(outgoing, event), "asked", now, MailFacts(), event.generation))
