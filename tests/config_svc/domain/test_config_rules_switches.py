"""Rules of a switch: commands and their refusals, progress that only rises, one verdict, deadlines."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from config_svc.domain import switches
from config_svc.domain.model import SWITCH_BACK_LIMIT, Customer
from shared.contracts.events import (
    Account,
    AppRegistrationProven,
    AuthenticationFailed,
    AuthenticationStarted,
    AuthenticationStopped,
    DeviceCodeIssued,
    EmailFailed,
    EmailSent,
    InvitationCreated,
    InvitationExpired,
    InvitationOpened,
    InvitationResendRequested,
    InvitationResent,
    LinkCopied,
    Person,
    SecretExpiring,
    SignInReady,
    SignInReturned,
    SwitchCancelled,
    SwitchCompleted,
    SwitchExpired,
    SwitchFailed,
    SwitchRequested,
)
from tests.config_svc.rules_kit import (
    ACCOUNT,
    ANNA,
    BERT,
    BY,
    ID,
    LATER,
    LIFE,
    NOBODY,
    NOW,
    TENANT,
    asked,
    claim,
    given,
    pinned,
    registered,
    requested,
    switching_back,
    with_token,
)

REMIND = timedelta(days=3)


def resend(state: Any, number: int, invitee: Person | None, now: datetime) -> Any:
    return switches.resend(state, number, invitee, BY, now)


def cancel(state: Any, number: int, now: datetime) -> Any:
    return switches.cancel(state, number, BY, now)


def copy_link(state: Any, number: int, now: datetime) -> Any:
    return switches.copy_link(state, number, BY, now)


# --- to ask for one --------------------------------------------------------------------------------------------------


def test_a_switch_carries_all_that_it_keeps_to_its_end() -> None:
    outcome = given(pinned()).when(switches.request, asked(locale="de", reference="T", remind_after_seconds=259_200))
    outcome.then(SwitchRequested, switches=1, switch__state="requested", switch__expires_at=NOW + LIFE)
    event = outcome.event()
    assert (event.invitee, event.locale, event.remind_at, event.expires_at) == (ANNA, "de", NOW + REMIND, NOW + LIFE)
    assert (event.tenant_id, event.customer_name, event.accepted_roles, event.revision) == (
        TENANT,
        "Contoso",
        ("role",),
        1,
    )
    assert event.methods == switches.ALL_METHODS
    assert outcome.change and outcome.change.answer == {"switch": 1}


def test_the_way_back_needs_no_invitee_and_ends_in_fifteen_minutes() -> None:
    outcome = given(with_token()).when(switches.request, asked("app_registration", None))
    outcome.then(SwitchRequested, switch__number=2, switch__expires_at=NOW + SWITCH_BACK_LIMIT)
    assert (outcome.event().invitee, outcome.event().methods, outcome.event().remind_at) == (
        None,
        ("app_registration",),
        None,
    )


@pytest.mark.parametrize(
    ("state", "request_", "code"),
    [
        (None, asked(), "customer_unknown"),
        (registered(removed=True), asked(), "removed"),
        (requested(), asked(), "switch_running"),
        (registered(), asked(), "tenant_unresolved"),
        (with_token(), asked(), "already"),
        (pinned(), asked("app_registration"), "already"),
        (pinned(), asked(renew=True), "nothing_to_renew"),
        (pinned(), asked(methods=("app_registration",)), "methods"),
        (pinned(), asked(invitee=None), "admin_email_missing"),
        (pinned(None), asked("app_registration", None), "secret_missing"),
        (with_token(secret=False), asked("app_registration", None), "secret_missing"),
        (with_token(secret_expires_on="2027-03-01"), asked("app_registration", None), "secret_expired"),
    ],
)
def test_what_cannot_be_asked_for(state: Any, request_: Any, code: str) -> None:
    given(state).refused(code, switches.request, request_)


@pytest.mark.parametrize(
    ("state", "request_"),
    [
        (with_token(), asked(renew=True)),
        (with_token(secret=False), asked("app_registration", ANNA)),
        (with_token(secret_expires_on="2027-03-01"), asked("app_registration", ANNA)),
        (with_token(secret_expires_on="2027-03-02"), asked("app_registration", None)),
        (pinned(None), asked("app_registration", ANNA)),
        (pinned(None), asked()),
        (pinned(), asked("app_registration", None, renew=True)),
    ],
)
def test_what_can_be_asked_for(state: Any, request_: Any) -> None:
    given(state).when(switches.request, request_).then(SwitchRequested)


# --- resend, cancel, link --------------------------------------------------------------------------------------------


def test_a_resend_raises_the_generation_and_moves_the_deadline() -> None:
    later = NOW + timedelta(days=2)
    outcome = given(requested()).when(resend, 1, None, now=later)
    outcome.then(InvitationResendRequested, switch__generation=2, switch__expires_at=later + LIFE, switches=1)
    assert (outcome.event().generation, outcome.event().expires_at) == (2, later + LIFE)
    given(requested()).when(resend, 1, Person("ANNA@contoso.example")).then(InvitationResendRequested)


def test_a_resend_to_another_address_is_the_next_switch() -> None:
    outcome = given(requested()).when(resend, 1, BERT)
    outcome.then(SwitchCancelled, SwitchRequested, switches=2, switch__number=2, switch__invitee=BERT)
    assert outcome.event().reason == "readdressed" and outcome.event(1).switch == 2
    assert outcome.change and outcome.change.answer == {"switch": 2}


def test_cancelling_changes_nothing_in_force() -> None:
    given(requested()).when(cancel, 1).then(SwitchCancelled, switch__state="cancelled", method="app_registration")
    outcome = given(switching_back()).when(cancel, 2)
    outcome.then(SwitchCancelled, method="token", running=None)
    assert outcome.event().invited is False


def test_a_link_is_said_to_be_taken_and_not_in_the_answer() -> None:
    outcome = given(requested()).when(copy_link, 1)
    assert outcome.then(LinkCopied) == requested()
    assert outcome.change and outcome.change.answer == {"switch": 1, "generation": 1}


@pytest.mark.parametrize("verb", [cancel, copy_link, lambda s, n, now: resend(s, n, None, now)])
@pytest.mark.parametrize(
    ("state", "number", "code"),
    [
        (None, 1, "customer_unknown"),
        (pinned(), 1, "no_switch"),
        (requested(), 2, "switch_stale"),
        (requested(), 0, "switch_stale"),
        (with_token(), 1, "switch_ended"),
        (registered(removed=True), 1, "removed"),
    ],
)
def test_only_the_current_running_switch_can_be_acted_on(verb: Any, state: Any, number: int, code: str) -> None:
    given(state).refused(code, verb, number)


def test_without_an_invitation_there_is_nothing_to_send_or_copy() -> None:
    given(switching_back()).refused("no_invitation", resend, 2, None)
    given(switching_back()).refused("no_invitation", copy_link, 2)


# --- progress --------------------------------------------------------------------------------------------------------


def created(switch: int = 1, generation: int = 1) -> InvitationCreated:
    return InvitationCreated(customer=ID, switch=switch, generation=generation, created_at=NOW, expires_at=NOW + LIFE)


def opened(switch: int = 1) -> InvitationOpened:
    return InvitationOpened(customer=ID, switch=switch, generation=1, opened_at=NOW)


def started(switch: int = 1, attempt: int = 1, method: Any = "device_code") -> AuthenticationStarted:
    return AuthenticationStarted(
        customer=ID, switch=switch, attempt=attempt, method=method, accepted_roles=("role",), tenant_id=TENANT
    )


def failed(switch: int = 1, attempt: int = 1, final: bool = False) -> AuthenticationFailed:
    return AuthenticationFailed(
        customer=ID,
        switch=switch,
        attempt=attempt,
        method="device_code",
        reason="declined",
        aadsts=70017,
        correlation_id="corr",
        final=final,
    )


def signing_in(attempt: int = 1) -> Customer:
    return given(requested()).when(switches.started, started(attempt=attempt)).then()


def test_progress_rises_step_by_step_and_over_missing_steps() -> None:
    state = given(requested()).when(switches.invited, created()).then(switch__state="invited", switch__invited_at=NOW)
    state = given(state).when(switches.opened, opened()).then(switch__state="opened", switch__opened_at=NOW)
    given(state).when(switches.started, started()).then(switch__state="authenticating", switch__step="preparing")
    given(requested()).when(switches.opened, opened()).then(switch__state="opened")
    jumped = given(requested()).when(switches.started, started())
    jumped.then(switch__state="authenticating", switch__method="device_code")


def test_an_earlier_step_that_comes_late_does_not_fall_back() -> None:
    state = given(requested()).when(switches.opened, opened()).then()
    given(state).when(switches.invited, created()).then(switch__state="opened", switch__invited_at=NOW)
    given(signing_in()).when(switches.opened, opened()).then(switch__state="authenticating")


def test_of_two_openings_the_first_counts() -> None:
    state = given(requested()).when(switches.opened, opened()).then()
    given(state).when(switches.opened, InvitationOpened(customer=ID, switch=1, generation=1, opened_at=LATER)).nothing()


def test_an_older_generation_is_late() -> None:
    again = given(requested()).when(resend, 1, None).then(InvitationResendRequested)
    given(again).when(switches.invited, created()).nothing()
    resent = InvitationResent(customer=ID, switch=1, generation=2, created_at=NOW, expires_at=NOW + LIFE)
    given(again).when(switches.invited, resent).then(switch__state="invited")


def test_an_attempt_moves_through_its_steps() -> None:
    code = DeviceCodeIssued(customer=ID, switch=1, attempt=1, code="jwe", verification_uri="uri", expires_at=LATER)
    given(signing_in()).when(switches.stepped, code).then(switch__step="code_issued")
    ready = (
        given(signing_in())
        .when(switches.stepped, SignInReady(customer=ID, switch=1, attempt=1, url="jwe", expires_at=LATER))
        .then(switch__step="sign_in_ready")
    )
    back = (
        given(ready)
        .when(switches.stepped, SignInReturned(customer=ID, switch=1, attempt=1, answer="jwe"))
        .then(switch__step="returned")
    )
    given(back).when(
        switches.stepped, SignInReady(customer=ID, switch=1, attempt=1, url="jwe", expires_at=LATER)
    ).nothing()
    given(back).when(
        switches.stepped,
        DeviceCodeIssued(customer=ID, switch=1, attempt=2, code="jwe", verification_uri="uri", expires_at=LATER),
    ).then(switch__attempt=2)


def test_a_failed_attempt_returns_the_invitation_and_a_stopped_one_too() -> None:
    found = given(signing_in()).when(switches.attempt_failed, failed()).then(switch__state="opened", switch__step=None)
    assert found.switch and found.switch.failure and found.switch.failure.aadsts == 70017
    stop = AuthenticationStopped(customer=ID, switch=1, attempt=1, reason="continued")
    given(signing_in()).when(switches.stopped, stop).then(switch__state="opened")
    given(found).when(
        switches.stepped,
        DeviceCodeIssued(customer=ID, switch=1, attempt=1, code="jwe", verification_uri="uri", expires_at=LATER),
    ).nothing()


def test_what_belongs_to_an_older_attempt_is_late() -> None:
    state = signing_in(attempt=2)
    for rule, event in (
        (switches.started, started(attempt=2)),
        (switches.attempt_failed, failed()),
        (switches.stopped, AuthenticationStopped(customer=ID, switch=1, attempt=1, reason="x")),
        (
            switches.stepped,
            DeviceCodeIssued(customer=ID, switch=1, attempt=1, code="jwe", verification_uri="uri", expires_at=LATER),
        ),
    ):
        given(state).when(rule, event).nothing()


LATE: list[tuple[Any, Any]] = [
    (switches.invited, created()),
    (switches.opened, opened()),
    (switches.started, started(attempt=9)),
    (switches.stepped, SignInReady(customer=ID, switch=1, attempt=9, url="jwe", expires_at=LATER)),
    (switches.stopped, AuthenticationStopped(customer=ID, switch=1, attempt=9, reason="x")),
    (switches.attempt_failed, failed(attempt=9)),
    (switches.claimed, claim(attempt=9)),
    (switches.proven, AppRegistrationProven(customer=ID, switch=1, attempt=9, client_id="app", source="proposed")),
    (switches.expired, InvitationExpired(ID, 1, 9)),
]


@pytest.mark.parametrize(("rule", "event"), LATE, ids=lambda value: type(value).__name__)
def test_after_the_verdict_and_of_another_switch_everything_is_late(rule: Any, event: Any) -> None:
    ended = given(requested()).when(cancel, 1).then(SwitchCancelled)
    for state in (None, pinned(), ended, with_token(), switching_back()):
        given(state).when(rule, event).nothing()
    given(requested()).when(rule, replace(event, switch=2)).nothing()


def test_mails_are_counted_even_after_the_verdict() -> None:
    sent = EmailSent(customer=ID, switch=1, kind="invitation", generation=1, tries=1, count=1)
    state = given(requested()).when(switches.mailed, sent).then(switch__mail__state="sent", switch__mail__count=1)
    given(state).when(
        switches.mailed, EmailSent(customer=ID, switch=1, kind="reminder", generation=1, tries=1, count=1)
    ).then(switch__mail__count=2)
    refused = EmailFailed(
        customer=ID, switch=1, kind="resend", generation=1, tries=3, why="mailbox unknown", final=True
    )
    given(state).when(switches.mailed, refused).then(switch__mail__state="failed", switch__mail__why="mailbox unknown")
    soon = replace(refused, final=False)
    waiting = given(requested()).when(switches.mailed, soon)
    waiting.then(switch__mail__state="queued", switch__mail__why="mailbox unknown")
    given(with_token()).when(switches.mailed, sent).then(switch__mail__count=1)


@pytest.mark.parametrize(
    "event",
    [
        EmailSent(customer=ID, switch=2, kind="invitation", generation=1, tries=1, count=1),
        EmailSent(customer=ID, switch=1, kind="done", generation=1, tries=1, count=1),
    ],
)
def test_other_mails_are_for_the_timeline_only(event: EmailSent) -> None:
    given(requested()).when(switches.mailed, event).nothing()
    given(pinned()).when(switches.mailed, event).nothing()


# --- verdicts --------------------------------------------------------------------------------------------------------


def test_a_claim_completes_the_switch_and_the_token_is_in_force() -> None:
    outcome = given(requested()).when(switches.claimed, claim())
    found = outcome.then(
        SwitchCompleted,
        method="token",
        status="successful",
        switch__state="completed",
        switch__account=ACCOUNT,
        grant__id="g1",
        grant__expires_at=LATER,
    )
    event = outcome.event()
    assert (event.grant, event.account, event.in_force, event.method, event.invited) == (
        "g1",
        ACCOUNT,
        "token",
        "sign_in",
        True,
    )
    given(found).when(switches.claimed, claim(grant="g2")).nothing()


def test_entered_credentials_are_a_new_revision() -> None:
    outcome = given(requested()).when(
        switches.proven, AppRegistrationProven(customer=ID, switch=1, attempt=1, client_id="app-2", source="proposed")
    )
    outcome.then(
        SwitchCompleted,
        method="app_registration",
        client_id="app-2",
        secret=True,
        revision=2,
        grant=None,
        secret_expires_on=None,
    )
    assert (outcome.event().revision, outcome.event().in_force) == (2, "app_registration")


def test_the_proof_of_the_stored_secret_ends_the_token() -> None:
    outcome = given(switching_back()).when(
        switches.proven,
        AppRegistrationProven(customer=ID, switch=2, attempt=1, client_id="app-1", source="stored", revision=1),
    )
    outcome.then(SwitchCompleted, method="app_registration", grant=None, revision=1, secret_expires_on="2027-06-30")


def test_a_final_failure_of_the_way_back_fails_it_and_the_token_stays() -> None:
    outcome = given(switching_back()).when(switches.attempt_failed, failed(switch=2, final=True))
    outcome.then(SwitchFailed, method="token", switch__state="failed", switch__reason="declined")
    given(switching_back()).when(switches.attempt_failed, failed(switch=2)).then(switch__state="authenticating")
    given(signing_in()).when(switches.attempt_failed, failed(final=True)).then(switch__state="opened")


def test_nobody_came_in_time() -> None:
    expired = InvitationExpired(ID, 1, 1)
    given(requested()).when(switches.expired, expired).then(SwitchExpired, switch__state="expired")
    again = given(requested()).when(resend, 1, None).then(InvitationResendRequested)
    given(again).when(switches.expired, expired).nothing()


def test_a_renewal_puts_the_new_grant_in_place_of_the_old() -> None:
    renewing = given(with_token()).when(switches.request, asked(renew=True)).then(SwitchRequested, grant__id="g1")
    given(renewing).when(switches.claimed, claim(switch=2, grant="g2")).then(SwitchCompleted, grant__id="g2")
    cancelled = given(renewing).when(cancel, 2).then(SwitchCancelled, grant__id="g1", method="token")
    given(cancelled).when(switches.claimed, claim(switch=2, grant="g2")).nothing()


def test_an_account_other_than_the_invitees_is_shown() -> None:
    other = replace(claim(), account=Account("bert@contoso.example", "oid-2"))
    given(requested()).when(switches.claimed, other).then(SwitchCompleted, switch__account=other.account)


# --- deadlines -------------------------------------------------------------------------------------------------------


def test_only_a_switch_without_an_invitation_has_a_deadline_here() -> None:
    assert switches.deadline(pinned(None)) is None
    assert switches.deadline(requested(secret_expires_on=None)) is None
    assert switches.deadline(switching_back()) == NOW + SWITCH_BACK_LIMIT


def test_a_way_back_without_an_answer_fails_in_time() -> None:
    at = NOW + SWITCH_BACK_LIMIT
    given(switching_back()).when(switches.on_deadline, now=at - timedelta(seconds=1)).nothing()
    late = given(switching_back()).when(switches.on_deadline, now=at)
    late.then(SwitchFailed, switch__state="failed", method="token")
    NOBODY.when(switches.on_deadline).nothing()


def test_the_warning_of_a_secret_is_a_deadline_too() -> None:
    at = switches.deadline(pinned())
    assert at is not None
    given(pinned()).when(switches.on_deadline, now=at).then(SecretExpiring, secret_warned=30)
