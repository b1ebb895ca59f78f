"""Who is owed which mail, and until when: the rules of notify-svc."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from notify_svc.domain import sending
from notify_svc.domain.model import ADDRESSEE_OF, MAX_TRIES, RETRY_AFTER_SECONDS, OutgoingMails
from notify_svc.subscriptions import SUBSCRIPTIONS
from shared.contracts.events import (
    REGISTRY,
    AuthenticationFailed,
    EmailFailed,
    EmailSent,
    InvitationReminded,
    InvitationResent,
    InvitationRevoked,
    NewInvitationAsked,
    SwitchCancelled,
    SwitchCompleted,
    SwitchExpired,
    SwitchFailed,
)
from tests.notify_svc.notify_kit import ADMIN, NOW, OPERATOR, WEEK, after, created, hears, mailed, requested, states

RESENT = InvitationResent(customer="contoso", switch=1, generation=2, created_at=NOW, expires_at=NOW + 2 * WEEK)
REMINDED = InvitationReminded(customer="contoso", switch=1, generation=1, created_at=NOW, expires_at=NOW + WEEK)
COMPLETED = SwitchCompleted(
    customer="contoso",
    switch=1,
    to="token",
    method="sign_in",
    invited=True,
    grant="g1",
    revision=None,
    account=ADMIN,
    in_force="token",
)
CANCELLED = SwitchCancelled(customer="contoso", switch=1, reason="cancelled", invited=True, by=OPERATOR)
EXPIRED = SwitchExpired("contoso", 1, True)
FAILED = SwitchFailed(customer="contoso", switch=1, reason="secret_expired", invited=False)
REVOKED = InvitationRevoked("contoso", 1, 1)
REFUSED = AuthenticationFailed(
    customer="contoso",
    switch=1,
    attempt=1,
    method="device_code",
    reason="no_role",
    aadsts=50105,
    correlation_id="corr-1",
)
ASKED = NewInvitationAsked("contoso", 1, 1)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


def said(change: Any) -> list[tuple[str, str, bool]]:
    return [(type(e).__name__, e.kind, getattr(e, "final", False)) for e in change.events]


# --- what queues a mail -------------------------------------------------------------------------------------------


def test_given_a_switch_when_the_invitation_is_created_then_the_invitee_is_owed_it_at_once() -> None:
    owed = after(requested(), created())
    assert states(owed) == {"invitation": "queued"}
    assert sending.next_deadline(owed) == NOW


def test_given_a_switch_alone_then_nobody_is_owed_anything() -> None:
    owed = after(requested())
    assert owed.mails == () and sending.next_deadline(owed) is None


def test_given_a_switch_known_already_when_it_comes_again_then_nothing_changes() -> None:
    assert hears(after(requested()), requested(customer_name="Other")) is None


def test_given_the_invitation_came_first_when_the_switch_comes_then_it_knows_all() -> None:
    owed = after(created(), requested())
    assert owed.invitee and states(owed) == {"invitation": "queued"}


@pytest.mark.parametrize(("event", "kind"), [(RESENT, "resend"), (REMINDED, "reminder")])
def test_given_an_unsent_invitation_when_a_newer_one_comes_then_only_the_newer_is_sent(event: Any, kind: str) -> None:
    change = hears(after(requested(), created()), event)
    assert change and states(change.state) == {"invitation": "dropped", kind: "queued"}
    assert said(change) == [("EmailFailed", "invitation", False)]


def test_given_a_resend_then_its_deadline_and_generation_are_told() -> None:
    owed = after(requested(), created(), RESENT)
    owed_mail = owed.mail("resend")
    assert owed_mail and owed_mail.generation == 2 and owed_mail.facts.expires_at == NOW + 2 * WEEK
    assert owed.expires_at == NOW + 2 * WEEK


def test_given_a_sent_resend_when_it_is_resent_again_then_its_count_goes_on() -> None:
    owed = mailed(after(requested(), created(), RESENT), "resend")
    owed = mailed(after(replace(RESENT, generation=3), state=owed), "resend")
    owed_mail = owed.mail("resend")
    assert owed_mail and (owed_mail.count, owed_mail.serial, owed_mail.generation) == (2, 2, 3)


def test_given_a_completed_switch_then_invitee_and_operator_are_told() -> None:
    owed = after(requested(), created(), COMPLETED)
    assert states(owed) == {"invitation": "dropped", "done": "queued", "operator_done": "queued"}


def test_given_no_invitee_when_the_switch_completes_then_nobody_is_mailed() -> None:
    change = hears(after(requested(invitee=None)), replace(COMPLETED, invited=False))
    assert change and change.state.over and change.state.mails == ()


@pytest.mark.parametrize("verdict", [CANCELLED, EXPIRED, FAILED, COMPLETED], ids=lambda e: type(e).__name__)
def test_given_an_unsent_invitation_when_the_switch_ends_then_it_is_never_sent(verdict: Any) -> None:
    change = hears(after(requested(), created()), verdict)
    assert change and states(change.state)["invitation"] == "dropped"
    assert ("EmailFailed", "invitation", True) in said(change)


@pytest.mark.parametrize(
    "late", [created(), RESENT, REMINDED, REFUSED, COMPLETED, EXPIRED, CANCELLED], ids=lambda e: type(e).__name__
)
def test_given_a_switch_that_ended_when_something_comes_late_then_nothing_is_mailed(late: Any) -> None:
    assert hears(after(requested(), created(), CANCELLED), late) is None


def test_given_an_expiry_then_the_operator_is_told() -> None:
    assert states(after(requested(), created(), EXPIRED))["expired"] == "queued"


def test_given_a_sent_invitation_when_it_is_taken_back_then_the_invitee_is_told_once() -> None:
    owed = after(CANCELLED, REVOKED, state=mailed(after(requested(), created()), "invitation"))
    assert states(owed)["revoked"] == "queued"
    assert hears(mailed(owed, "revoked"), REVOKED) is None


def test_given_no_sent_invitation_when_it_is_taken_back_then_nobody_is_told() -> None:
    assert "revoked" not in states(after(requested(), created(), CANCELLED, REVOKED))


def test_given_an_invitation_on_its_way_when_it_is_taken_back_then_who_gets_it_is_told() -> None:
    owed = mailed(after(requested(), created(), CANCELLED, REVOKED), "invitation")
    assert states(owed) == {"invitation": "sent", "revoked": "queued"}


def test_given_a_sent_invitation_when_a_newer_one_comes_then_it_stays_sent() -> None:
    change = hears(mailed(after(requested(), created()), "invitation"), RESENT)
    assert change and states(change.state) == {"invitation": "sent", "resend": "queued"} and change.events == ()


def test_given_the_verdict_came_first_then_nothing_invites_and_names_are_known_all_the_same() -> None:
    owed = after(COMPLETED, requested(), created())
    assert states(owed) == {"done": "queued", "operator_done": "queued"} and owed.customer_name == "Contoso Ltd"


# --- hourly at most -----------------------------------------------------------------------------------------------


def test_given_a_refusal_when_another_comes_within_the_hour_then_it_is_not_mailed() -> None:
    owed = mailed(after(requested(), created(), REFUSED), "refused")
    assert hears(owed, REFUSED, NOW + HOUR - MINUTE) is None


def test_given_a_refusal_when_another_comes_after_an_hour_then_it_is_mailed_with_its_own_reason() -> None:
    owed = mailed(after(requested(), created(), REFUSED), "refused")
    change = hears(owed, replace(REFUSED, reason="guest"), NOW + HOUR)
    owed_mail = change.state.mail("refused") if change else None
    assert owed_mail and owed_mail.state == "queued" and owed_mail.serial == 2 and owed_mail.facts.reason == "guest"


def test_given_no_invitee_when_the_proof_fails_then_no_refusal_is_mailed() -> None:
    assert hears(after(requested(invitee=None)), REFUSED) is None


def test_given_an_expired_switch_when_a_new_invitation_is_asked_for_then_the_operator_is_told() -> None:
    assert states(after(requested(), created(), EXPIRED, ASKED))["asked"] == "queued"


# --- what becomes of a mail ---------------------------------------------------------------------------------------


def test_given_a_mail_that_was_taken_then_it_is_said_with_its_count() -> None:
    change = sending.mark_sent(after(requested(), created()), "invitation", 1, NOW)
    assert change and change.events == (
        EmailSent(customer="contoso", switch=1, kind="invitation", generation=1, tries=1, count=1),
    )
    assert sending.next_deadline(change.state) is None


def test_given_a_sent_mail_when_its_outcome_comes_again_then_nothing_changes() -> None:
    assert sending.mark_sent(mailed(after(requested(), created()), "invitation"), "invitation", 1, NOW) is None


def test_given_a_mail_replaced_on_its_way_then_it_is_counted_and_the_newer_is_still_owed() -> None:
    owed = after(requested(), created(), RESENT, replace(RESENT, generation=3))
    change = sending.mark_sent(owed, "resend", 1, NOW)
    owed_mail = change.state.mail("resend") if change else None
    assert owed_mail and owed_mail.state == "queued" and owed_mail.count == 1 and owed_mail.next == NOW


def test_given_a_temporary_refusal_then_it_is_tried_again_ever_more_rarely() -> None:
    owed, waits = after(requested(), created()), []
    for _ in range(len(RETRY_AFTER_SECONDS) + 2):
        change = sending.try_later(owed, "invitation", 1, "busy", NOW)
        assert change
        owed = change.state
        waits.append(int(((sending.next_deadline(owed) or NOW) - NOW).total_seconds()))
    assert waits == [*RETRY_AFTER_SECONDS, RETRY_AFTER_SECONDS[-1], RETRY_AFTER_SECONDS[-1]]


def test_given_many_tries_then_only_some_are_said_and_the_last_is_final() -> None:
    owed, events = after(requested(), created()), []
    for _ in range(MAX_TRIES):
        change = sending.try_later(owed, "invitation", 1, "busy", NOW)
        assert change
        owed = change.state
        events += list(change.events)
    assert [e.tries for e in events if isinstance(e, EmailFailed)] == [1, 5, 20, 100, MAX_TRIES]
    assert [e.final for e in events if isinstance(e, EmailFailed)] == [False] * 4 + [True]
    assert states(owed) == {"invitation": "failed"} and sending.next_deadline(owed) is None


def test_given_a_refusal_for_good_then_it_is_said_and_not_tried_again() -> None:
    change = sending.give_up(after(requested(), created()), "invitation", 1, "refused (550)", NOW)
    assert change and change.events == (
        EmailFailed(
            customer="contoso", switch=1, kind="invitation", generation=1, tries=1, why="refused (550)", final=True
        ),
    )
    assert sending.next_deadline(change.state) is None


@pytest.mark.parametrize("rule", [sending.try_later, sending.give_up])
def test_given_a_dropped_mail_when_its_failure_comes_late_then_nothing_changes(rule: Any) -> None:
    assert rule(after(requested(), created(), CANCELLED), "invitation", 1, "busy", NOW) is None


@pytest.mark.parametrize("rule", [sending.try_later, sending.give_up])
def test_given_no_document_then_an_outcome_changes_nothing(rule: Any) -> None:
    assert rule(None, "invitation", 1, "busy", NOW) is None and sending.mark_sent(None, "invitation", 1, NOW) is None


def test_given_several_owed_mails_then_the_longest_waiting_goes_first_and_one_that_waits_holds_up_none() -> None:
    owed = after(requested(), created(), COMPLETED)
    change = sending.try_later(owed, "done", 1, "busy", NOW)
    assert change
    first = sending.next_due(change.state, NOW)
    assert first and first.kind == "operator_done"
    assert sending.next_due(mailed(change.state, "operator_done"), NOW) is None
    assert sending.next_deadline(change.state) == NOW


def test_given_any_number_of_events_then_a_document_holds_one_notice_a_kind() -> None:
    owed: OutgoingMails | None = None
    for hour in range(50):
        for event in (requested(), created(), RESENT, REMINDED, REFUSED, ASKED):
            owed = after(event, state=owed, now=NOW + hour * HOUR)
    assert owed and len(owed.mails) == len(states(owed)) <= len(ADDRESSEE_OF)


# --- what it never hears ------------------------------------------------------------------------------------------


def test_no_event_with_a_sealed_part_is_heard_here() -> None:
    assert {row.event.__name__ for row in SUBSCRIPTIONS if REGISTRY[row.event.__name__].sealed_fields} == set()
