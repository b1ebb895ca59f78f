"""The rules of an invitation: given this state, when this is heard or asked, then that."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from invite_svc import domain
from invite_svc.domain import MAX_ATTEMPTS, MAX_CODES, Invitation, Start
from shared.change import Change, Refused
from shared.events import (
    AppRegistrationProven,
    AuthenticationFailed,
    AuthenticationStarted,
    AuthenticationStopped,
    DeviceCodeIssued,
    InvitationCreated,
    InvitationExpired,
    InvitationOpened,
    InvitationReminded,
    InvitationResendRequested,
    InvitationResent,
    InvitationRevoked,
    SignInReady,
    SignInReturned,
    SwitchCancelled,
    SwitchCompleted,
    SwitchExpired,
    SwitchFailed,
)
from tests.invite_svc.invite_kit import ADMIN, CUSTOMER, NOW, claimed, requested

WEEK, MINUTE = timedelta(days=7), timedelta(minutes=1)
HERE, THERE = "session-hash-1", "session-hash-2"


def after(change: Change[Invitation] | None) -> Invitation:
    assert change is not None
    return change.state


def types(change: Change[Invitation] | None) -> list[type]:
    return [type(event) for event in change.events] if change else []


def pending(**changed: Any) -> Invitation:
    return after(domain.invite(None, requested(**changed), NOW))


def opened(**changed: Any) -> Invitation:
    return after(domain.open_link(pending(**changed), 1, HERE, False, NOW))


def signing_in(method: Any = "sign_in", **changed: Any) -> Invitation:
    return after(domain.start(opened(**changed), HERE, Start(method, attempt=1), NOW))


def code(attempt: int = 1) -> DeviceCodeIssued:
    return DeviceCodeIssued(CUSTOMER, 1, attempt, "sealed", "https://microsoft.com/devicelogin", NOW + 15 * MINUTE)


def failed(attempt: int = 1, reason: str = "declined") -> AuthenticationFailed:
    return AuthenticationFailed(CUSTOMER, 1, attempt, "sign_in", reason, 17, "corr", "trace", ADMIN)


def refusal(call: Any) -> str:
    with pytest.raises(Refused) as caught:
        call()
    return caught.value.code


# --- beginning ----------------------------------------------------------------------------------------------------


def test_a_switch_with_an_invitee_makes_one_invitation() -> None:
    made = domain.invite(None, requested(), NOW)
    assert types(made) == [InvitationCreated]
    assert (after(made).state, after(made).generation, after(made).expires_at) == ("pending", 1, NOW + WEEK)
    assert domain.invite(after(made), requested(), NOW) is None


def test_a_switch_without_an_invitee_concerns_no_invitation() -> None:
    assert domain.invitation_id(requested(invitee=None)) is None
    assert domain.invitation_id(SwitchCompleted(CUSTOMER, 1, "app_registration", "app_registration", False)) is None
    assert domain.invitation_id(requested()) == "contoso/1"


def test_a_resend_is_a_new_generation_with_a_new_deadline_and_leaves_the_session() -> None:
    again = InvitationResendRequested(CUSTOMER, 1, 2, NOW + 2 * WEEK)
    change = domain.resend(signing_in(), again, NOW)
    assert types(change) == [InvitationResent]
    assert (after(change).generation, after(change).expires_at) == (2, NOW + 2 * WEEK)
    assert (after(change).state, after(change).session) == ("authenticating", HERE)


@pytest.mark.parametrize("generation", [1, 0])
def test_an_older_resend_is_late(generation: int) -> None:
    assert domain.resend(pending(), InvitationResendRequested(CUSTOMER, 1, generation, NOW), NOW) is None


def test_a_cancel_that_comes_first_creates_the_invitation_already_revoked() -> None:
    change = domain.cancel(None, SwitchCancelled(CUSTOMER, 1, "cancelled", True), NOW)
    assert (after(change).state, types(change)) == ("revoked", [InvitationRevoked])
    assert domain.invite(after(change), requested(), NOW) is None


@pytest.mark.parametrize(
    ("rule", "event", "state"),
    [
        (domain.complete, SwitchCompleted(CUSTOMER, 1, "token", "sign_in", True, "g"), "done"),
        (domain.expire, SwitchExpired(CUSTOMER, 1, True), "expired"),
        (domain.fail, SwitchFailed(CUSTOMER, 1, "secret_wrong", True), "revoked"),
        (domain.cancel, SwitchCancelled(CUSTOMER, 1, "readdressed", True), "revoked"),
    ],
)
def test_a_verdict_ends_the_invitation_once_whatever_it_was(rule: Any, event: Any, state: str) -> None:
    for before in (None, pending(), opened(), signing_in()):
        ended = after(rule(before, event, NOW))
        assert (ended.state, ended.over) == (state, True)
        assert ended.attempt is None or ended.attempt.sealed is None
        assert rule(ended, event, NOW) is None
        assert domain.cancel(ended, SwitchCancelled(CUSTOMER, 1, "cancelled", True), NOW) is None


# --- opening ------------------------------------------------------------------------------------------------------


def test_the_first_opening_is_said_once() -> None:
    change = domain.open_link(pending(), 1, HERE, False, NOW)
    assert (after(change).state, types(change)) == ("opened", [InvitationOpened])
    assert domain.open_link(after(change), 1, HERE, False, NOW) is None
    assert types(domain.open_link(after(change), 1, THERE, True, NOW)) == []


def test_another_browser_must_say_that_it_takes_over() -> None:
    assert refusal(lambda: domain.open_link(opened(), 1, THERE, False, NOW)) == "continue_here"


def test_taking_over_stops_the_attempt_and_binds_the_new_browser() -> None:
    change = domain.open_link(signing_in(), 1, THERE, True, NOW)
    assert types(change) == [AuthenticationStopped]
    taken = after(change)
    assert (taken.session, taken.state, taken.attempt and taken.attempt.stage) == (THERE, "opened", "stopped")
    assert refusal(lambda: domain.start(taken, HERE, Start("sign_in"), NOW)) == "continue_here"


def test_taking_over_does_not_stop_what_was_claimed() -> None:
    finishing = after(domain.claim(signing_in(), claimed(), NOW))
    change = domain.open_link(finishing, 1, THERE, True, NOW)
    assert (after(change).state, types(change)) == ("finishing", [])


def test_the_second_click_of_the_same_browser_is_no_take_over() -> None:
    first = after(domain.open_link(pending(), 1, HERE, False, NOW, "form-cookie"))
    started = after(domain.start(first, HERE, Start("sign_in"), NOW))
    change = domain.open_link(started, 1, THERE, False, NOW, "form-cookie")
    assert (after(change).session, after(change).state, types(change)) == (THERE, "authenticating", [])
    assert refusal(lambda: domain.open_link(first, 1, THERE, False, NOW, "another")) == "continue_here"
    assert refusal(lambda: domain.open_link(first, 1, THERE, False, NOW, None)) == "continue_here"


def test_an_older_link_is_replaced_and_a_newer_one_than_we_know_counts() -> None:
    resent = replace(pending(), generation=3)
    assert refusal(lambda: domain.open_link(resent, 2, HERE, False, NOW)) == "invitation_replaced"
    assert after(domain.open_link(resent, 4, HERE, False, NOW)).session == HERE


def test_what_cannot_be_opened_says_why() -> None:
    assert refusal(lambda: domain.open_link(None, 1, HERE, False, NOW)) == "link_unknown"
    assert refusal(lambda: domain.open_link(pending(), 1, HERE, False, NOW + WEEK)) == "invitation_expired"
    for state in ("done", "expired", "revoked"):
        ended = replace(pending(), state=state)  # type: ignore[arg-type]
        assert refusal(lambda ended=ended: domain.open_link(ended, 1, HERE, True, NOW)) == f"invitation_{state}"


# --- attempts -----------------------------------------------------------------------------------------------------


def test_start_says_all_that_auth_svc_needs() -> None:
    change = domain.start(opened(), HERE, Start("device_code", "a@b.example", attempt=1), NOW)
    event = change.events[0] if change else None
    assert isinstance(event, AuthenticationStarted)
    assert (event.attempt, event.method, event.login_hint, event.tenant_id) == (
        1, "device_code", "a@b.example", requested().tenant_id)  # fmt: skip
    assert (after(change).state, after(change).codes) == ("authenticating", 1)


def test_a_form_that_was_sent_already_starts_nothing() -> None:
    assert domain.start(signing_in(), HERE, Start("sign_in", attempt=1), NOW) is None
    assert types(domain.start(signing_in(), HERE, Start("sign_in", attempt=2), NOW)) == [AuthenticationStarted]


@pytest.mark.parametrize(
    ("given", "chosen", "code"),
    [
        ({"methods": ("sign_in",)}, Start("device_code"), "method_not_offered"),
        ({"state": "finishing"}, Start("sign_in"), "finishing"),
        ({"attempts": MAX_ATTEMPTS}, Start("sign_in"), "attempts_spent"),
        ({"codes": MAX_CODES}, Start("device_code"), "codes_spent"),
        ({}, Start("app_registration", seal="jwe", attempt=7), "attempt_changed"),
        ({}, Start("app_registration", seal="jwe"), "attempt_changed"),
        ({"expires_at": NOW}, Start("sign_in"), "invitation_expired"),
    ],
)
def test_start_is_refused(given: dict[str, Any], chosen: Start, code: str) -> None:
    assert refusal(lambda: domain.start(replace(opened(), **given), HERE, chosen, NOW)) == code


def test_five_codes_spent_leave_the_other_ways() -> None:
    spent = replace(opened(), codes=MAX_CODES)
    assert types(domain.start(spent, HERE, Start("sign_in"), NOW)) == [AuthenticationStarted]


def test_code_and_address_are_shown_while_preparing_only() -> None:
    shown = after(domain.show_code(signing_in("device_code"), code(), NOW))
    assert shown.attempt and (shown.attempt.stage, shown.attempt.sealed) == ("code", "sealed")
    assert domain.show_code(shown, code(), NOW) is None
    assert domain.show_code(signing_in("device_code"), code(attempt=2), NOW) is None
    assert domain.show_code(None, code(), NOW) is None
    ready = after(domain.show_sign_in(signing_in(), SignInReady(CUSTOMER, 1, 1, "jwe", NOW + 15 * MINUTE), NOW))
    assert ready.attempt and ready.attempt.stage == "sign_in"


def test_a_failed_attempt_may_be_tried_again() -> None:
    change = domain.attempt_failed(signing_in(), failed(), NOW)
    again = after(change)
    assert again.state == "opened" and again.attempt
    assert (again.attempt.stage, again.attempt.reason, again.attempt.aadsts) == ("failed", "declined", 17)
    assert types(domain.start(again, HERE, Start("sign_in", attempt=2), NOW)) == [AuthenticationStarted]


def test_what_belongs_to_an_older_attempt_is_late() -> None:
    second = after(domain.start(signing_in(), HERE, Start("sign_in", attempt=2), NOW))
    assert domain.attempt_failed(second, failed(1), NOW) is None
    assert domain.show_code(second, code(1), NOW) is None


def test_a_claim_is_finishing_until_the_verdict() -> None:
    for event in (claimed(), AppRegistrationProven(CUSTOMER, 1, 1, "app", "proposed")):
        finishing = after(domain.claim(signing_in(), event, NOW))
        assert finishing.state == "finishing"
        assert domain.claim(finishing, event, NOW) is None
    done = after(domain.complete(finishing, SwitchCompleted(CUSTOMER, 1, "token", "sign_in", True, "g", None, ADMIN), NOW))
    assert (done.state, done.account) == ("done", ADMIN)


def test_microsofts_answer_is_taken_once_and_only_for_its_attempt() -> None:
    ready = after(domain.show_sign_in(signing_in(), SignInReady(CUSTOMER, 1, 1, "jwe", NOW + 15 * MINUTE), NOW))
    change = domain.returned(ready, HERE, 1, "jwe-answer", NOW)
    assert types(change) == [SignInReturned]
    assert domain.returned(after(change), HERE, 1, "jwe-answer", NOW) is None
    assert refusal(lambda: domain.returned(ready, HERE, 2, "x", NOW)) == "sign_in_mismatch"
    assert refusal(lambda: domain.returned(ready, THERE, 1, "x", NOW)) == "continue_here"
    assert refusal(lambda: domain.returned(opened(), HERE, 1, "x", NOW)) == "sign_in_mismatch"


def test_giving_up_stops_a_running_attempt_and_only_that() -> None:
    change = domain.give_up(signing_in(), HERE, "unreadable", NOW)
    assert types(change) == [AuthenticationStopped] and after(change).state == "opened"
    assert domain.give_up(after(change), HERE, "unreadable", NOW) is None
    finishing = after(domain.claim(signing_in(), claimed(), NOW))
    assert domain.give_up(finishing, HERE, "unreadable", NOW) is None
    assert refusal(lambda: domain.give_up(signing_in(), THERE, "unreadable", NOW)) == "continue_here"


def test_a_new_invitation_is_asked_for_hourly_at_most() -> None:
    asked = domain.ask_again(pending(), NOW)
    assert len(types(asked)) == 1
    assert domain.ask_again(after(asked), NOW + 59 * MINUTE) is None
    assert len(types(domain.ask_again(after(asked), NOW + 60 * MINUTE))) == 1
    assert domain.ask_again(None, NOW) is None
    assert domain.ask_again(replace(pending(), state="done"), NOW) is None


# --- deadlines ----------------------------------------------------------------------------------------------------


def test_a_pending_invitation_is_reminded_of_once_then_proposed_as_expired() -> None:
    given = pending()
    assert domain.deadline(given) == NOW + timedelta(days=3)
    reminded = domain.on_deadline(given, NOW + timedelta(days=3))
    assert types(reminded) == [InvitationReminded]
    assert domain.deadline(after(reminded)) == NOW + WEEK
    proposed = domain.on_deadline(after(reminded), NOW + WEEK)
    assert types(proposed) == [InvitationExpired]
    assert (after(proposed).state, domain.deadline(after(proposed))) == ("pending", None)


def test_an_opened_invitation_is_not_reminded_of() -> None:
    assert domain.deadline(opened()) == NOW + WEEK


def test_a_running_attempt_has_fifteen_minutes_more() -> None:
    running = signing_in()
    assert domain.deadline(running) == NOW + WEEK + 15 * MINUTE
    assert domain.on_deadline(running, NOW + WEEK) is None
    assert types(domain.on_deadline(running, NOW + WEEK + 15 * MINUTE)) == [InvitationExpired]


def test_a_resend_after_the_proposal_lives_again() -> None:
    proposed = after(domain.on_deadline(opened(), NOW + WEEK))
    resent = after(domain.resend(proposed, InvitationResendRequested(CUSTOMER, 1, 2, NOW + 2 * WEEK), NOW + WEEK))
    assert domain.deadline(resent) == NOW + 2 * WEEK


@pytest.mark.parametrize("moment", [NOW, NOW + WEEK - MINUTE])
def test_nothing_happens_before_the_deadline(moment: datetime) -> None:
    assert domain.on_deadline(opened(), moment) is None


def test_what_is_over_has_no_deadline() -> None:
    over = after(domain.expire(pending(), SwitchExpired(CUSTOMER, 1, True), NOW))
    assert domain.deadline(over) is None and domain.on_deadline(over, NOW + 9 * WEEK) is None
