"""What notify-svc decides: which mail is owed to whom, when it is tried again, when it is dropped. Pure rules.

One document per switch (and one per customer for its access). One notice per kind and addressee; a newer one replaces
one that was not sent yet. Addresses are known here, links and texts only to the code that sends.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from shared.change import Change
from shared.events import (
    AccessLost,
    AccessRecovered,
    Account,
    Actor,
    AuthenticationFailed,
    CustomerRemoved,
    EmailFailed,
    EmailSent,
    Event,
    InForce,
    InvitationCreated,
    InvitationReminded,
    InvitationResent,
    InvitationRevoked,
    Method,
    NewInvitationAsked,
    Person,
    SecretExpiring,
    SwitchCancelled,
    SwitchCompleted,
    SwitchExpired,
    SwitchFailed,
    SwitchRequested,
    Target,
)

Kind = Literal[
    "invitation", "resend", "reminder", "done", "revoked",  # to the invitee
    "operator_done", "refused", "expired", "asked",  # to the operator who asked
    "access_lost", "access_recovered", "secret_expiring",  # to the operations address
]  # fmt: skip
Addressee = Literal["invitee", "inviter", "operations"]

TO: dict[Kind, Addressee] = {
    "invitation": "invitee", "resend": "invitee", "reminder": "invitee", "done": "invitee", "revoked": "invitee",
    "operator_done": "inviter", "refused": "inviter", "expired": "inviter", "asked": "inviter",
    "access_lost": "operations", "access_recovered": "operations", "secret_expiring": "operations",
}  # fmt: skip
INVITING: tuple[Kind, ...] = ("invitation", "resend", "reminder")
REFUSED_AGAIN_AFTER = timedelta(hours=1)
WAITS = (5, 15, 30, 60, 60, 60, 120, 300)
"""Seconds before the next try; the last one repeats."""
MAX_TRIES = 300


@dataclass(frozen=True, slots=True)
class Facts:
    """What a mail may say beside the document's own fields."""

    expires_at: datetime | None = None
    reason: str | None = None
    aadsts: int | None = None
    correlation_id: str | None = None
    account: Account | None = None
    method: Method | InForce | None = None
    days_left: int | None = None
    expires_on: str | None = None


@dataclass(frozen=True, slots=True)
class Notice:
    """One mail that is owed, sent, failed or dropped. `serial` counts the notices of this kind (for the Message-ID)."""

    kind: Kind
    state: Literal["queued", "sent", "failed", "dropped"]
    queued_at: datetime
    generation: int = 1
    serial: int = 1
    tries: int = 0
    count: int = 0
    next: datetime | None = None
    facts: Facts = Facts()


@dataclass(frozen=True, slots=True)
class Notices:
    """The mails of one switch (or, with `switch` 0, of a customer's access)."""

    id: str
    customer: str
    switch: int = 0
    customer_name: str = ""
    tenant_name: str = ""
    to: Target = "token"
    renew: bool = False
    invitee: Person | None = None
    inviter: Actor | None = None
    locale: str = "en"
    methods: tuple[Method, ...] = ()
    expires_at: datetime | None = None
    texts_version: int = 0
    notices: tuple[Notice, ...] = ()
    over: bool = False

    def notice(self, kind: Kind) -> Notice | None:
        return next((notice for notice in self.notices if notice.kind == kind), None)


def switch_id(event: Any) -> str:
    return f"{event.customer}/{event.switch}"


def access_id(event: Event) -> str:
    return f"{event.customer}/access"


# --- facts of a switch --------------------------------------------------------------------------------------------


def begin(notices: Notices | None, event: SwitchRequested, now: datetime) -> Change[Notices] | None:
    """Who is concerned by this switch."""
    if notices is not None and notices.customer_name:
        return None
    known = notices or Notices(switch_id(event), event.customer, event.switch)
    return Change(
        replace(
            known, customer_name=event.customer_name, tenant_name=event.tenant_name, to=event.to, renew=event.renew,
            invitee=event.invitee, inviter=event.inviter, locale=event.locale, methods=event.methods,
            expires_at=event.expires_at, texts_version=event.texts_version,
        )  # fmt: skip
    )


def invite(
    notices: Notices | None, event: InvitationCreated | InvitationResent | InvitationReminded, now: datetime
) -> Change[Notices] | None:
    """The invitation, or a newer one, or a reminder of it."""
    kinds: dict[type[Event], Kind] = {InvitationCreated: "invitation", InvitationResent: "resend",
                                      InvitationReminded: "reminder"}  # fmt: skip
    notices = _of(notices, event)
    if notices.over:
        return None
    dated = replace(notices, expires_at=event.expires_at)
    changed, dropped = _drop(dated, INVITING, "replaced by a newer one", final=False)
    queued = _queue(changed, kinds[type(event)], now, Facts(expires_at=event.expires_at), event.generation)
    return Change(queued, dropped)


def revoke(notices: Notices | None, event: InvitationRevoked, now: datetime) -> Change[Notices] | None:
    """The invitation was taken back: said only to who got one."""
    notices = _of(notices, event)
    was_sent = any(notice.kind in INVITING and notice.count for notice in notices.notices)
    if not was_sent or notices.notice("revoked"):
        return None
    return Change(_queue(notices, "revoked", now, Facts(), event.generation))


def complete(notices: Notices | None, event: SwitchCompleted, now: datetime) -> Change[Notices] | None:
    """Done: said to the invitee and to the operator who asked."""
    notices = _of(notices, event)
    if notices.over:
        return None
    over, dropped = _drop(replace(notices, over=True), INVITING, "the switch ended", final=True)
    if not event.invited:
        return Change(over, dropped)
    facts = Facts(account=event.account, method=event.method)
    return Change(_queue(_queue(over, "done", now, facts), "operator_done", now, facts), dropped)


def end(
    notices: Notices | None, event: SwitchCancelled | SwitchExpired | SwitchFailed, now: datetime
) -> Change[Notices] | None:
    """Cancelled, expired or failed: what invites is dropped; an expiry is said to the operator."""
    notices = _of(notices, event)
    if notices.over:
        return None
    over, dropped = _drop(replace(notices, over=True), INVITING, "the switch ended", final=True)
    if isinstance(event, SwitchExpired) and event.invited:
        over = _queue(over, "expired", now, Facts())
    return Change(over, dropped)


def refuse(notices: Notices | None, event: AuthenticationFailed, now: datetime) -> Change[Notices] | None:
    """A sign-in failed: said to the operator, hourly at most."""
    notices = _of(notices, event)
    last = notices.notice("refused")
    if notices.over or notices.invitee is None or (last and now - last.queued_at < REFUSED_AGAIN_AFTER):
        return None
    facts = Facts(reason=event.reason, aadsts=event.aadsts, correlation_id=event.correlation_id,
                  account=event.account, method=event.method)  # fmt: skip
    return Change(_queue(notices, "refused", now, facts))


def ask(notices: Notices | None, event: NewInvitationAsked, now: datetime) -> Change[Notices]:
    """The invitee wants a new invitation."""
    return Change(_queue(_of(notices, event), "asked", now, Facts(), event.generation))


# --- facts of a customer's access ---------------------------------------------------------------------------------


def access_changed(
    notices: Notices | None, event: AccessLost | AccessRecovered | SecretExpiring, now: datetime
) -> Change[Notices] | None:
    notices = notices or Notices(access_id(event), event.customer)
    if notices.over:
        return None
    notices = replace(notices, customer_name=event.customer_name)
    if isinstance(event, AccessLost):
        facts = Facts(reason=event.reason, aadsts=event.aadsts, correlation_id=event.correlation_id,
                      method=event.method)  # fmt: skip
        return Change(_queue(notices, "access_lost", now, facts))
    if isinstance(event, AccessRecovered):
        return Change(_queue(notices, "access_recovered", now, Facts(method=event.method)))
    return Change(
        _queue(notices, "secret_expiring", now, Facts(days_left=event.days_left, expires_on=event.expires_on))
    )


def forget(notices: Notices | None, event: CustomerRemoved, now: datetime) -> Change[Notices]:
    """The customer is gone: nothing more about its access is mailed."""
    notices = notices or Notices(access_id(event), event.customer)
    over, _ = _drop(replace(notices, over=True), tuple(TO), "the customer was removed", final=True)
    return Change(over)


# --- sending ------------------------------------------------------------------------------------------------------


def _of(notices: Notices | None, event: Any) -> Notices:
    return notices or Notices(switch_id(event), event.customer, event.switch)


def _queue(notices: Notices, kind: Kind, now: datetime, facts: Facts, generation: int = 1) -> Notices:
    old = notices.notice(kind)
    serial, count = (old.serial + 1, old.count) if old else (1, 0)
    queued = Notice(kind, "queued", now, generation, serial, 0, count, now, facts)
    others = tuple(notice for notice in notices.notices if notice.kind != kind)
    return replace(notices, notices=(*others, queued))


def _drop(
    notices: Notices, kinds: tuple[Kind, ...], why: str, *, final: bool
) -> tuple[Notices, tuple[Event, ...]]:
    """Notices of these kinds that were not sent yet never will be."""
    dropped = [notice for notice in notices.notices if notice.kind in kinds and notice.state == "queued"]
    kept = tuple(replace(n, state="dropped", next=None) if n in dropped else n for n in notices.notices)
    said = tuple(
        EmailFailed(notices.customer, notices.switch, n.kind, n.generation, n.tries, why, final) for n in dropped
    )
    return replace(notices, notices=kept), said


def _queued(notices: Notices | None, kind: Kind, serial: int) -> Notice | None:
    notice = notices.notice(kind) if notices else None
    return notice if notice and notice.serial == serial and notice.state == "queued" else None


def sent(notices: Notices | None, kind: Kind, serial: int, now: datetime) -> Change[Notices] | None:
    """The mail server took it. A notice dropped meanwhile is counted all the same: it was sent."""
    notice = notices.notice(kind) if notices else None
    if notices is None or notice is None or notice.serial != serial or notice.state == "sent":
        return None
    done = replace(notice, state="sent", tries=notice.tries + 1, count=notice.count + 1, next=None)
    event = EmailSent(notices.customer, notices.switch, kind, notice.generation, done.tries, done.count)
    return Change(_with(notices, done), (event,))


def try_later(
    notices: Notices | None, kind: Kind, serial: int, why: str, now: datetime
) -> Change[Notices] | None:
    """The mail server could not take it now. Said once, not at every try; given up after a day."""
    notice = _queued(notices, kind, serial)
    if notices is None or notice is None:
        return None
    tries = notice.tries + 1
    if tries >= MAX_TRIES:
        return give_up(notices, kind, serial, why, now)
    wait = timedelta(seconds=WAITS[min(tries, len(WAITS)) - 1])
    event = EmailFailed(notices.customer, notices.switch, kind, notice.generation, tries, why, False)
    events = (event,) if tries in (1, 5, 20, 100) else ()
    return Change(_with(notices, replace(notice, tries=tries, next=now + wait)), events)


def give_up(notices: Notices | None, kind: Kind, serial: int, why: str, now: datetime) -> Change[Notices] | None:
    """Refused for good: the address or the text is not accepted."""
    notice = _queued(notices, kind, serial)
    if notices is None or notice is None:
        return None
    failed = replace(notice, state="failed", tries=notice.tries + 1, next=None)
    event = EmailFailed(notices.customer, notices.switch, kind, notice.generation, failed.tries, why, True)
    return Change(_with(notices, failed), (event,))


def _with(notices: Notices, changed: Notice) -> Notices:
    kept = tuple(changed if notice.kind == changed.kind else notice for notice in notices.notices)
    return replace(notices, notices=kept)


def deadline(notices: Notices) -> datetime | None:
    return min((n.next for n in notices.notices if n.state == "queued" and n.next), default=None)
