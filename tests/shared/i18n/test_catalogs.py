"""Languages: catalogs complete, the choice of one, and dates and numbers in it."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from shared.i18n import catalogs
from shared.i18n.catalogs import SHARED, choose_language, gaps, language_name, translations, update
from shared.i18n.marks import LANGUAGES
from shared.web.formats import Formats

NOW = dt.datetime(2026, 3, 1, 12, 0, tzinfo=dt.UTC)
EN, DE = Formats("en", lambda: NOW), Formats("de", lambda: NOW)


@pytest.mark.parametrize("language", [language for language in LANGUAGES if language != "en"])
def test_the_shared_catalog_is_complete(language: str) -> None:
    assert list(gaps(SHARED, language)) == []


def test_the_portal_is_in_its_languages_and_everything_else_in_all(tmp_path: Path) -> None:
    portal, wizard = tmp_path / "config_svc", tmp_path / "invite_svc"
    assert catalogs.languages_of(portal) == {"de"}
    assert catalogs.languages_of(wizard) == catalogs.languages_of(SHARED) == {"de", "fr", "es", "ja"}
    (portal / "locale" / "pl").mkdir(parents=True)
    catalogs.catalog_path(portal, "pl").touch()
    assert catalogs.languages_of(portal) == {"de", "pl"}


def test_german_says_sie_and_has_plurals() -> None:
    german = translations("de")
    assert german.ngettext("Please correct %(num)s field", "Please correct %(num)s fields", 2).endswith("Felder")
    texts = [text for text in german._catalog.values() if isinstance(text, str)]
    assert not [text for text in texts if {"du", "dein", "deine", "dir"} & set(text.lower().split())]


@pytest.fixture
def package(tmp_path: Path) -> Path:
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "a.html").write_text('{{ _("Cancel") }}{{ _("Own text") }}{% trans %}More{% endtrans %}')
    (tmp_path / "labels.py").write_text('LABEL = N_("A label")\n')
    return tmp_path


def test_a_services_catalog_has_its_own_texts_only_and_is_updated_in_place(package: Path) -> None:
    assert {"Own text", "More", "A label"} == {message.id for message in catalogs.extracted(package) if message.id}
    update(package, "de")
    path = catalogs.catalog_path(package, "de")
    path.write_text(path.read_text().replace('msgid "Own text"\nmsgstr ""', 'msgid "Own text"\nmsgstr "Eigenes"'))
    update(package, "de")
    before = path.read_text()
    update(package, "de")
    assert path.read_text() == before and 'msgstr "Eigenes"' in before
    german = translations("de", package)
    assert (german.gettext("Own text"), german.gettext("Cancel")) == ("Eigenes", "Abbrechen")


def test_what_is_missing_fuzzy_or_unused_is_found(package: Path) -> None:
    assert len(list(gaps(package, "de"))) == 3
    update(package, "de")
    path = catalogs.catalog_path(package, "de")
    fuzzy = path.read_text().replace('msgid "More"\nmsgstr ""', '#, fuzzy\nmsgid "More"\nmsgstr "Mehr"')
    path.write_text(fuzzy + '\nmsgid "Old"\nmsgstr "Alt"\n')
    found = "\n".join(gaps(package, "de"))
    assert "no longer used: 'Old'" in found
    assert all(f"not translated: {text!r}" in found for text in ("More", "Own text", "A label"))


def test_the_command_needs_a_verb(capsys: pytest.CaptureFixture[str]) -> None:
    assert catalogs.main([]) == 2
    assert "python -m shared.i18n.catalogs" in capsys.readouterr().err


@pytest.mark.parametrize(
    "chosen, invited, accept, expected",
    [
        ((), None, "", "en"),
        ((), None, "fr, de;q=0.8, en;q=0.9", "en"),
        ((), None, "de-CH", "de"),
        ((), None, "de;q=0, en", "en"),
        ((), None, "*, ;;q=x, " + "z" * 2000, "en"),
        ((), "de", "en", "de"),
        (("en", None), "de", "de", "en"),
        ((None, "de"), "en", "", "de"),
        (("xx", "de"), None, "", "de"),
    ],
)
def test_the_language_is_the_readers_choice_then_the_invitations_then_the_browsers(
    chosen: tuple[str | None, ...], invited: str | None, accept: str, expected: str
) -> None:
    assert choose_language(("en", "de"), chosen=chosen, invited=invited, accept_language=accept) == expected


def test_languages_are_named_in_themselves() -> None:
    assert [language_name(code) for code in ("en", "de", "fr", "ja")] == [
        "English",
        "Deutsch",
        "Français",
        "日本語",
    ]


def test_dates_and_numbers_are_written_as_the_language_does() -> None:
    moment = NOW - dt.timedelta(days=2)
    assert DE.date(moment.date()) == "27.02.2026"
    assert DE.datetime(moment) == "27.02.2026, 12:00 UTC"
    assert EN.datetime("2026-02-27T12:00:00Z").startswith("Feb 27, 2026, 12:00")
    assert Formats("ja", lambda: NOW).datetime(moment) == "2026/02/27 12:00 UTC"
    assert Formats("fr", lambda: NOW).datetime(moment) == "27 févr. 2026, 12:00 UTC"
    assert (DE.number(1234567), EN.number(1234567)) == ("1.234.567", "1,234,567")
    assert (DE.percent(0.5), EN.percent(0.5)) == ("50\xa0%", "50%")


def test_times_relative_to_now() -> None:
    assert DE.relative(NOW - dt.timedelta(minutes=5)) == "vor 5 Minuten"
    assert EN.relative(NOW + dt.timedelta(days=6)) == "in 6 days"
    assert (EN.relative(NOW), DE.relative(NOW)) == ("just now", "gerade eben")
    assert DE.duration(dt.timedelta(minutes=14)) == "14 Minuten"
    assert EN.seconds_left(NOW + dt.timedelta(seconds=90)) == 90
    assert EN.seconds_left(NOW - dt.timedelta(seconds=90)) == 0


def test_nothing_is_a_dash_and_a_time_without_a_zone_is_refused() -> None:
    assert {DE.date(None), DE.time(None), DE.datetime(None), DE.relative(None), DE.number(None)} == {"\u2013"}
    with pytest.raises(ValueError, match="time zone"):
        DE.datetime(dt.datetime(2026, 1, 1))
