"""Proven, refused, unanswered: what each question to Microsoft makes of a customer's access. Tables, no server."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from auth_svc.domain import keep_alive
from auth_svc.domain.attempts import Refusal
from auth_svc.domain.keep_alive import Unanswered
from auth_svc.domain.model import Access, Grant, Registration, Validation
from shared.contracts.events import Account
from shared.domain.rules import Change

NOW = datetime(2027, 3, 1, 12, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
BUSY, REVOKED = Unanswered(reason="busy"), Refusal(reason="revoked")
GRANT = Grant(
    id="g1",
    switch=1,
    account=Account("a@contoso.example", "o"),
    tenant_id="t",
    method="sign_in",
    roles=(),
    scopes=("User.Read",),
    cache={},
    claimed_at=NOW,
    expires_at=NOW,
    refresh_at=NOW,
)
REGISTRATION = Registration(client_id="a", revision=1, vault={}, check_at=NOW, known_good=False)
BY_TOKEN = Access(id="c1", name="Contoso", in_force="token", grant=GRANT)
BY_APP = Access(id="c1", name="Contoso", in_force="app_registration", registration=REGISTRATION)


def said(change: Change[Access] | None) -> list[str]:
    return [type(event).__name__ for event in change.events] if change else []


def proven(access: Access, now: datetime) -> Change[Access] | None:
    if access.grant:
        return keep_alive.renew_grant(access, "g1", access.grant.rev, {}, now)
    return keep_alive.confirm_registration(access, 1, now)


def refused(access: Access, now: datetime, reason: str = "revoked") -> Change[Access] | None:
    if access.grant:
        return keep_alive.lose_grant(access, "g1", Refusal(reason=reason), now)
    return keep_alive.lose_registration(access, 1, Refusal(reason=reason), now)


def unanswered(access: Access, now: datetime, silence: Unanswered = BUSY) -> Change[Access] | None:
    if access.grant:
        return keep_alive.await_grant(access, "g1", silence, now)
    return keep_alive.await_registration(access, 1, silence, now)


OUTCOMES = {"+": proven, "-": refused, "?": unanswered}


def after(access: Access, outcomes: str) -> tuple[Access, list[str]]:
    """What was said after one question a minute: + proven, - refused, ? unanswered."""
    events: list[str] = []
    for minute, outcome in enumerate(outcomes):
        change = OUTCOMES[outcome](access, NOW + minute * MINUTE)
        assert change is not None
        access, events = change.state, events + said(change)
    return access, events


@pytest.mark.parametrize(
    ("outcomes", "events"),
    [
        ("+", ["GrantRefreshed"]),
        ("-", ["AccessLost"]),
        ("?", ["AccessUnanswered"]),
        ("--", ["AccessLost"]),
        ("-+", ["AccessLost", "GrantRefreshed", "AccessRecovered"]),
        ("??+", ["AccessUnanswered", "AccessUnanswered", "GrantRefreshed"]),
        ("-?+", ["AccessLost", "AccessUnanswered", "GrantRefreshed", "AccessRecovered"]),
        ("-?-", ["AccessLost", "AccessUnanswered", "AccessLost"]),
        ("?-", ["AccessUnanswered", "AccessLost"]),
    ],
)
def test_a_token(outcomes: str, events: list[str]) -> None:
    assert after(BY_TOKEN, outcomes)[1] == events


@pytest.mark.parametrize(
    ("outcomes", "events"),
    [
        ("+", ["AccessProven"]),
        ("-", ["AccessNotProven"]),
        ("--", ["AccessNotProven"]),
        ("-+", ["AccessNotProven", "AccessProven"]),
        ("+-", ["AccessProven", "AccessLost"]),
        ("+-+", ["AccessProven", "AccessLost", "AccessProven", "AccessRecovered"]),
        ("?-", ["AccessUnanswered", "AccessNotProven"]),
        ("-?-", ["AccessNotProven", "AccessUnanswered", "AccessNotProven"]),
        ("+?-", ["AccessProven", "AccessUnanswered", "AccessLost"]),
        ("+?+", ["AccessProven", "AccessUnanswered", "AccessProven"]),
    ],
)
def test_an_app_registration(outcomes: str, events: list[str]) -> None:
    assert after(BY_APP, outcomes)[1] == events


@pytest.mark.parametrize("access", [BY_TOKEN, BY_APP])
@pytest.mark.parametrize("before", ["", "-", "+"])
def test_silence_changes_nothing_but_the_next_try(access: Access, before: str) -> None:
    known, _ = after(access, before)
    silent, _ = after(known, "???")
    credential, then = known.grant or known.registration, silent.grant or silent.registration
    assert credential and then
    assert (then.lost, then.reason) == (credential.lost, credential.reason)
    assert (then.tries, then.unanswered_since) == (3, NOW)


@pytest.mark.parametrize("access", [BY_TOKEN, BY_APP])
def test_what_was_refused_again_after_a_silence_is_marked_as_said_before(access: Access) -> None:
    state, _ = after(access, "-?")
    change = refused(state, NOW)
    assert change and [event.again for event in change.events] == [True]  # type: ignore[attr-defined]
    other = refused(state, NOW, "account_disabled")
    assert other and [event.again for event in other.events] == [False]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("tries", "retry_after", "wait"),
    [
        (0, 0, MINUTE),
        (1, 0, 2 * MINUTE),
        (3, 0, 8 * MINUTE),
        (9, 0, HOUR),
        (400, 0, HOUR),
        (0, 30, MINUTE),
        (0, 600, 10 * MINUTE),
        (2, 3600, HOUR),
    ],
)
@pytest.mark.parametrize("access", [BY_TOKEN, BY_APP])
def test_it_is_asked_again_soon_and_not_before_microsoft_wants_it(
    access: Access, tries: int, retry_after: int, wait: timedelta
) -> None:
    grant, registration = access.grant, access.registration
    tried = replace(
        access,
        grant=grant and replace(grant, tries=tries),
        registration=registration and replace(registration, tries=tries),
    )
    change = unanswered(tried, NOW, Unanswered(reason="busy", retry_after=retry_after))
    assert change
    (event,) = change.events
    assert event.next_try == NOW + wait == keep_alive.next_deadline(change.state)  # type: ignore[attr-defined]


ASKED = Validation(request="r1", method="token", revision=0, grant="g1", at=NOW)


@pytest.mark.parametrize(
    ("access", "asked", "events"),
    [
        (BY_TOKEN, {}, ["AccessUnanswered"]),
        (BY_TOKEN, {"grant": None}, ["AccessUnanswered"]),
        (BY_APP, {"method": "app_registration", "grant": None, "revision": 1}, ["AccessUnanswered"]),
        (BY_TOKEN, {"grant": "another"}, []),
        (BY_APP, {"method": "app_registration", "grant": None, "revision": 2}, []),
    ],
)
def test_a_request_may_end_without_an_answer(access: Access, asked: dict[str, Any], events: list[str]) -> None:
    request = replace(ASKED, **asked)
    change = keep_alive.leave_validation(replace(access, validation=request), request, BUSY, NOW)
    assert change and change.state.validation is None and said(change) == events
    assert all(event.request == "r1" for event in change.events)  # type: ignore[attr-defined]
    assert keep_alive.leave_validation(access, request, BUSY, NOW) is None


def test_what_microsoft_demanded_is_kept_for_the_next_sign_in_until_access_works_again() -> None:
    lost = keep_alive.lose_grant(BY_TOKEN, "g1", replace(REVOKED, claims="{}"), NOW)
    assert lost and lost.state.claims == "{}"
    alive = proven(lost.state, NOW)
    assert alive and alive.state.claims is None
