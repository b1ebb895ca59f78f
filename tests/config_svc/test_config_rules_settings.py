"""Rules of the settings: one edition after the other, nothing overwritten, what a new switch takes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from config_svc.domain.settings import Settings, Terms, Values, Wording, in_force, put
from mails.texts import LONGEST_BODY, LONGEST_SUBJECT
from shared.change import Change, Refused
from shared.document import MAX_EVENT_BYTES
from shared.events import Actor, SettingsChanged
from shared.i18n import LANGUAGES
from shared.wire import encode

NOW = datetime(2027, 3, 1, 12, 0, tzinfo=UTC)
BY = Actor("u-1", "Ada Admin", None, "192.0.2.7")
USUAL = Terms(timedelta(days=7), timedelta(days=3), ("role-1",))
GERMAN = {"de": Wording("{customer}", "Guten Tag")}


def saved(values: Values, settings: Settings | None = None, expected: int | None = None) -> Change[Settings]:
    change = put(
        settings, values, (settings.edition if settings else 0) if expected is None else expected, USUAL, BY, NOW
    )
    assert change
    return change


def test_saving_makes_an_edition_and_says_what_changed_and_who_did_it() -> None:
    change = saved(Values(life_days=14, sender_name="Us", texts=GERMAN))
    assert change.state == Settings(1, Values(life_days=14, sender_name="Us", texts=GERMAN), NOW, BY)
    assert change.events == (SettingsChanged(
        "settings", 1, {"de": "{customer}"}, {"de": "Guten Tag"}, "", 14, 3, ("role-1",), BY, "Us",
        ("life", "sender", "texts.de"),
    ),)  # fmt: skip
    again = saved(Values(life_days=14, texts=GERMAN), change.state)
    assert again.state.edition == 2 and again.events[0].changed == ("sender",)  # type: ignore[attr-defined]


def test_saving_the_same_is_no_edition() -> None:
    state = saved(Values(life_days=14, texts=GERMAN)).state
    assert put(state, Values(life_days=14, texts={**GERMAN, "fr": Wording()}), 1, USUAL, BY, NOW) is None
    assert put(None, Values(), 0, USUAL, BY, NOW) is None


@pytest.mark.parametrize("expected", [0, 2, -1])
def test_who_read_an_older_edition_overwrites_nothing(expected: int) -> None:
    state = saved(Values(life_days=14)).state
    with pytest.raises(Refused) as refused:
        saved(Values(life_days=5), state, expected)
    assert (refused.value.code, refused.value.status, refused.value.field) == ("settings_changed", 412, "If-Match")


@pytest.mark.parametrize("values", [Values(life_days=3), Values(remind_after_days=7), Values(5, 5)])
def test_a_reminder_comes_before_the_end(values: Values) -> None:
    with pytest.raises(Refused) as refused:
        saved(values)
    assert (refused.value.code, refused.value.field) == ("remind_late", "remind_after_days")


def test_without_a_reminder_a_short_life_is_fine() -> None:
    assert saved(Values(1, 0)).state.values == Values(1, 0)


def test_texts_can_be_saved_whatever_the_environment_says_of_days() -> None:
    odd = replace(USUAL, life=timedelta(seconds=3))
    change = put(None, Values(texts=GERMAN), 0, odd, BY, NOW)
    assert change and change.events[0].life_days == 1  # type: ignore[attr-defined]


def test_a_new_switch_takes_what_is_set_and_else_what_the_environment_says() -> None:
    assert in_force(Settings(), USUAL) == USUAL
    terms = in_force(Settings(4, Values(14, 0, ("role-2",))), USUAL)
    assert terms == Terms(timedelta(days=14), None, ("role-2",), 4)
    assert in_force(Settings(5, Values(sender="a@b.example")), USUAL) == replace(USUAL, texts_version=5)


def test_the_longest_texts_in_all_languages_fit_into_an_event() -> None:
    longest = Wording("\U0001f600" * LONGEST_SUBJECT, "\U0001f600" * LONGEST_BODY)
    change = saved(Values(texts=dict.fromkeys(LANGUAGES, longest)))
    assert len(encode(change.events[0]).encode()) < MAX_EVENT_BYTES / 2
