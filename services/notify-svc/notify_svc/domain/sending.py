"""What became of a mail: sent, to be tried later, given up. And when the next one is due."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from notify_svc.domain.model import (
    INVITING,
    MAX_TRIES,
    TEXTS_LOOK,
    TEXTS_PATIENCE,
    WAITS,
    Facts,
    Kind,
    Notice,
    Notices,
    queue,
    with_notice,
)
from shared.contracts.events import EmailFailed, EmailSent
from shared.domain.rules import Change


def _queued(notices: Notices | None, kind: Kind, serial: int) -> Notice | None:
    notice = notices.notice(kind) if notices else None
    return notice if notice and notice.serial == serial and notice.state == "queued" else None


def sent(notices: Notices | None, kind: Kind, serial: int, now: datetime) -> Change[Notices] | None:
    """The mail server took it. It is counted also if it was dropped, or replaced by a newer one, meanwhile."""
    notice = notices.notice(kind) if notices else None
    if notices is None or notice is None or notice.serial < serial or notice.state == "sent":
        return None
    done = replace(notice, count=notice.count + 1)
    if notice.serial == serial:
        done = replace(done, state="sent", tries=notice.tries + 1, next=None)
    event = EmailSent(
        customer=notices.customer,
        switch=notices.switch,
        kind=kind,
        generation=notice.generation,
        tries=max(1, done.tries),
        count=done.count,
    )
    return Change(_take_back(with_notice(notices, done), done, now), (event,))


def _take_back(notices: Notices, notice: Notice, now: datetime) -> Notices:
    """An invitation that was on its way while it was taken back: who got it is told."""
    if not notices.withdrawn or notice.kind not in INVITING or notices.notice("revoked"):
        return notices
    return queue(notices, "revoked", now, Facts(), notice.generation)


def try_later(notices: Notices | None, kind: Kind, serial: int, why: str, now: datetime) -> Change[Notices] | None:
    """The mail server could not take it now. Said once, not at every try; given up after a day."""
    notice = _queued(notices, kind, serial)
    if notices is None or notice is None:
        return None
    tries = notice.tries + 1
    if tries >= MAX_TRIES:
        return give_up(notices, kind, serial, why, now)
    wait = timedelta(seconds=WAITS[min(tries, len(WAITS)) - 1])
    event = EmailFailed(
        customer=notices.customer,
        switch=notices.switch,
        kind=kind,
        generation=notice.generation,
        tries=tries,
        why=why,
        final=False,
    )
    events = (event,) if tries in (1, 5, 20, 100) else ()
    return Change(with_notice(notices, replace(notice, tries=tries, next=now + wait)), events)


def give_up(notices: Notices | None, kind: Kind, serial: int, why: str, now: datetime) -> Change[Notices] | None:
    """Refused for good: the address or the text is not accepted."""
    notice = _queued(notices, kind, serial)
    if notices is None or notice is None:
        return None
    failed = replace(notice, state="failed", tries=notice.tries + 1, next=None)
    event = EmailFailed(
        customer=notices.customer,
        switch=notices.switch,
        kind=kind,
        generation=notice.generation,
        tries=failed.tries,
        why=why,
        final=True,
    )
    return Change(with_notice(notices, failed), (event,))


def may_await_texts(notice: Notice, now: datetime) -> bool:
    """The texts come by another way than the switch, so they may be late; a mail does not wait for ever."""
    return now - notice.queued_at < TEXTS_PATIENCE


def await_texts(notices: Notices | None, kind: Kind, serial: int, now: datetime) -> Change[Notices] | None:
    """Not a try: the mail server was not asked."""
    notice = _queued(notices, kind, serial)
    if notices is None or notice is None:
        return None
    return Change(with_notice(notices, replace(notice, next=now + TEXTS_LOOK)))


def deadline(notices: Notices) -> datetime | None:
    return min((n.next for n in notices.notices if n.state == "queued" and n.next), default=None)


def due_notice(notices: Notices, now: datetime) -> Notice | None:
    """The mail to send now: the one that has waited longest."""
    due = [n for n in notices.notices if n.state == "queued" and n.next and n.next <= now]
    return min(due, key=lambda notice: (notice.next, notice.queued_at), default=None)
