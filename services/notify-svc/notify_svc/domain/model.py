"""Who is owed which mail: notices by kind and addressee, one document per switch and one per customer's access."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from shared.contracts.events import Account, Actor, EmailFailed, Event, InForce, Method, Person, Target

Kind = Literal[
    "invitation",
    "resend",
    "reminder",
    "done",
    "revoked",  # to the invitee
    "operator_done",
    "refused",
    "expired",
    "asked",  # to the operator who asked
    "access_lost",
    "access_recovered",
    "secret_expiring",  # to the operations address
]
Addressee = Literal["invitee", "inviter", "operations"]

TO: dict[Kind, Addressee] = {
    "invitation": "invitee",
    "resend": "invitee",
    "reminder": "invitee",
    "done": "invitee",
    "revoked": "invitee",
    "operator_done": "inviter",
    "refused": "inviter",
    "expired": "inviter",
    "asked": "inviter",
    "access_lost": "operations",
    "access_recovered": "operations",
    "secret_expiring": "operations",
}
INVITING: tuple[Kind, ...] = ("invitation", "resend", "reminder")
REFUSED_AGAIN_AFTER = timedelta(hours=1)
WAITS = (5, 15, 30, 60, 60, 60, 120, 300)
"""Seconds before the next try; the last one repeats."""
MAX_TRIES = 300
TEXTS_PATIENCE, TEXTS_LOOK = timedelta(minutes=5), timedelta(seconds=2)
"""How long a mail waits for the texts that its switch began with, and how often it looks for them."""


@dataclass(frozen=True, slots=True, kw_only=True)
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


@dataclass(frozen=True, slots=True, kw_only=True)
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


@dataclass(frozen=True, slots=True, kw_only=True)
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
    withdrawn: bool = False
    """The invitation was taken back: who was or will have been mailed one is told so."""

    def notice(self, kind: Kind) -> Notice | None:
        return next((notice for notice in self.notices if notice.kind == kind), None)


def switch_id(event: Any) -> str:
    return f"{event.customer}/{event.switch}"


def access_id(event: Event) -> str:
    return f"{event.customer}/access"


# --- changing them ------------------------------------------------------------------------------------------------


def of_switch(notices: Notices | None, event: Any) -> Notices:
    return notices or Notices(id=switch_id(event), customer=event.customer, switch=event.switch)


def queue(notices: Notices, kind: Kind, now: datetime, facts: Facts, generation: int = 1) -> Notices:
    old = notices.notice(kind)
    serial, count = (old.serial + 1, old.count) if old else (1, 0)
    queued = Notice(
        kind=kind,
        state="queued",
        queued_at=now,
        generation=generation,
        serial=serial,
        tries=0,
        count=count,
        next=now,
        facts=facts,
    )
    others = tuple(notice for notice in notices.notices if notice.kind != kind)
    return replace(notices, notices=(*others, queued))


def drop(notices: Notices, kinds: tuple[Kind, ...], why: str, *, final: bool) -> tuple[Notices, tuple[Event, ...]]:
    """Notices of these kinds that were not sent yet never will be."""
    dropped = [notice for notice in notices.notices if notice.kind in kinds and notice.state == "queued"]
    kept = tuple(replace(n, state="dropped", next=None) if n in dropped else n for n in notices.notices)
    said = tuple(
        EmailFailed(
            customer=notices.customer,
            switch=notices.switch,
            kind=n.kind,
            generation=n.generation,
            tries=n.tries,
            why=why,
            final=final,
        )
        for n in dropped
    )
    return replace(notices, notices=kept), said


def with_notice(notices: Notices, changed: Notice) -> Notices:
    kept = tuple(changed if notice.kind == changed.kind else notice for notice in notices.notices)
    return replace(notices, notices=kept)
