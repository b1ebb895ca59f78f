"""Who is owed which mail: one document per switch, with one mail of each kind. (Mails about access: `domain.access`.)

A newer mail replaces one of its kind that was not sent yet. Addresses are known here, links and texts only to the code
that sends.
"""

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
    "access_not_proven",
    "access_recovered",
    "secret_expiring",  # to the operations address
]
Addressee = Literal["invitee", "inviter", "operations"]

ADDRESSEE_OF: dict[Kind, Addressee] = {
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
    "access_not_proven": "operations",
    "access_recovered": "operations",
    "secret_expiring": "operations",
}
INVITATION_KINDS: tuple[Kind, ...] = ("invitation", "resend", "reminder")
REFUSED_AGAIN_AFTER = timedelta(hours=1)
"""Failed sign-ins of one switch are mailed no more often than that."""
RETRY_AFTER_SECONDS = (5, 15, 30, 60, 60, 60, 120, 300)
"""Before the next try; the last one repeats."""
MAX_TRIES = 300
"""A day of tries."""
TEXTS_WAIT, TEXTS_RETRY_AFTER = timedelta(minutes=5), timedelta(seconds=2)
"""How long a mail waits for the texts that its switch began with, and how often it looks for them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MailFacts:
    """What a mail may say beside the document's own fields; what does not concern its kind is None."""

    expires_at: datetime | None = None
    """When the invitation ends."""
    reason: str | None = None
    """Why a sign-in failed or access was lost: a code of `shared.contracts.reasons`."""
    aadsts: int | None = None
    """Microsoft's error number (AADSTS)."""
    correlation_id: str | None = None
    """Microsoft's, for its support."""
    account: Account | None = None
    """Who signed in."""
    method: Method | InForce | None = None
    """By which way, or which access it was."""
    days_left: int | None = None
    """Until the client secret expires."""
    expires_on: str | None = None
    """The secret's last day, as YYYY-MM-DD."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutgoingMail:
    """One mail that is owed, sent, failed or dropped."""

    kind: Kind
    state: Literal["queued", "sent", "failed", "dropped"]
    queued_at: datetime
    generation: int = 1
    """The generation of the invitation's link."""
    serial: int = 1
    """The number of this mail among those of its kind (for the Message-ID)."""
    tries: int = 0
    """How often the mail server was asked to take this one."""
    count: int = 0
    """How many mails of this kind were sent."""
    next: datetime | None = None
    """When it is due; None where it is not queued."""
    facts: MailFacts = MailFacts()


@dataclass(frozen=True, slots=True, kw_only=True)
class OutgoingMails:
    """The mails of one switch (or, with `switch` 0, about a customer's access)."""

    id: str
    """`<customer>/<switch>`, or `<customer>/access`."""
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
    """The version of the settings that the switch began with; 0: none were given."""
    mails: tuple[OutgoingMail, ...] = ()
    over: bool = False
    """The switch has ended, or the customer is gone."""
    withdrawn: bool = False
    """The invitation was taken back: who was or will have been mailed one is told so."""

    def mail(self, kind: Kind) -> OutgoingMail | None:
        return next((mail for mail in self.mails if mail.kind == kind), None)


def switch_id(event: Any) -> str:
    return f"{event.customer}/{event.switch}"


# --- changing them ------------------------------------------------------------------------------------------------


def of_switch(outgoing: OutgoingMails | None, event: Any) -> OutgoingMails:
    return outgoing or OutgoingMails(id=switch_id(event), customer=event.customer, switch=event.switch)


def queue(outgoing: OutgoingMails, kind: Kind, now: datetime, facts: MailFacts, generation: int = 1) -> OutgoingMails:
    old = outgoing.mail(kind)
    serial, count = (old.serial + 1, old.count) if old else (1, 0)
    queued = OutgoingMail(
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
    others = tuple(mail for mail in outgoing.mails if mail.kind != kind)
    return replace(outgoing, mails=(*others, queued))


def drop(
    outgoing: OutgoingMails, kinds: tuple[Kind, ...], why: str, *, final: bool
) -> tuple[OutgoingMails, tuple[Event, ...]]:
    """Mails of these kinds that were not sent yet never will be."""
    dropped = [mail for mail in outgoing.mails if mail.kind in kinds and mail.state == "queued"]
    kept = tuple(replace(n, state="dropped", next=None) if n in dropped else n for n in outgoing.mails)
    events = tuple(
        EmailFailed(
            customer=outgoing.customer,
            switch=outgoing.switch,
            kind=n.kind,
            generation=n.generation,
            tries=n.tries,
            why=why,
            final=final,
        )
        for n in dropped
    )
    return replace(outgoing, mails=kept), events


def with_mail(outgoing: OutgoingMails, changed: OutgoingMail) -> OutgoingMails:
    kept = tuple(changed if mail.kind == changed.kind else mail for mail in outgoing.mails)
    return replace(outgoing, mails=kept)
