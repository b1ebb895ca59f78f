"""The pure heart: any splitting and redelivery of a stream of facts is as one pass, in state and events."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts import cloudevents
from shared.contracts.events import REGISTRY, InvitationRevoked
from shared.domain.rules import Change, Unavailable
from shared.store.write_plan import (
    MAX_UNSENT,
    LoadedDocument,
    OutboxEntry,
    Step,
    WritePlan,
    answered,
    plan_command,
    plan_fold,
)
from tests.shared.kit.core import NOW, SOURCE, Tally, add, command, copied, headers, step


def written(loaded: LoadedDocument[Tally], plan: WritePlan[Tally] | None) -> LoadedDocument[Tally]:
    """What the database holds after the plan's write (the outbox is not looked at)."""
    if plan is None:
        return loaded
    return LoadedDocument(
        id=loaded.id, version=loaded.version + 1, state=plan.state, seen=loaded.seen | set(plan.causes)
    )


def fold_all(batches: Sequence[Sequence[Step[Tally]]]) -> tuple[LoadedDocument[Tally], list[OutboxEntry]]:
    loaded: LoadedDocument[Tally] = LoadedDocument(id="a")
    events: list[OutboxEntry] = []
    for batch in batches:
        plan = plan_fold(loaded, batch, SOURCE, NOW).plan
        events.extend(plan.entries if plan else ())
        loaded = written(loaded, plan)
    return loaded, events


def bodies(events: Sequence[OutboxEntry]) -> list[str]:
    return [event.body for event in events]


@st.composite
def deliveries(draw: st.DrawFn) -> tuple[list[int], list[list[int]]]:
    """A stream, and how it comes: cut into batches, each repeated in part or whole before the next."""
    stream = list(range(draw(st.integers(0, 60))))
    batches: list[list[int]] = []
    position = 0
    while position < len(stream):
        end = draw(st.integers(position + 1, len(stream)))
        batches.append(stream[position:end])
        for _ in range(draw(st.integers(0, 2))):
            batches.append(stream[draw(st.integers(0, end)) : draw(st.integers(end, len(stream)))])
        position = max([end, *(batch[-1] + 1 for batch in batches if batch)])
    return stream, batches


@given(deliveries())
def test_any_split_with_any_redelivery_is_one_pass(delivery: tuple[list[int], list[list[int]]]) -> None:
    stream, batches = delivery
    once, said_once = fold_all([[step(number) for number in stream]])
    again, said_again = fold_all([[step(number) for number in batch] for batch in batches])
    assert again.state == once.state
    assert bodies(said_again) == bodies(said_once)
    assert len({event.id for event in said_again}) == len(said_again)


@given(st.lists(st.sampled_from("abc"), max_size=40), st.sets(st.integers(0, 39)))
def test_a_raising_rule_leaves_no_trace(names: list[str], raising: set[int]) -> None:
    def bug(state: Tally | None, now: datetime) -> Change[Tally]:
        raise ValueError("a bug")

    steps = [Step(rule=bug, cause=f"e{n}", origin=n) if n in raising else step(n) for n, _ in enumerate(names)]
    planned = plan_fold(LoadedDocument(id="a"), steps, SOURCE, NOW)
    well = [n for n, _ in enumerate(names) if n not in raising]
    assert [given.origin for given, _ in planned.failed] == [n for n, _ in enumerate(names) if n in raising]
    assert (planned.plan.state.taken if planned.plan else ()) == tuple(well)
    assert (
        [entry.id for entry in planned.plan.entries] == [f"{SOURCE}/a/1/{n}" for n in range(len(well))]
        if planned.plan
        else not well
    )


@given(st.lists(st.sampled_from(["k1", "k2", "k3"]), max_size=30))
def test_a_command_key_is_decided_once(keys: list[str]) -> None:
    loaded: LoadedDocument[Tally] = LoadedDocument(id="a")
    for number, key in enumerate(keys):
        if answered(loaded, command(key)):
            continue
        plan = plan_command(loaded, Step(rule=add(number)), command(key), SOURCE, NOW).plan
        assert plan is not None
        assert plan.answer is not None
        answers = (*loaded.answers, plan.answer)
        loaded = LoadedDocument(id="a", version=loaded.version + 1, state=plan.state, answers=answers)
    assert len(loaded.state.taken if loaded.state else ()) == len(set(keys))
    firsts = [keys.index(key) for key in dict.fromkeys(keys)]
    assert [answer["body"]["number"] for answer in loaded.answers] == firsts


def test_a_fact_that_changes_nothing_is_not_written() -> None:
    idle: Step[Tally] = Step(rule=lambda state, now: None, cause="e")
    planned = plan_fold(LoadedDocument(id="a"), [idle], SOURCE, NOW)
    assert (planned.plan, planned.failed) == (None, ())


def test_a_cause_taken_in_before_is_not_decided() -> None:
    def bug(state: Tally | None, now: datetime) -> Change[Tally]:
        raise AssertionError("decided again")

    loaded = LoadedDocument(id="a", version=3, state=Tally(customer="c"), seen=frozenset({"e"}))
    assert plan_fold(loaded, [Step(rule=bug, cause="e")], SOURCE, NOW).plan is None
    assert plan_command(loaded, Step(rule=bug, cause="e"), None, SOURCE, NOW).plan is None


def test_the_outbox_bound_holds_commands_only() -> None:
    full = LoadedDocument(id="a", version=3, state=Tally(customer="c"), unsent=MAX_UNSENT)
    with pytest.raises(Unavailable):
        plan_command(full, Step(rule=add(1)), command("k"), SOURCE, NOW)
    assert plan_command(full, Step(rule=add(1), cause="a/due/mail/1"), None, SOURCE, NOW).plan is not None
    assert plan_fold(full, [step(1)], SOURCE, NOW).plan is not None


def test_a_record_is_read_as_it_was_written() -> None:
    event = copied("c", 7)
    record = cloudevents.read(b"c", cloudevents.encode(event).encode(), headers(7, "c"))
    assert (record.event, record.id, record.type, record.time) == (event, "other/links/c/7/0", "LinkCopied", NOW)
    assert (record.source, record.key, record.trace) == ("/tokenswitch/other/links", "c", None)


BROKEN: dict[str, tuple[Any, Any, Any]] = {
    "no body": (b"c", None, headers(1, "c")),
    "no key": (None, b"{}", headers(1, "c")),
    "no headers": (b"c", b"{}", []),
    "no id": (b"c", b"{}", [(n, v) for n, v in headers(1, "c") if n != "ce_id"]),
    "a null header": (b"c", b"{}", [("ce_id", None), ("ce_type", b"LinkCopied")]),
    "not UTF-8": (b"c", b"{}", [("ce_id", b"\xff"), ("ce_type", b"LinkCopied")]),
    "no time": (b"c", b"{}", [(n, b"now" if n == "ce_time" else v) for n, v in headers(1, "c")]),
    "no time zone": (b"c", b"{}", [(n, b"2027-01-31T12:00:00" if n == "ce_time" else v) for n, v in headers(1, "c")]),
    "not JSON": (b"c", b"secret-in-it", headers(1, "c")),
    "a wrong field": (b"c", b'{"customer":"c","switch":"secret-in-it","generation":1}', headers(1, "c")),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_cannot_be_read_says_why_without_its_values(name: str) -> None:
    key, value, head = BROKEN[name]
    with pytest.raises(cloudevents.Unreadable) as caught:
        cloudevents.read(key, value, head)
    assert "secret" not in str(caught.value)


def test_every_event_has_one_name_and_one_emitter() -> None:
    assert all(kind.name == name and kind.by for name, kind in REGISTRY.items())
    assert REGISTRY[InvitationRevoked.__name__].by == "invite"
