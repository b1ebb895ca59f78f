"""Rules of batches and references: each row ends once, a reference says who changed it and nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from config_svc.domain import batches
from config_svc.domain.batches import DONE, MOST, Batch, Row
from config_svc.domain.references import refer
from shared.contracts.events import ReferenceChanged
from tests.config_svc.rules_kit import BY, LATER, NOW, given, pinned, registered, requested, with_token

ROWS = tuple(Row(customer=f"c{n}", switch=1, name=f"Customer {n}", invitee=f"a{n}@x.example") for n in range(3))


def batch(rows: tuple[Row, ...] = ROWS) -> Batch:
    change = batches.begin(None, "b1", action="resend", rows=rows, by=BY, now=NOW)
    assert change is not None and change.events == ()
    return change.state


def test_the_same_form_twice_is_one_batch() -> None:
    assert batches.begin(batch(), "b1", action="cancel", rows=ROWS, by=BY, now=NOW) is None


def test_a_batch_is_due_until_every_row_has_an_outcome() -> None:
    begun = batch()
    assert batches.deadline(begun) == NOW and begun.waiting == (0, 1, 2)
    half = batches.settle(begun, {0: DONE, 2: "switch_ended"}, LATER)
    assert half and half.state.waiting == (1,) and half.state.ended_at is None and batches.deadline(half.state) == NOW
    whole = batches.settle(half.state, {1: DONE}, LATER)
    assert whole and whole.state.ended_at == LATER and batches.deadline(whole.state) is None
    assert [row.outcome for row in whole.state.rows] == [DONE, DONE, "switch_ended"]


def test_the_first_outcome_of_a_row_stays() -> None:
    first = batches.settle(batch(), {0: DONE}, NOW)
    assert first is not None
    again = batches.settle(first.state, {0: "switch_ended"}, NOW)
    assert again and again.state.rows[0].outcome == DONE
    assert batches.settle(replace(first.state, ended_at=NOW), {1: DONE}, NOW) is None
    assert batches.settle(None, {0: DONE}, NOW) is None


def test_a_batch_has_its_bounds() -> None:
    assert len(batch(ROWS * MOST).rows) == MOST
    assert batch(()).ended_at == NOW


@pytest.mark.parametrize("state", [requested(), with_token()], ids=["running", "ended"])
def test_a_reference_changes_for_a_running_switch_and_an_ended_one(state: object) -> None:
    assert state in (requested(), with_token())
    outcome = given(state).when(lambda found, now: refer(found, 1, "TICKET-9", BY, now))
    outcome.then(ReferenceChanged, switch__reference="TICKET-9", switches=1)
    assert outcome.event() == ReferenceChanged(customer="c1", switch=1, reference="TICKET-9", by=BY)


def test_the_same_reference_again_says_nothing_and_is_answered() -> None:
    outcome = given(requested()).when(lambda found, now: refer(found, 1, None, BY, now))
    assert outcome.then() == requested()
    assert outcome.change and outcome.change.answer == {"switch": 1}


def test_a_reference_belongs_to_the_current_switch() -> None:
    cases = (
        (None, 1, "customer_unknown"),
        (pinned(), 1, "no_switch"),
        (requested(), 2, "switch_stale"),
        (registered(removed=True), 1, "removed"),
    )
    for state, number, code in cases:
        given(state).refused(code, lambda found, now, number=number: refer(found, number, "x", BY, now))
