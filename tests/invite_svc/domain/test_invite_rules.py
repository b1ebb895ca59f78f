"""The rules of an invitation, from its beginning to its end: given this state, when this is heard, then that."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from invite_svc.domain import attempts, invitations
from invite_svc.domain.attempts import Start
from invite_svc.domain.model import invitation_id
from shared.contracts.events import (
    AuthenticationStopped,
    InvitationCreated,
    InvitationOpened,
    InvitationResendRequested,
    InvitationResent,
    InvitationRevoked,
    SwitchCancelled,
    SwitchCompleted,
    SwitchExpired,
    SwitchFailed,
)
from tests.invite_svc.invite_given import HERE, THERE, WEEK, after, opened, pending, refusal, signing_in, types
from tests.invite_svc.invite_kit import CUSTOMER, NOW, claimed, requested

# --- beginning ----------------------------------------------------------------------------------------------------


def test_a_switch_with_an_invitee_makes_one_invitation() -> None:
    made = invitations.create(None, requested(), NOW)
    assert types(made) == [InvitationCreated]
    assert (after(made).state, after(made).generation, after(made).expires_at) == ("pending", 1, NOW + WEEK)
    assert invitations.create(after(made), requested(), NOW) is None


def test_a_switch_without_an_invitee_concerns_no_invitation() -> None:
    assert invitation_id(requested(invitee=None)) is None
    assert (
        invitation_id(
            SwitchCompleted(
                customer=CUSTOMER, switch=1, to="app_registration", method="app_registration", invited=False
            )
        )
        is None
    )
    assert invitation_id(requested()) == "contoso/1"


def test_a_resend_is_a_new_generation_with_a_new_deadline_and_leaves_the_session() -> None:
    again = InvitationResendRequested(customer=CUSTOMER, switch=1, generation=2, expires_at=NOW + 2 * WEEK)
    change = invitations.resend(signing_in(), again, NOW)
    assert types(change) == [InvitationResent]
    assert (after(change).generation, after(change).expires_at) == (2, NOW + 2 * WEEK)
    assert (after(change).state, after(change).session) == ("authenticating", HERE)


@pytest.mark.parametrize("generation", [1, 0])
def test_an_older_resend_is_late(generation: int) -> None:
    assert (
        invitations.resend(
            pending(),
            InvitationResendRequested(customer=CUSTOMER, switch=1, generation=generation, expires_at=NOW),
            NOW,
        )
        is None
    )


def test_a_cancel_that_comes_first_creates_the_invitation_already_revoked() -> None:
    change = invitations.cancel(
        None, SwitchCancelled(customer=CUSTOMER, switch=1, reason="cancelled", invited=True), NOW
    )
    assert (after(change).state, types(change)) == ("revoked", [InvitationRevoked])
    assert invitations.create(after(change), requested(), NOW) is None


@pytest.mark.parametrize(
    ("rule", "event", "state"),
    [
        (
            invitations.complete,
            SwitchCompleted(customer=CUSTOMER, switch=1, to="token", method="sign_in", invited=True, grant="g"),
            "done",
        ),
        (invitations.expire, SwitchExpired(CUSTOMER, 1, True), "expired"),
        (invitations.fail, SwitchFailed(customer=CUSTOMER, switch=1, reason="secret_wrong", invited=True), "revoked"),
        (
            invitations.cancel,
            SwitchCancelled(customer=CUSTOMER, switch=1, reason="readdressed", invited=True),
            "revoked",
        ),
    ],
)
def test_a_verdict_ends_the_invitation_once_whatever_it_was(rule: Any, event: Any, state: str) -> None:
    for before in (None, pending(), opened(), signing_in()):
        ended = after(rule(before, event, NOW))
        assert (ended.state, ended.over) == (state, True)
        assert ended.attempt is None or ended.attempt.sealed is None
        assert rule(ended, event, NOW) is None
        assert (
            invitations.cancel(
                ended, SwitchCancelled(customer=CUSTOMER, switch=1, reason="cancelled", invited=True), NOW
            )
            is None
        )


# --- opening ------------------------------------------------------------------------------------------------------


def test_the_first_opening_is_said_once() -> None:
    change = invitations.open_link(pending(), 1, HERE, None, False, NOW)
    assert (after(change).state, types(change)) == ("opened", [InvitationOpened])
    assert invitations.open_link(after(change), 1, HERE, None, False, NOW) is None
    assert types(invitations.open_link(after(change), 1, THERE, None, True, NOW)) == []


def test_another_browser_must_say_that_it_takes_over() -> None:
    assert refusal(lambda: invitations.open_link(opened(), 1, THERE, None, False, NOW)) == "continue_here"


def test_taking_over_stops_the_attempt_and_binds_the_new_browser() -> None:
    change = invitations.open_link(signing_in(), 1, THERE, None, True, NOW)
    assert types(change) == [AuthenticationStopped]
    taken = after(change)
    assert (taken.session, taken.state, taken.attempt and taken.attempt.stage) == (THERE, "opened", "stopped")
    assert refusal(lambda: attempts.start(taken, HERE, Start(method="sign_in"), NOW)) == "continue_here"


def test_taking_over_does_not_stop_what_was_claimed() -> None:
    finishing = after(attempts.await_verdict(signing_in(), claimed(), NOW))
    change = invitations.open_link(finishing, 1, THERE, None, True, NOW)
    assert (after(change).state, types(change)) == ("finishing", [])


def test_the_second_click_of_the_same_browser_is_no_take_over() -> None:
    first = after(invitations.open_link(pending(), 1, session=HERE, take_over=False, now=NOW, browser="form-cookie"))
    started = after(attempts.start(first, HERE, Start(method="sign_in"), NOW))
    change = invitations.open_link(started, 1, session=THERE, take_over=False, now=NOW, browser="form-cookie")
    assert (after(change).session, after(change).state, types(change)) == (THERE, "authenticating", [])
    assert (
        refusal(lambda: invitations.open_link(first, 1, session=THERE, take_over=False, now=NOW, browser="another"))
        == "continue_here"
    )
    assert (
        refusal(lambda: invitations.open_link(first, 1, session=THERE, take_over=False, now=NOW, browser=None))
        == "continue_here"
    )


def test_an_older_link_is_replaced_and_a_newer_one_than_we_know_counts() -> None:
    resent = replace(pending(), generation=3)
    assert refusal(lambda: invitations.open_link(resent, 2, HERE, None, False, NOW)) == "invitation_replaced"
    assert after(invitations.open_link(resent, 4, HERE, None, False, NOW)).session == HERE


def test_what_cannot_be_opened_says_why() -> None:
    assert refusal(lambda: invitations.open_link(None, 1, HERE, None, False, NOW)) == "link_unknown"
    assert refusal(lambda: invitations.open_link(pending(), 1, HERE, None, False, NOW + WEEK)) == "invitation_expired"
    for state in ("done", "expired", "revoked"):
        ended = replace(pending(), state=state)
        assert (
            refusal(lambda ended=ended: invitations.open_link(ended, 1, HERE, None, True, NOW)) == f"invitation_{state}"
        )
