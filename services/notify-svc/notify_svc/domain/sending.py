"""What became of a mail: sent, to be tried later, given up. And when the next one is due."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from notify_svc.domain.model import (
    INVITATION_KINDS,
    MAX_TRIES,
    RETRY_AFTER_SECONDS,
    TEXTS_RETRY_AFTER,
    TEXTS_WAIT,
    Kind,
    MailFacts,
    OutgoingMail,
    OutgoingMails,
    queue,
    with_mail,
)
from shared.contracts.events import EmailFailed, EmailSent
from shared.domain.rules import Change


def _queued(outgoing: OutgoingMails | None, kind: Kind, serial: int) -> OutgoingMail | None:
    mail = outgoing.mail(kind) if outgoing else None
    return mail if mail and mail.serial == serial and mail.state == "queued" else None


def mark_sent(outgoing: OutgoingMails | None, kind: Kind, serial: int, now: datetime) -> Change[OutgoingMails] | None:
    """The mail server took it. It is counted also if it was dropped, or replaced by a newer one, meanwhile."""
    mail = outgoing.mail(kind) if outgoing else None
    if outgoing is None or mail is None or mail.serial < serial or mail.state == "sent":
        return None
    done = replace(mail, count=mail.count + 1)
    if mail.serial == serial:
        done = replace(done, state="sent", tries=mail.tries + 1, next=None)
    event = EmailSent(
        customer=outgoing.customer,
        switch=outgoing.switch,
        kind=kind,
        generation=mail.generation,
        tries=max(1, done.tries),
        count=done.count,
    )
    return Change(_take_back(with_mail(outgoing, done), done, now), (event,))


def _take_back(outgoing: OutgoingMails, mail: OutgoingMail, now: datetime) -> OutgoingMails:
    """An invitation that was on its way while it was taken back: who got it is told."""
    if not outgoing.withdrawn or mail.kind not in INVITATION_KINDS or outgoing.mail("revoked"):
        return outgoing
    return queue(outgoing, "revoked", now, MailFacts(), mail.generation)


def try_later(
    outgoing: OutgoingMails | None, kind: Kind, serial: int, why: str, now: datetime
) -> Change[OutgoingMails] | None:
    """The mail server could not take it now. Said once, not at every try; given up after a day."""
    mail = _queued(outgoing, kind, serial)
    if outgoing is None or mail is None:
        return None
    tries = mail.tries + 1
    if tries >= MAX_TRIES:
        return give_up(outgoing, kind, serial, why, now)
    wait = timedelta(seconds=RETRY_AFTER_SECONDS[min(tries, len(RETRY_AFTER_SECONDS)) - 1])
    event = EmailFailed(
        customer=outgoing.customer,
        switch=outgoing.switch,
        kind=kind,
        generation=mail.generation,
        tries=tries,
        why=why,
        final=False,
    )
    events = (event,) if tries in (1, 5, 20, 100) else ()
    return Change(with_mail(outgoing, replace(mail, tries=tries, next=now + wait)), events)


def give_up(
    outgoing: OutgoingMails | None, kind: Kind, serial: int, why: str, now: datetime
) -> Change[OutgoingMails] | None:
    """Refused for good: the address or the text is not accepted."""
    mail = _queued(outgoing, kind, serial)
    if outgoing is None or mail is None:
        return None
    failed = replace(mail, state="failed", tries=mail.tries + 1, next=None)
    event = EmailFailed(
        customer=outgoing.customer,
        switch=outgoing.switch,
        kind=kind,
        generation=mail.generation,
        tries=failed.tries,
        why=why,
        final=True,
    )
    return Change(with_mail(outgoing, failed), (event,))


def may_await_texts(mail: OutgoingMail, now: datetime) -> bool:
    """The texts come by another way than the switch, so they may be late; a mail does not wait for ever."""
    return now - mail.queued_at < TEXTS_WAIT


def await_texts(outgoing: OutgoingMails | None, kind: Kind, serial: int, now: datetime) -> Change[OutgoingMails] | None:
    """Not a try: the mail server was not asked."""
    mail = _queued(outgoing, kind, serial)
    if outgoing is None or mail is None:
        return None
    return Change(with_mail(outgoing, replace(mail, next=now + TEXTS_RETRY_AFTER)))


def next_deadline(outgoing: OutgoingMails) -> datetime | None:
    return min((n.next for n in outgoing.mails if n.state == "queued" and n.next), default=None)


def next_due(outgoing: OutgoingMails, now: datetime) -> OutgoingMail | None:
    """The mail to send now: the one that has waited longest."""
    due = [n for n in outgoing.mails if n.state == "queued" and n.next and n.next <= now]
    return min(due, key=lambda mail: (mail.next, mail.queued_at), default=None)
