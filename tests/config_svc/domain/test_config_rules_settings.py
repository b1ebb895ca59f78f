"""Rules of the settings: one edition after the other, nothing overwritten, what a new switch takes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from config_svc.domain.settings import Settings, Terms, Values, Wording, in_force, put
from mails.texts import MAX_BODY_CHARACTERS, MAX_SUBJECT_CHARACTERS
from shared.contracts.cloudevents import encode
from shared.contracts.events import Actor, SettingsChanged
from shared.domain.rules import Change, Refused
from shared.i18n.marks import LANGUAGES
from shared.store.write_plan import MAX_EVENT_BYTES

NOW = datetime(2027, 3, 1, 12, 0, tzinfo=UTC)
BY = Actor(id="u-1", name="Ada Admin", email=None, address="192.0.2.7")
USUAL = Terms(life=timedelta(days=7), remind_after=timedelta(days=3), accepted_roles=("role-1",))
GERMAN = {"de": Wording("{customer}", "Guten Tag")}


def saved(values: Values, settings: Settings | None = None, expected: int | None = None) -> Change[Settings]:
    change = put(
        settings,
        values,
        expected=(settings.edition if settings else 0) if expected is None else expected,
        usual=USUAL,
        by=BY,
        now=NOW,
    )
    assert change
    return change


def test_saving_makes_an_edition_and_says_what_changed_and_who_did_it() -> None:
    change = saved(Values(life_days=14, sender_name="Us", texts=GERMAN))
    assert change.state == Settings(
        edition=1, values=Values(life_days=14, sender_name="Us", texts=GERMAN), changed_at=NOW, changed_by=BY
    )
    assert change.events == (
        SettingsChanged(
            customer="settings",
            version=1,
            subjects={"de": "{customer}"},
            bodies={"de": "Guten Tag"},
            sender="",
            life_days=14,
            remind_after_days=3,
            accepted_roles=("role-1",),
            by=BY,
            sender_name="Us",
            changed=("life", "sender", "texts.de"),
        ),
    )
    again = saved(Values(life_days=14, texts=GERMAN), change.state)
    assert again.state.edition == 2 and again.events[0].changed == ("sender",)  # type: ignore[attr-defined]


def test_saving_the_same_is_no_edition() -> None:
    state = saved(Values(life_days=14, texts=GERMAN)).state
    assert (
        put(state, Values(life_days=14, texts={**GERMAN, "fr": Wording()}), expected=1, usual=USUAL, by=BY, now=NOW)
        is None
    )
    assert put(None, Values(), expected=0, usual=USUAL, by=BY, now=NOW) is None


@pytest.mark.parametrize("expected", [0, 2, -1])
def test_who_read_an_older_edition_overwrites_nothing(expected: int) -> None:
    state = saved(Values(life_days=14)).state
    with pytest.raises(Refused) as refused:
        saved(Values(life_days=5), state, expected)
    assert (refused.value.code, refused.value.status, refused.value.field) == ("settings_changed", 412, "If-Match")


@pytest.mark.parametrize(
    "values", [Values(life_days=3), Values(remind_after_days=7), Values(life_days=5, remind_after_days=5)]
)
def test_a_reminder_comes_before_the_end(values: Values) -> None:
    with pytest.raises(Refused) as refused:
        saved(values)
    assert (refused.value.code, refused.value.field) == ("remind_late", "remind_after_days")


def test_without_a_reminder_a_short_life_is_fine() -> None:
    assert saved(Values(life_days=1, remind_after_days=0)).state.values == Values(life_days=1, remind_after_days=0)


def test_texts_can_be_saved_whatever_the_environment_says_of_days() -> None:
    odd = replace(USUAL, life=timedelta(seconds=3))
    change = put(None, Values(texts=GERMAN), expected=0, usual=odd, by=BY, now=NOW)
    assert change and change.events[0].life_days == 1  # type: ignore[attr-defined]


def test_a_new_switch_takes_what_is_set_and_else_what_the_environment_says() -> None:
    assert in_force(Settings(), USUAL) == USUAL
    terms = in_force(
        Settings(edition=4, values=Values(life_days=14, remind_after_days=0, accepted_roles=("role-2",))), USUAL
    )
    assert terms == Terms(life=timedelta(days=14), remind_after=None, accepted_roles=("role-2",), texts_version=4)
    assert in_force(Settings(edition=5, values=Values(sender="a@b.example")), USUAL) == replace(USUAL, texts_version=5)


def test_the_longest_texts_in_all_languages_fit_into_an_event() -> None:
    longest = Wording("\U0001f600" * MAX_SUBJECT_CHARACTERS, "\U0001f600" * MAX_BODY_CHARACTERS)
    change = saved(Values(texts=dict.fromkeys(LANGUAGES, longest)))
    assert len(encode(change.events[0]).encode()) < MAX_EVENT_BYTES / 2
