"""What operations are told of customers' access, when, and about how many at once: the rules of notify-svc."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from notify_svc.domain import access
from notify_svc.domain.access import LONGEST, OPERATIONS, QUIET, AccessMails
from notify_svc.domain.model import ADDRESSEE_OF, MAX_TRIES
from notify_svc.subscriptions import ACCESS_MAILS, SUBSCRIPTIONS
from shared.contracts.events import (
    AccessLost,
    AccessNotProven,
    AccessProven,
    AccessRecovered,
    Actor,
    CustomerRemoved,
    Event,
    SecretExpiring,
)
from shared.domain.rules import Change
from tests.notify_svc.notify_kit import NOW

SECOND = timedelta(seconds=1)


def lost(customer: str = "c1", reason: str = "revoked", **more: Any) -> AccessLost:
    return AccessLost(customer=customer, customer_name=f"Name {customer}", method="token", reason=reason, **more)


def not_proven(customer: str = "c1", reason: str = "secret_wrong", **more: Any) -> AccessNotProven:
    name = f"Name {customer}"
    return AccessNotProven(customer=customer, customer_name=name, method="app_registration", reason=reason, **more)


def recovered(customer: str = "c1") -> AccessRecovered:
    return AccessRecovered(customer=customer, customer_name=f"Name {customer}", method="token")


def expiring(customer: str = "c1", days: int = 7) -> SecretExpiring:
    return SecretExpiring(
        customer=customer, customer_name=f"Name {customer}", revision=1, days_left=days, expires_on="2027-03-08"
    )


def proven(customer: str = "c1") -> AccessProven:
    return AccessProven(customer=customer, method="app_registration", proven_at=NOW)


def removed(customer: str = "c1") -> CustomerRemoved:
    return CustomerRemoved(customer, Actor(id="op"))


def hears(mails: AccessMails | None, event: Event, now: datetime = NOW) -> Change[AccessMails] | None:
    row = next(row for row in SUBSCRIPTIONS if row.event is type(event) and row.store == ACCESS_MAILS)
    assert row.key(event) == OPERATIONS
    change: Change[AccessMails] | None = row.rule(mails, event, now)
    return change


def after(*events: Event, now: datetime = NOW) -> AccessMails:
    mails = AccessMails(id=OPERATIONS)
    for event in events:
        change = hears(mails, event, now)
        mails = change.state if change else mails
    return mails


def told(mails: AccessMails, now: datetime) -> list[tuple[str, list[str]]]:
    """All mails that are due by then: the kind, and who is named."""
    found: list[tuple[str, list[str]]] = []
    while group := access.next_due(mails, now):
        found.append((group[0].kind, [news.customer for news in group]))
        change = access.mark_sent(mails, group, now)
        assert change
        mails = change.state
    return found


def said(change: Change[AccessMails] | None) -> list[tuple[str, str, str]]:
    events: Iterable[Any] = change.events if change else ()
    return [(type(event).__name__, event.customer, event.kind) for event in events]


MANY = [f"c{n}" for n in range(60)]


@pytest.mark.parametrize(
    ("events", "mails"),
    [
        ([lost()], [("access_lost", ["c1"])]),
        ([recovered()], [("access_recovered", ["c1"])]),
        ([expiring()], [("secret_expiring", ["c1"])]),
        ([not_proven(c) for c in MANY], [("access_not_proven", MANY)]),
        ([lost(c) for c in MANY], [("access_lost", MANY)]),
        ([expiring(c, n % 30) for n, c in enumerate(MANY)], [("secret_expiring", MANY)]),
        (
            [lost("a"), lost("b", "account_disabled"), lost("c")],
            [("access_lost", ["a", "c"]), ("access_lost", ["b"])],
        ),
        ([lost("a", "secret_wrong"), not_proven("b")], [("access_lost", ["a"]), ("access_not_proven", ["b"])]),
        ([lost("a"), recovered("b"), lost("c")], [("access_lost", ["a", "c"]), ("access_recovered", ["b"])]),
        ([lost(), lost(reason="account_disabled")], [("access_lost", ["c1"])]),
        ([lost(), recovered()], [("access_recovered", ["c1"])]),
        ([recovered(), lost()], [("access_lost", ["c1"])]),
        ([not_proven(), proven()], []),
        ([not_proven("a"), not_proven("b"), proven("a")], [("access_not_proven", ["b"])]),
        ([lost(), proven()], [("access_lost", ["c1"])]),
        ([lost("a"), expiring("a"), lost("b"), removed("a")], [("access_lost", ["b"])]),
        ([expiring(days=14), expiring(days=7)], [("secret_expiring", ["c1"])]),
        ([lost(again=True), not_proven("b", again=True)], []),
        ([removed(), proven()], []),
    ],
)
def test_the_same_news_for_one_reason_are_one_mail(events: list[Event], mails: list[tuple[str, list[str]]]) -> None:
    assert told(after(*events), NOW + QUIET) == mails
    assert all(ADDRESSEE_OF[kind] == "operations" for kind, _ in mails)  # type: ignore[index]


def test_what_was_dropped_is_said() -> None:
    assert said(hears(after(lost()), recovered())) == [("EmailFailed", "c1", "access_lost")]
    assert said(hears(after(not_proven()), proven())) == [("EmailFailed", "c1", "access_not_proven")]
    assert hears(None, removed()) is None and hears(after(lost("b")), removed()) is None


def test_a_mail_waits_until_nothing_is_added_but_not_for_ever() -> None:
    mails, at = after(lost("c0")), NOW
    assert access.next_deadline(mails) == NOW + QUIET
    for number in range(1, 100):
        at += QUIET - SECOND
        assert bool(access.next_due(mails, at)) == (at >= NOW + LONGEST)
        change = hears(mails, lost(f"c{number}"), at)
        assert change
        mails = change.state
    assert access.next_deadline(mails) == NOW + LONGEST


def test_what_comes_while_a_mail_is_sent_waits_for_the_next() -> None:
    mails = after(lost("a"))
    group = access.next_due(mails, NOW + QUIET)
    meanwhile = hears(mails, lost("b"), NOW + QUIET)
    assert meanwhile
    change = access.mark_sent(meanwhile.state, group, NOW + QUIET)
    assert said(change) == [("EmailSent", "a", "access_lost")]
    assert change and [news.customer for news in change.state.news] == ["b"]
    assert access.next_deadline(AccessMails(id=OPERATIONS)) is None


def test_a_mail_server_that_is_away_is_asked_again_and_given_up_after_a_day() -> None:
    mails = after(lost("a"), lost("b"))
    group = access.next_due(mails, NOW + QUIET)
    later = access.try_later(mails, group, "away", NOW + QUIET)
    assert later and later.state.news == mails.news and access.next_deadline(later.state) == NOW + QUIET + 5 * SECOND
    assert said(later) == [("EmailFailed", "a", "access_lost"), ("EmailFailed", "b", "access_lost")]
    last = access.try_later(replace(mails, tries=MAX_TRIES - 1), group, "away", NOW + QUIET)
    assert last and last.state.news == () and all(event.final for event in last.events)  # type: ignore[attr-defined]


def test_what_was_sent_resets_the_tries() -> None:
    mails = replace(after(lost()), tries=7, not_before=NOW + LONGEST)
    assert access.next_due(mails, NOW + QUIET) == ()
    change = access.mark_sent(mails, mails.news, NOW + LONGEST)
    assert change and (change.state.tries, change.state.not_before) == (0, None)
