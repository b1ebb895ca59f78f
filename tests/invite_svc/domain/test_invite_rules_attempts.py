"""The rules of attempts and deadlines: given this state, when this is heard or asked, then that."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from invite_svc.domain import attempts, invitations
from invite_svc.domain.attempts import Start
from invite_svc.domain.model import MAX_ATTEMPTS, MAX_CODES
from shared.contracts.events import (
    AppRegistrationProven,
    AuthenticationStarted,
    AuthenticationStopped,
    InvitationExpired,
    InvitationReminded,
    InvitationResendRequested,
    SignInReady,
    SignInReturned,
    SwitchCompleted,
    SwitchExpired,
)
from tests.invite_svc.invite_given import (
    HERE,
    MINUTE,
    THERE,
    WEEK,
    after,
    code,
    failed,
    opened,
    pending,
    refusal,
    signing_in,
    types,
)
from tests.invite_svc.invite_kit import ADMIN, CUSTOMER, NOW, claimed, requested

# --- attempts -----------------------------------------------------------------------------------------------------


def test_start_says_all_that_auth_svc_needs() -> None:
    change = attempts.start(opened(), HERE, Start(method="device_code", login_hint="a@b.example", attempt=1), NOW)
    event = change.events[0] if change else None
    assert isinstance(event, AuthenticationStarted)
    assert (event.attempt, event.method, event.login_hint, event.tenant_id) == (
        1,
        "device_code",
        "a@b.example",
        requested().tenant_id,
    )
    assert (after(change).state, after(change).codes) == ("authenticating", 1)


def test_a_form_that_was_sent_already_starts_nothing() -> None:
    assert attempts.start(signing_in(), HERE, Start(method="sign_in", attempt=1), NOW) is None
    assert types(attempts.start(signing_in(), HERE, Start(method="sign_in", attempt=2), NOW)) == [AuthenticationStarted]


@pytest.mark.parametrize(
    ("given", "chosen", "code"),
    [
        ({"methods": ("sign_in",)}, Start(method="device_code"), "method_not_offered"),
        ({"state": "finishing"}, Start(method="sign_in"), "finishing"),
        ({"attempts": MAX_ATTEMPTS}, Start(method="sign_in"), "attempts_spent"),
        ({"codes": MAX_CODES}, Start(method="device_code"), "codes_spent"),
        ({}, Start(method="app_registration", credentials="jwe", attempt=7), "attempt_changed"),
        ({}, Start(method="app_registration", credentials="jwe"), "attempt_changed"),
        ({"expires_at": NOW}, Start(method="sign_in"), "invitation_expired"),
    ],
)
def test_start_is_refused(given: dict[str, Any], chosen: Start, code: str) -> None:
    assert refusal(lambda: attempts.start(replace(opened(), **given), HERE, chosen, NOW)) == code


def test_five_codes_spent_leave_the_other_ways() -> None:
    spent = replace(opened(), codes=MAX_CODES)
    assert types(attempts.start(spent, HERE, Start(method="sign_in"), NOW)) == [AuthenticationStarted]


def test_code_and_address_are_shown_while_preparing_only() -> None:
    shown = after(attempts.show_code(signing_in("device_code"), code(), NOW))
    assert shown.attempt and (shown.attempt.stage, shown.attempt.sealed) == ("code", "sealed")
    assert attempts.show_code(shown, code(), NOW) is None
    assert attempts.show_code(signing_in("device_code"), code(attempt=2), NOW) is None
    assert attempts.show_code(None, code(), NOW) is None
    ready = after(
        attempts.show_sign_in(
            signing_in(),
            SignInReady(customer=CUSTOMER, switch=1, attempt=1, url="jwe", expires_at=NOW + 15 * MINUTE),
            NOW,
        )
    )
    assert ready.attempt and ready.attempt.stage == "sign_in"


def test_a_failed_attempt_may_be_tried_again() -> None:
    change = attempts.fail(signing_in(), failed(), NOW)
    again = after(change)
    assert again.state == "opened" and again.attempt
    assert (again.attempt.stage, again.attempt.reason, again.attempt.aadsts) == ("failed", "declined", 17)
    assert types(attempts.start(again, HERE, Start(method="sign_in", attempt=2), NOW)) == [AuthenticationStarted]


def test_what_belongs_to_an_older_attempt_is_late() -> None:
    second = after(attempts.start(signing_in(), HERE, Start(method="sign_in", attempt=2), NOW))
    assert attempts.fail(second, failed(1), NOW) is None
    assert attempts.show_code(second, code(1), NOW) is None


def test_a_claim_is_finishing_until_the_verdict() -> None:
    for event in (
        claimed(),
        AppRegistrationProven(customer=CUSTOMER, switch=1, attempt=1, client_id="app", source="proposed"),
    ):
        finishing = after(attempts.await_verdict(signing_in(), event, NOW))
        assert finishing.state == "finishing"
        assert attempts.await_verdict(finishing, event, NOW) is None
    done = after(
        invitations.complete(
            finishing,
            SwitchCompleted(
                customer=CUSTOMER,
                switch=1,
                to="token",
                method="sign_in",
                invited=True,
                grant="g",
                revision=None,
                account=ADMIN,
            ),
            NOW,
        )
    )
    assert (done.state, done.account) == ("done", ADMIN)


def test_microsofts_answer_is_taken_once_and_only_for_its_attempt() -> None:
    ready = after(
        attempts.show_sign_in(
            signing_in(),
            SignInReady(customer=CUSTOMER, switch=1, attempt=1, url="jwe", expires_at=NOW + 15 * MINUTE),
            NOW,
        )
    )
    change = attempts.take_answer(ready, HERE, 1, "jwe-answer", NOW)
    assert types(change) == [SignInReturned]
    assert attempts.take_answer(after(change), HERE, 1, "jwe-answer", NOW) is None
    assert refusal(lambda: attempts.take_answer(ready, HERE, 2, "x", NOW)) == "sign_in_mismatch"
    assert refusal(lambda: attempts.take_answer(ready, THERE, 1, "x", NOW)) == "continue_here"
    assert refusal(lambda: attempts.take_answer(opened(), HERE, 1, "x", NOW)) == "sign_in_mismatch"


def test_giving_up_stops_a_running_attempt_and_only_that() -> None:
    change = attempts.give_up(signing_in(), HERE, "unreadable", NOW)
    assert types(change) == [AuthenticationStopped] and after(change).state == "opened"
    assert attempts.give_up(after(change), HERE, "unreadable", NOW) is None
    finishing = after(attempts.await_verdict(signing_in(), claimed(), NOW))
    assert attempts.give_up(finishing, HERE, "unreadable", NOW) is None
    assert refusal(lambda: attempts.give_up(signing_in(), THERE, "unreadable", NOW)) == "continue_here"


def test_a_new_invitation_is_asked_for_hourly_at_most() -> None:
    asked = invitations.ask_again(pending(), NOW)
    assert len(types(asked)) == 1
    assert invitations.ask_again(after(asked), NOW + 59 * MINUTE) is None
    assert len(types(invitations.ask_again(after(asked), NOW + 60 * MINUTE))) == 1
    assert invitations.ask_again(None, NOW) is None
    assert invitations.ask_again(replace(pending(), state="done"), NOW) is None


# --- deadlines ----------------------------------------------------------------------------------------------------


def test_a_pending_invitation_is_reminded_of_once_then_proposed_as_expired() -> None:
    given = pending()
    assert invitations.next_deadline(given) == NOW + timedelta(days=3)
    reminded = invitations.remind_or_expire(given, NOW + timedelta(days=3))
    assert types(reminded) == [InvitationReminded]
    assert invitations.next_deadline(after(reminded)) == NOW + WEEK
    proposed = invitations.remind_or_expire(after(reminded), NOW + WEEK)
    assert types(proposed) == [InvitationExpired]
    assert (after(proposed).state, invitations.next_deadline(after(proposed))) == ("pending", None)


def test_an_opened_invitation_is_not_reminded_of() -> None:
    assert invitations.next_deadline(opened()) == NOW + WEEK


def test_a_running_attempt_has_fifteen_minutes_more() -> None:
    running = signing_in()
    assert invitations.next_deadline(running) == NOW + WEEK + 15 * MINUTE
    assert invitations.remind_or_expire(running, NOW + WEEK) is None
    assert types(invitations.remind_or_expire(running, NOW + WEEK + 15 * MINUTE)) == [InvitationExpired]


def test_a_resend_after_the_proposal_lives_again() -> None:
    proposed = after(invitations.remind_or_expire(opened(), NOW + WEEK))
    resent = after(
        invitations.resend(
            proposed,
            InvitationResendRequested(customer=CUSTOMER, switch=1, generation=2, expires_at=NOW + 2 * WEEK),
            NOW + WEEK,
        )
    )
    assert invitations.next_deadline(resent) == NOW + 2 * WEEK


@pytest.mark.parametrize("moment", [NOW, NOW + WEEK - MINUTE])
def test_nothing_happens_before_the_deadline(moment: datetime) -> None:
    assert invitations.remind_or_expire(opened(), moment) is None


def test_what_is_over_has_no_deadline() -> None:
    over = after(invitations.expire(pending(), SwitchExpired(CUSTOMER, 1, True), NOW))
    assert invitations.next_deadline(over) is None and invitations.remind_or_expire(over, NOW + 9 * WEEK) is None
