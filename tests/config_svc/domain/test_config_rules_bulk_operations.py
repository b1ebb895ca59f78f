"""Rules of a bulk operation: begun once, done in two waves, paused, stopped, reminded; counted once, whatever."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import cast

import pytest

from config_svc.domain import bulk_operations
from config_svc.domain.bulk_operations import (
    AT_ONCE,
    DONE,
    ROWS_IN_PART,
    BulkOperation,
    Kind,
    Pace,
    Part,
    Problem,
    Row,
    RowOutcome,
    State,
)
from config_svc.schemas import bulk_file
from shared.contracts.events import BulkSwitchBegun, BulkSwitchChanged
from shared.domain.rules import Change, Refused
from tests.config_svc.rules_kit import BY, LATER, NOW

WAVES = Pace(60, 10, True)
OK, NO = RowOutcome(DONE, 1), RowOutcome("switch_running")
PROBLEM = Problem("invalid", "Enter an address like name@example.com.", "admin_email")


def rows(count: int, bad: tuple[int, ...] = ()) -> tuple[Row, ...]:
    return tuple(
        Row(line=n + 2, customer=f"c{n}", email=f"a{n}@x.example", problem=PROBLEM if n in bad else None)
        for n in range(count)
    )


def draft(count: int = 30, bad: tuple[int, ...] = (), kind: Kind = "switch") -> BulkOperation:
    return bulk_operations.draft("b", kind=kind, name="Autumn", rows=rows(count, bad), by=BY, now=NOW)


def running(count: int = 30, pace: Pace = WAVES) -> BulkOperation:
    return bulk_operations.begin(draft(count), pace, BY, NOW).state


def what(change: Change[BulkOperation] | None) -> list[str]:
    assert change
    return [event.change for event in change.events if isinstance(event, BulkSwitchChanged)]


def test_a_draft_is_forgotten_in_a_day_and_what_has_begun_is_kept() -> None:
    made = draft(30, (3, 4))
    kept = bulk_operations.kept(None, made, NOW)
    assert kept and kept.events == () and kept.state.forget_at == NOW + timedelta(days=1)
    assert (made.count, made.good, made.waiting) == (30, 28, 28)
    assert bulk_operations.due(made) is None
    begun = bulk_operations.begin(made, Pace(), BY, NOW)
    assert begun.events == (
        BulkSwitchBegun(customer=bulk_operations.BULK_KEY, bulk="b", name="Autumn", count=28, by=BY),
    )
    assert begun.state.forget_at == NOW + timedelta(days=400) and bulk_operations.due(begun.state) == NOW
    assert bulk_operations.kept(begun.state, draft(0), NOW) is None


def test_after_the_first_wave_somebody_must_go_on() -> None:
    operation = running()
    change = bulk_operations.advanced(operation, 0, 10, [OK] * 10, NOW)
    assert what(change) == ["paused"] and change and change.state.state == "paused"
    assert bulk_operations.due(change.state) is None
    again = bulk_operations.resume(change.state, BY, NOW)
    assert what(again) == ["resumed"] and bulk_operations.due(again.state) == NOW
    last = bulk_operations.advanced(again.state, 10, 30, [OK] * 19 + [NO], NOW)
    assert what(last) == ["ended"] and last and last.state.ended_at == NOW
    assert (last.state.done, last.state.refused, last.state.waiting) == (29, 1, 0)


def test_without_a_pause_the_rest_follows_at_its_pace() -> None:
    change = bulk_operations.advanced(running(pace=Pace(120, 10, False)), 0, 10, [OK] * 10, NOW)
    assert change and change.state.state == "running" and not change.state.first_wave
    assert bulk_operations.due(change.state) == NOW + timedelta(seconds=5)


def test_a_step_that_comes_twice_counts_once() -> None:
    change = bulk_operations.advanced(running(), 0, 5, [OK] * 5, NOW)
    assert change and bulk_operations.advanced(change.state, 0, 5, [OK] * 5, NOW) is None


@pytest.mark.parametrize("command", [bulk_operations.pause, bulk_operations.stop])
def test_what_was_asked_while_somebody_stopped_it_still_counts(command: Callable[..., Change[BulkOperation]]) -> None:
    stopped = command(running(), BY, NOW).state
    change = bulk_operations.advanced(stopped, 0, 10, [OK] * 10, NOW)
    assert change and change.state.done == 10 and change.state.state == stopped.state and change.events == ()
    assert bulk_operations.due(change.state) is None


@pytest.mark.parametrize(
    ("command", "state", "code"),
    [
        (bulk_operations.pause, "ended", "bulk_ended"),
        (bulk_operations.resume, "stopped", "bulk_ended"),
        (bulk_operations.stop, "ended", "bulk_ended"),
        (bulk_operations.pause, "draft", "bulk_draft"),
        (bulk_operations.remind, "draft", "bulk_nobody"),
        (bulk_operations.remind, "running", "bulk_nobody"),
    ],
)
def test_what_cannot_be_done_is_refused(command: Callable[..., Change[BulkOperation]], state: str, code: str) -> None:
    with pytest.raises(Refused) as refused:
        command(replace(running(), state=cast(State, state)), BY, NOW)
    assert refused.value.code == code


def test_what_is_unknown_or_empty_is_refused() -> None:
    with pytest.raises(Refused) as unknown:
        bulk_operations.begin(None, Pace(), BY, NOW)
    assert unknown.value.status == 404
    with pytest.raises(Refused) as empty:
        bulk_operations.begin(draft(1, (0,)), Pace(), BY, NOW)
    assert empty.value.code == "bulk_empty"
    with pytest.raises(Refused) as twice:
        bulk_operations.begin(running(), Pace(), BY, NOW)
    assert twice.value.code == "bulk_begun"


def test_a_reminder_goes_once_through_all_rows_asked_and_ends_with_a_stop() -> None:
    asked = bulk_operations.advanced(running(), 0, 10, [OK] * 10, NOW)
    assert asked
    first = bulk_operations.remind(asked.state, BY, NOW)
    assert first.answer == {"bulk": "b", "reminder": 1} and bulk_operations.due(first.state) == NOW
    with pytest.raises(Refused):
        bulk_operations.remind(first.state, BY, NOW)
    reminder = first.state.reminding
    assert reminder
    half = bulk_operations.reminded(first.state, reminder, 6, 4, NOW)
    assert half and bulk_operations.due(half.state) == NOW + timedelta(seconds=4)
    assert bulk_operations.reminded(half.state, reminder, 6, 4, NOW) is None
    assert bulk_operations.due(bulk_operations.stop(half.state, BY, NOW).state) is None
    assert half.state.reminding
    whole = bulk_operations.reminded(half.state, half.state.reminding, 10, 1, NOW)
    assert whole and whole.state.reminder and (whole.state.reminder.sent, whole.state.reminder.ended_at) == (5, NOW)
    assert bulk_operations.remind(whole.state, BY, NOW).answer["reminder"] == 2


def test_the_first_outcome_of_a_row_stays_and_a_problem_has_none() -> None:
    part = Part(operation="b", number=0, rows=rows(3, (2,)), forget_at=NOW)
    first = bulk_operations.settled(part, {0: OK, 2: OK}, NOW)
    assert first
    second = bulk_operations.settled(first.state, {0: NO, 1: NO}, NOW)
    assert second and [row.outcome for row in second.state.rows] == [DONE, "switch_running", None]


def test_a_step_leaves_out_problems_and_stays_in_its_part_and_wave() -> None:
    def next_rows(operation: BulkOperation, part: Part) -> tuple[int, list[int]]:
        return bulk_operations.next_rows(part, operation.place, operation.count, operation.most_now)

    operation = running(500, Pace(60, 4, True))
    part = Part(operation="b", number=0, rows=rows(ROWS_IN_PART, (0, 2)), forget_at=NOW)
    assert next_rows(operation, part) == (6, [1, 3, 4, 5])
    rest = replace(operation, place=195, first_wave=False)
    assert next_rows(rest, part) == (200, [195, 196, 197, 198, 199])
    after = Part(operation="b", number=1, rows=rows(200), forget_at=NOW)
    assert next_rows(replace(rest, place=200), after)[1] == list(range(10))


# --- a selection ---------------------------------------------------------------------------------------------------


def selection(count: int = 3, kind: Kind = "resend") -> BulkOperation:
    return bulk_operations.begun(draft(count, kind=kind), AT_ONCE, BY, NOW)


def test_the_same_form_twice_is_one_selection() -> None:
    kept = bulk_operations.kept(None, selection(), NOW)
    assert kept and kept.events == ()
    assert bulk_operations.kept(selection(), selection(kind="cancel"), NOW) is None


def test_a_selection_is_due_until_every_row_has_an_outcome() -> None:
    begun = selection()
    assert bulk_operations.due(begun) == NOW and begun.waiting == 3
    half = bulk_operations.advanced(begun, 0, 2, [OK, NO], LATER)
    assert half and half.state.waiting == 1 and half.state.ended_at is None and half.events == ()
    assert bulk_operations.due(half.state) == LATER
    whole = bulk_operations.advanced(half.state, 2, 3, [OK], LATER)
    assert whole and whole.state.ended_at == LATER and bulk_operations.due(whole.state) is None
    assert (whole.state.done, whole.state.refused, whole.events) == (2, 1, ())
    assert bulk_operations.advanced(whole.state, 3, 3, [OK], NOW) is None
    assert bulk_operations.advanced(None, 0, 1, [OK], NOW) is None


def test_a_selection_is_kept_a_month_and_ends_at_once_where_it_is_empty() -> None:
    assert selection().forget_at == NOW + timedelta(days=30)
    assert selection(0).ended_at == NOW


@pytest.mark.parametrize("kind", ["resend", "cancel"])
@pytest.mark.parametrize(
    "command", [bulk_operations.pause, bulk_operations.resume, bulk_operations.stop, bulk_operations.remind]
)
def test_a_selection_takes_no_commands(command: Callable[..., Change[BulkOperation]], kind: Kind) -> None:
    with pytest.raises(Refused) as refused:
        command(selection(kind=kind), BY, NOW)
    assert refused.value.code == "bulk_unknown"


# --- the file --------------------------------------------------------------------------------------------------------


def lines(text: str) -> list[Row]:
    return bulk_file.rows_of(bulk_file.read_csv(text.encode()))


def test_spreadsheets_of_all_kinds_are_read() -> None:
    for text in (
        "customer,admin_email,admin_name\nc1,a@x.example,Ä B\n",
        "\ufeffCustomer;Email;Name\r\n c1 ; a@x.example ;Ä B\r\n\r\n",
        'id\temail\tadmin name\n"c1"\ta@x.example\t"Ä B"\n;;\n'.replace(";;\n", "\t\t\n"),
    ):
        (row,) = lines(text)
        assert (row.customer, row.email, row.name, row.problem, row.line) == ("c1", "a@x.example", "Ä B", None, 2)


@pytest.mark.parametrize("heading", ["customer,admin_email,email", "customer,id,email", "customer,customer,email"])
def test_a_column_that_stands_twice_is_refused_whichever_names_it_has(heading: str) -> None:
    with pytest.raises(Refused, match="twice") as refused:
        bulk_file.read_csv(f"{heading}\nc1,a@x.example,b@x.example\n".encode())
    assert refused.value.code == "bulk_heading"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"," * 1_000_000 + b"\n", "bulk_heading"),
        (b"x" * 20_000, "bulk_heading"),
        (b"customer,admin_email\n" + b"\n" * 200_000, "bulk_too_long"),
    ],
    ids=["columns", "letters", "lines"],
)
def test_a_file_that_only_costs_time_is_given_up_early(body: bytes, code: str) -> None:
    with pytest.raises(Refused) as refused:
        bulk_file.read_csv(body)
    assert refused.value.code == code


def test_every_line_says_what_is_wrong_with_it() -> None:
    found = lines(
        "customer,admin_email,locale,reference\nc1,a@x.example,de,T-1\nc1,b@x.example,,\nc 3,b@x.example,,\nc4,,,\n"
        "c5,nobody,,\nc6,a@x.example,xx,\nc7,a@x.example,,www.evil.example\nc8,a@x.example,de,T,more\n"
    )
    said = [(row.line, row.problem.code, row.problem.field) if row.problem else (row.line, "", None) for row in found]
    assert said == [
        (2, "", None),
        (3, "bulk_twice", "customer"),
        (4, "invalid", "customer"),
        (5, "invalid", "admin_email"),
        (6, "invalid", "admin_email"),
        (7, "invalid", "locale"),
        (8, "invalid", "reference"),
        (9, "invalid", None),
    ]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "bulk_heading"),
        (b"customer,name\nc1,x\n", "bulk_heading"),
        (b"customer,email\n", "bulk_empty"),
        (b"customer,email\nc1,\xff\n", "bulk_encoding"),
        (b'customer,email\nc1,"a"b\n', "bulk_csv"),
        (b"customer,email\n" + b"c,a\n" * 10_001, "bulk_too_long"),
    ],
)
def test_a_file_that_cannot_be_read_says_what_is_wanted(body: bytes, code: str) -> None:
    with pytest.raises(Refused) as refused:
        bulk_file.read_csv(body)
    assert (refused.value.code, refused.value.status) == (code, 422)
