"""Rules of master data, tenants, validation, health and expiring secrets: each of them, each refusal."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest

from config_svc.domain import customers, tenants
from config_svc.domain.customers import RegistrationInput
from config_svc.domain.model import Tenant, Waiting
from shared.contracts.events import (
    AccessLost,
    AccessNotProven,
    AccessProven,
    AccessRecovered,
    AccessUnanswered,
    AuthenticationValidated,
    CustomerChanged,
    CustomerRegistered,
    CustomerRemoved,
    GrantRefreshed,
    SecretExpiring,
    SwitchCancelled,
    TenantPinned,
    TenantReleased,
    TenantResolved,
    TenantTaken,
    TenantUnknown,
    ValidationRequested,
)
from tests.config_svc.rules_kit import (
    BY,
    ID,
    LATER,
    NOBODY,
    NOW,
    OTHER,
    TENANT,
    data,
    given,
    pinned,
    registered,
    requested,
    with_token,
)


def put(state: Any, put: Any, now: datetime) -> Any:
    return customers.put(state, ID, put, BY, now)


def remove(state: Any, now: datetime, edition: int | None = None) -> Any:
    return customers.remove(state, ID, BY, now, edition)


# --- put -------------------------------------------------------------------------------------------------------------


def test_a_new_customer_is_registered_with_its_secret_sealed() -> None:
    outcome = NOBODY.when(put, data())
    outcome.then(CustomerRegistered, method="app_registration", status="unknown", revision=1, secret=True, edition=1)
    assert (outcome.event().registration.secret, outcome.event().registration.secret_change) == ("jwe", "set")
    assert outcome.event().by == BY


def test_one_without_a_secret_has_no_method() -> None:
    NOBODY.when(put, data(None)).then(CustomerRegistered, method="none", client_id=None, revision=0)
    NOBODY.when(put, data("kept")).then(CustomerRegistered, method="none", secret=False)


def test_if_match_registers_nothing() -> None:
    assert NOBODY.refused("customer_unknown", put, data(edition=1)).status == 412


def test_the_same_again_changes_nothing() -> None:
    given(registered()).when(put, data("kept")).nothing()
    given(registered(None)).when(put, data(None)).nothing()


def test_a_name_changes_and_the_edition_rises() -> None:
    given(registered()).when(put, data("kept", name="New")).then(CustomerChanged, name="New", edition=2, revision=1)


def test_what_a_put_does_not_name_stays() -> None:
    outcome = given(registered()).when(put, data(None, keep_registration=True, name="New"))
    outcome.then(CustomerChanged, client_id="app-1", secret=True, secret_expires_on="2027-06-30")
    assert outcome.event().registration.secret_change == "kept"


def test_a_new_secret_is_a_new_revision_and_not_proven_yet() -> None:
    proven = registered(status="successful", secret_warned=7, checked_at=NOW)
    given(proven).when(put, data()).then(CustomerChanged, revision=2, status="unknown", secret_warned=None)


def test_without_a_secret_nothing_is_in_force_any_more() -> None:
    removed = data(None, registration=RegistrationInput(client_id="app-1", secret_change="removed"))
    given(registered()).when(put, removed).then(CustomerChanged, method="none", secret=False, secret_expires_on=None)
    given(registered()).when(put, data(None)).then(CustomerChanged, method="none", client_id=None)


def test_with_a_token_in_force_a_new_secret_waits_for_the_way_back() -> None:
    given(with_token()).when(put, data()).then(CustomerChanged, method="token", status="successful", revision=2)


def test_another_tenant_is_looked_up_and_the_old_one_let_go() -> None:
    outcome = given(pinned()).when(put, data("kept", tenant="fabrikam.example"))
    outcome.then(TenantReleased, CustomerChanged, tenant_id=None, tenant_state="resolving")
    assert outcome.event().tenant_id == TENANT
    given(registered()).when(put, data("kept", tenant="fabrikam.example")).then(CustomerChanged)


@pytest.mark.parametrize(
    ("state", "change", "code", "status"),
    [
        (registered(), {"edition": 2}, "edition_changed", 412),
        (requested(), {"tenant": "x.example"}, "switch_running", 409),
        (with_token(), {"tenant": "x.example"}, "grant_in_force", 409),
        (registered(removed=True), {}, "removed", 409),
    ],
)
def test_what_a_put_may_not(state: Any, change: dict[str, Any], code: str, status: int) -> None:
    assert given(state).refused(code, put, data("kept", **change)).status == status


def test_a_secret_may_not_change_while_a_switch_runs() -> None:
    assert given(requested()).refused("switch_running", put, data()).field == "app_registration"
    given(requested()).when(put, data("kept", name="New")).then(CustomerChanged)


# --- remove ----------------------------------------------------------------------------------------------------------


def test_removal_ends_all_and_leaves_a_tombstone() -> None:
    given(requested()).when(remove).then(
        SwitchCancelled,
        TenantReleased,
        CustomerRemoved,
        removed=True,
        grant=None,
        method="none",
        secret=False,
        switch__state="cancelled",
        switch__reason="removed",
    )
    given(registered()).when(remove).then(CustomerRemoved)


def test_removal_of_nobody_of_a_removed_one_and_of_another_edition() -> None:
    assert NOBODY.refused("customer_unknown", remove).status == 404
    given(registered(removed=True)).refused("removed", remove)
    given(registered()).refused("edition_changed", partial(remove, edition=9))


# --- the tenant ------------------------------------------------------------------------------------------------------


def test_a_tenant_is_pinned_once() -> None:
    event = TenantPinned(ID, "contoso.example", TENANT)
    given(registered()).when(customers.pin, event).then(tenant_id=TENANT, tenant_state="pinned")
    given(pinned()).when(customers.pin, event).nothing()
    NOBODY.when(customers.pin, event).nothing()


@pytest.mark.parametrize("state", [registered(tenant="other.example"), registered(removed=True)])
def test_a_tenant_that_is_no_longer_wanted_is_let_go(state: Any) -> None:
    given(state).when(customers.pin, TenantPinned(ID, "contoso.example", TENANT)).then(TenantReleased, tenant_id=None)


def test_one_tenant_under_two_names_is_not_let_go() -> None:
    given(pinned(tenant=TENANT)).when(customers.pin, TenantPinned(ID, "contoso.example", TENANT)).nothing()


def test_a_tenant_that_is_unknown_or_taken_says_why() -> None:
    unknown = TenantUnknown(customer=ID, asked="contoso.example", reason="tenant_unknown")
    taken = TenantTaken(ID, "contoso.example", TENANT)
    found = given(registered()).when(customers.tenant_missing, unknown).then(tenant_state="unknown")
    assert found.tenant_reason == "tenant_unknown"
    given(registered()).when(customers.tenant_missing, taken).then(tenant_state="taken", tenant_reason="tenant_taken")


def test_a_tenant_that_somebody_else_took_meanwhile_is_this_customers_no_longer() -> None:
    taken = TenantTaken(ID, "contoso.example", TENANT)
    given(pinned()).when(customers.tenant_missing, taken).then(tenant_id=None, tenant_state="taken")
    given(pinned()).when(customers.tenant_missing, replace(taken, tenant_id=OTHER)).nothing()


@pytest.mark.parametrize("state", [None, pinned(), registered(removed=True), registered(tenant="other.example")])
def test_news_of_a_tenant_that_is_not_asked_for_are_late(state: Any) -> None:
    given(state).when(
        customers.tenant_missing, TenantUnknown(customer=ID, asked="contoso.example", reason="tenant_unknown")
    ).nothing()


def test_a_tenant_belongs_to_the_first_customer_until_it_lets_go() -> None:
    free: Any = None
    mine = given(free).when(tenants.claim, TenantResolved("c1", "a.example", TENANT)).then(TenantPinned, customer="c1")
    given(mine).when(tenants.claim, TenantResolved("c1", "a.example", TENANT)).then(TenantPinned, customer="c1")
    given(mine).when(tenants.claim, TenantResolved("c2", "a.example", TENANT)).then(TenantTaken, customer="c1")
    given(mine).when(tenants.release, TenantReleased("c2", TENANT)).nothing()
    left = given(mine).when(tenants.release, TenantReleased("c1", TENANT)).then(customer=None)
    given(left).when(tenants.claim, TenantResolved("c2", "a.example", TENANT)).then(TenantPinned, customer="c2")
    given(Tenant(OTHER)).when(tenants.release, TenantReleased("c1", OTHER)).nothing()
    given(free).when(tenants.release, TenantReleased("c1", OTHER)).nothing()


# --- validation ------------------------------------------------------------------------------------------------------


def validate(state: Any, now: datetime) -> Any:
    return customers.request_validation(state, "r1", BY, now)


def test_a_validation_names_just_what_is_to_be_proven() -> None:
    outcome = given(pinned()).when(validate)
    outcome.then(ValidationRequested, status="checking", request="r1")
    assert (outcome.event().method, outcome.event().revision, outcome.event().grant) == ("app_registration", 1, None)
    assert outcome.change and outcome.change.answer == {"request": "r1"}
    assert given(with_token()).when(validate).event().grant == "g1"


def test_what_cannot_be_validated() -> None:
    NOBODY.refused("customer_unknown", validate)
    given(pinned(None)).refused("nothing_to_validate", validate)
    for state in ("resolving", "unknown", "taken"):
        error = given(registered(tenant_state=state)).refused("tenant_unresolved", validate)
        assert error.field == "tenant"


def validated(outcome: Any = "successful", **more: Any) -> AuthenticationValidated:
    fields: dict[str, Any] = {
        "customer": ID,
        "request": "r1",
        "method": "app_registration",
        "outcome": outcome,
        "checked_at": NOW,
        "revision": 1,
    }
    return AuthenticationValidated(**(fields | more))


def test_a_validation_ends_well_or_says_why_not() -> None:
    checking = given(pinned()).when(validate).then(ValidationRequested)
    given(checking).when(customers.validated, validated()).then(status="successful", request=None, failure=None)
    bad = validated("failed", reason="secret_wrong", aadsts=7000215, correlation_id="c-1")
    found = given(checking).when(customers.validated, bad).then(status="failed", checked_at=NOW)
    assert found.failure and (found.failure.reason, found.failure.aadsts) == ("secret_wrong", 7000215)


@pytest.mark.parametrize("more", [{"request": "r0"}, {"method": "token"}, {"revision": 2}, {"grant": "g1"}])
def test_a_validation_of_something_else_is_late(more: dict[str, Any]) -> None:
    checking = given(pinned()).when(validate).then(ValidationRequested)
    given(checking).when(customers.validated, validated(**more)).nothing()


def test_a_validation_of_nobody_is_late() -> None:
    NOBODY.when(customers.validated, validated()).nothing()
    given(pinned(request="r1", removed=True)).when(customers.validated, validated()).nothing()


# --- health ----------------------------------------------------------------------------------------------------------


def lost(method: Any = "token", **more: Any) -> AccessLost:
    fields: dict[str, Any] = {
        "customer": ID,
        "customer_name": "Contoso",
        "method": method,
        "reason": "revoked",
        "grant": "g1" if method == "token" else None,
        "revision": 1,
    }
    return AccessLost(**(fields | more))


def test_lost_access_never_changes_the_method() -> None:
    found = given(with_token()).when(customers.access_lost, lost()).then(method="token", status="failed")
    assert found.grant and found.grant.lost and found.failure and found.failure.reason == "revoked"
    given(pinned()).when(customers.access_lost, lost("app_registration")).then(status="failed")


def test_a_validation_asked_for_before_a_loss_was_heard_is_ended_by_its_own_answer() -> None:
    """The loss that an earlier validation found is said by an event of its own, behind its answer."""
    asked = given(pinned()).when(validate).then(ValidationRequested)
    broken = given(asked).when(customers.access_lost, lost("app_registration")).then(request="r1", status="failed")
    given(broken).when(customers.validated, validated()).then(request=None, status="successful", failure=None)


@pytest.mark.parametrize("event", [lost(grant="g0"), lost("app_registration"), lost("none")])
def test_what_is_not_in_force_cannot_be_lost(event: AccessLost) -> None:
    given(with_token()).when(customers.access_lost, event).nothing()
    NOBODY.when(customers.access_lost, event).nothing()
    given(with_token(removed=True)).when(customers.access_lost, event).nothing()


def test_an_older_revision_cannot_be_lost() -> None:
    given(pinned()).when(customers.access_lost, lost("app_registration", revision=0)).nothing()


def test_access_that_comes_back_is_well() -> None:
    broken = given(with_token()).when(customers.access_lost, lost()).then()
    event = AccessRecovered(customer=ID, customer_name="Contoso", method="token", revision=0, grant="g1")
    found = given(broken).when(customers.access_recovered, event).then(status="successful", failure=None)
    assert found.grant and not found.grant.lost
    given(broken).when(customers.access_recovered, replace(event, grant="g0")).nothing()
    NOBODY.when(customers.access_recovered, event).nothing()


def silent(method: Any = "token", **more: Any) -> AccessUnanswered:
    fields: dict[str, Any] = {
        "customer": ID,
        "method": method,
        "reason": "busy",
        "since": NOW,
        "next_try": NOW + timedelta(minutes=1),
        "grant": "g1" if method == "token" else None,
        "revision": 0 if method == "token" else 1,
    }
    return AccessUnanswered(**(fields | more))


def proven(method: Any = "app_registration", **more: Any) -> Any:
    fields: dict[str, Any] = {"customer": ID, "method": method, "proven_at": NOW, "revision": 1}
    return AccessProven(**(fields | more))


def refreshed(at: datetime = NOW) -> GrantRefreshed:
    return GrantRefreshed(customer=ID, grant="g1", refreshed_at=at, expires_at=LATER)


@pytest.mark.parametrize(
    ("state", "status", "reason"),
    [
        (pinned(), "unknown", None),
        (given(pinned()).when(customers.access_proven, proven()).then(), "successful", None),
        (given(pinned()).when(customers.access_lost, lost("app_registration")).then(), "failed", "revoked"),
    ],
)
@pytest.mark.parametrize("asked", [False, True])
def test_without_an_answer_status_and_reason_are_what_they_were(
    state: Any, status: str, reason: str | None, asked: bool
) -> None:
    """Also where an operator asked, and once more after the first silence."""
    for seconds in (0, 90):
        state = given(state).when(validate).then(ValidationRequested) if asked else state
        event = silent("app_registration", request="r1" if asked else None, next_try=NOW + timedelta(seconds=seconds))
        before = (state.since, state.checked_at, state.failure)
        state = given(state).when(customers.access_unanswered, event).then(status=status, request=None)
        assert (state.since, state.checked_at, state.failure) == before
        assert state.waiting == Waiting(since=NOW, next_try=event.next_try, reason="busy")
        assert (state.failure.reason if state.failure else None) == reason


@pytest.mark.parametrize(
    ("event", "status"),
    [
        (lambda: (customers.access_proven, proven()), "successful"),
        (lambda: (customers.access_lost, lost("app_registration", again=True)), "failed"),
        (
            lambda: (
                customers.access_lost,
                AccessNotProven(
                    customer=ID, customer_name="C", method="app_registration", reason="secret_wrong", revision=1
                ),
            ),
            "failed",
        ),
    ],
)
def test_an_answer_ends_the_waiting(event: Any, status: str) -> None:
    waits = given(pinned()).when(customers.access_unanswered, silent("app_registration")).then()
    rule, answer = event()
    given(waits).when(rule, answer).then(status=status, waiting=None)


def test_a_refresh_proves_a_token_from_whatever_was_before() -> None:
    broken = given(with_token()).when(customers.access_lost, lost()).then()
    waits = given(broken).when(customers.access_unanswered, silent()).then(status="failed")
    for state in (with_token(status="unknown", since=None), waits):
        found = (
            given(state).when(customers.refreshed, refreshed()).then(status="successful", waiting=None, failure=None)
        )
        assert found.checked_at == NOW and found.grant and not found.grant.lost


@pytest.mark.parametrize(
    "event", [silent("app_registration"), silent(grant="g0"), silent("none"), silent("app_registration", revision=9)]
)
def test_silence_about_what_is_not_in_force_is_no_matter(event: AccessUnanswered) -> None:
    given(with_token()).when(customers.access_unanswered, event).nothing()
    NOBODY.when(customers.access_unanswered, event).nothing()
    given(with_token(removed=True)).when(customers.access_unanswered, event).nothing()


def test_a_secret_that_is_entered_anew_waits_for_nothing() -> None:
    waits = given(pinned()).when(customers.access_unanswered, silent("app_registration")).then()
    given(waits).when(put, data("set")).then(CustomerChanged, waiting=None, status="unknown")


def test_a_grant_that_is_kept_alive_lives_longer() -> None:
    later = LATER + timedelta(days=1)
    found = (
        given(with_token())
        .when(customers.refreshed, GrantRefreshed(customer=ID, grant="g1", refreshed_at=NOW, expires_at=later))
        .then()
    )
    assert found.grant and found.grant.expires_at == later
    given(with_token()).when(
        customers.refreshed, GrantRefreshed(customer=ID, grant="g0", refreshed_at=NOW, expires_at=later)
    ).nothing()
    given(pinned()).when(
        customers.refreshed, GrantRefreshed(customer=ID, grant="g1", refreshed_at=NOW, expires_at=later)
    ).nothing()


# --- the secret's expiry ---------------------------------------------------------------------------------------------

END = datetime(2027, 6, 30, tzinfo=NOW.tzinfo)


def test_each_warning_is_given_once() -> None:
    state, said = pinned(), []
    for _ in range(10):
        at = customers.next_secret_warning(state)
        if at is None:
            break
        change = customers.warn_of_secret(state, at)
        assert change is not None and customers.warn_of_secret(change.state, at) is None
        said.append(change.events[0].days_left)  # type: ignore[attr-defined]
        state = change.state
    assert said == [30, 14, 7, 1]


def test_after_an_outage_only_the_last_warning_is_given() -> None:
    change = customers.warn_of_secret(pinned(), END - timedelta(days=3))
    assert change is not None and isinstance(change.events[0], SecretExpiring)
    assert (change.events[0].days_left, change.state.secret_warned) == (3, 7)
    assert customers.next_secret_warning(change.state) == END - timedelta(days=1)


def test_a_secret_that_expired_unseen_is_told_with_zero_days() -> None:
    change = customers.warn_of_secret(pinned(), END + timedelta(days=5))
    assert change is not None and change.events[0].days_left == 0  # type: ignore[attr-defined]
    assert customers.next_secret_warning(change.state) is None


@pytest.mark.parametrize("state", [pinned(None), pinned(secret_expires_on=None), pinned(removed=True)])
def test_nothing_to_warn_of(state: Any) -> None:
    assert customers.next_secret_warning(state) is None
    assert customers.warn_of_secret(state, END) is None
