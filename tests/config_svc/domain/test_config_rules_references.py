"""Rules of references: one says who changed it and nothing else."""

from __future__ import annotations

import pytest

from config_svc.domain.references import refer
from shared.contracts.events import ReferenceChanged
from tests.config_svc.rules_kit import BY, given, pinned, registered, requested, with_token


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
