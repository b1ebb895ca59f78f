"""Mails to operations about customers' access: gathered for a moment, so that many with one reason are one mail.

One document holds what is not mailed yet, whoever it is about: it survives a kill, and the last word about a customer
counts, whatever was said a moment before.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from notify_svc.domain.model import MAX_TRIES, RETRY_AFTER_SECONDS, Kind, MailFacts
from shared.contracts.events import (
    AccessLost,
    AccessNotProven,
    AccessProven,
    AccessRecovered,
    CustomerRemoved,
    EmailFailed,
    EmailSent,
    Event,
    SecretExpiring,
)
from shared.domain.rules import Change

OPERATIONS = "operations"
"""The id of the one document."""
QUIET, LONGEST = timedelta(seconds=30), timedelta(minutes=10)
"""A mail goes out when nothing was added for so long, and when it has waited for so long."""
OPPOSITES: dict[Kind, tuple[Kind, ...]] = {
    "access_lost": ("access_lost", "access_not_proven", "access_recovered"),
    "access_not_proven": ("access_lost", "access_not_proven", "access_recovered"),
    "access_recovered": ("access_lost", "access_not_proven", "access_recovered"),
    "secret_expiring": ("secret_expiring",),
}
"""What a newer word of this kind replaces, of the same customer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """What happened to one customer's access."""

    kind: Kind
    customer: str
    customer_name: str
    at: datetime
    facts: MailFacts

    @property
    def group(self) -> tuple[str, str]:
        """What is told in one mail: the same, for the same reason."""
        return self.kind, self.facts.reason or ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessMails:
    """What operations are to be told, oldest first."""

    id: str
    news: tuple[News, ...] = ()
    tries: int = 0
    """How often in a row the mail server could not take one."""
    not_before: datetime | None = None
    """When it is asked again."""


def operations(event: Event) -> str:
    return OPERATIONS


# --- what happens -------------------------------------------------------------------------------------------------


def report(
    mails: AccessMails | None,
    event: AccessLost | AccessNotProven | AccessRecovered | SecretExpiring,
    now: datetime,
) -> Change[AccessMails] | None:
    """The last word about a customer replaces an earlier one that was not mailed yet."""
    if isinstance(event, AccessLost | AccessNotProven) and event.again:
        return None
    news = _news(event, now)
    mails = mails or AccessMails(id=OPERATIONS)
    kept, dropped = _without(mails, news.customer, OPPOSITES[news.kind])
    return Change(replace(kept, news=(*kept.news, news)), _failed(dropped, "access has changed meanwhile"))


def _news(event: AccessLost | AccessNotProven | AccessRecovered | SecretExpiring, now: datetime) -> News:
    kind: Kind
    if isinstance(event, SecretExpiring):
        kind, facts = "secret_expiring", MailFacts(days_left=event.days_left, expires_on=event.expires_on)
    elif isinstance(event, AccessRecovered):
        kind, facts = "access_recovered", MailFacts(method=event.method)
    else:
        kind = "access_lost" if isinstance(event, AccessLost) else "access_not_proven"
        facts = MailFacts(
            reason=event.reason, aadsts=event.aadsts, correlation_id=event.correlation_id, method=event.method
        )
    return News(kind=kind, customer=event.customer, customer_name=event.customer_name, at=now, facts=facts)


def settle(mails: AccessMails | None, event: AccessProven, now: datetime) -> Change[AccessMails] | None:
    """It works: that it could not be proven a moment ago is no news any more."""
    return _forgotten(mails, event.customer, ("access_not_proven",), "access has changed meanwhile")


def forget(mails: AccessMails | None, event: CustomerRemoved, now: datetime) -> Change[AccessMails] | None:
    """The customer is gone: nothing about its access is mailed."""
    return _forgotten(mails, event.customer, tuple(OPPOSITES), "the customer was removed")


def _forgotten(
    mails: AccessMails | None, customer: str, kinds: tuple[Kind, ...], why: str
) -> Change[AccessMails] | None:
    if mails is None:
        return None
    kept, dropped = _without(mails, customer, kinds)
    return Change(kept, _failed(dropped, why)) if dropped else None


def _without(mails: AccessMails, customer: str, kinds: tuple[Kind, ...]) -> tuple[AccessMails, tuple[News, ...]]:
    dropped = tuple(news for news in mails.news if news.customer == customer and news.kind in kinds)
    return replace(mails, news=tuple(news for news in mails.news if news not in dropped)), dropped


# --- the mails ----------------------------------------------------------------------------------------------------


def _groups(mails: AccessMails) -> dict[tuple[str, str], tuple[News, ...]]:
    groups: dict[tuple[str, str], tuple[News, ...]] = {}
    for news in mails.news:
        groups[news.group] = (*groups.get(news.group, ()), news)
    return groups


def _due_at(mails: AccessMails, group: tuple[News, ...]) -> datetime:
    gathered = min(group[0].at + LONGEST, group[-1].at + QUIET)
    return max(gathered, mails.not_before) if mails.not_before else gathered


def next_deadline(mails: AccessMails) -> datetime | None:
    return min((_due_at(mails, group) for group in _groups(mails).values()), default=None)


def next_due(mails: AccessMails, now: datetime) -> tuple[News, ...]:
    """What one mail is to tell now; nothing: none is due."""
    due = [(at, group) for group in _groups(mails).values() if (at := _due_at(mails, group)) <= now]
    return min(due, key=lambda one: one[0], default=(now, ()))[1]


def mark_sent(mails: AccessMails | None, told: tuple[News, ...], now: datetime) -> Change[AccessMails] | None:
    """The mail server took it. What came meanwhile waits for the next mail."""
    if mails is None:
        return None
    sent = tuple(
        EmailSent(customer=news.customer, switch=0, kind=news.kind, generation=1, tries=mails.tries + 1, count=1)
        for news in told
    )
    kept = tuple(news for news in mails.news if news not in told)
    return Change(replace(mails, news=kept, tries=0, not_before=None), sent)


def try_later(mails: AccessMails | None, told: tuple[News, ...], why: str, now: datetime) -> Change[AccessMails] | None:
    """The mail server could not take it now; given up after a day."""
    if mails is None:
        return None
    tries = mails.tries + 1
    if tries >= MAX_TRIES:
        return give_up(mails, told, why, now)
    wait = timedelta(seconds=RETRY_AFTER_SECONDS[min(tries, len(RETRY_AFTER_SECONDS)) - 1])
    events = _failed(told, why, tries) if tries in (1, 20, 100) else ()
    return Change(replace(mails, tries=tries, not_before=now + wait), events)


def give_up(mails: AccessMails | None, told: tuple[News, ...], why: str, now: datetime) -> Change[AccessMails] | None:
    """Refused for good, or there is nobody to tell."""
    if mails is None:
        return None
    kept = tuple(news for news in mails.news if news not in told)
    return Change(replace(mails, news=kept, tries=0, not_before=None), _failed(told, why, mails.tries + 1, final=True))


def _failed(dropped: Iterable[News], why: str, tries: int = 0, *, final: bool = False) -> tuple[Event, ...]:
    return tuple(
        EmailFailed(customer=news.customer, switch=0, kind=news.kind, generation=1, tries=tries, why=why, final=final)
        for news in dropped
    )
