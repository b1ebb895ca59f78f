"""The provider's own texts: kept by version, used by the mail whose switch began with them, never more than words."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from email.headerregistry import Address
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mails.lines import columns, wrap
from mails.render import Renderer
from mails.sample import Sample
from mails.texts import IN_BODY, IN_SUBJECT, Text, fill_in, find_error, normalized
from notify_svc.domain import texts
from notify_svc.domain.model import INVITATION_KINDS, TEXTS_WAIT, Kind
from notify_svc.domain.texts import NEWEST, Texts
from shared.i18n.marks import LANGUAGES
from tests.notify_svc.notify_kit import (
    LINKS,
    NOW,
    RENDERER,
    WEEK,
    Post,
    created,
    document,
    header,
    hears,
    letter,
    letters,
    queued,
    read,
    requested,
    settings,
    settings_changed,
    text_of,
)

BODY = "Dear {invitee},\n\n{inviter} of {provider} needs {customer} ({tenant}) until {until}.\nSee {link}"
OWN = Texts(
    version=1,
    subjects={"en": "{provider} and {customer}"},
    bodies={"en": BODY},
    sender="own@provider.example",
    sender_name="Own Name",
)


def said(kind: Kind, texts: Texts, form: str = "plain", **changed: Any) -> str:
    return " ".join(text_of(read(letter(kind, document(**changed), texts=texts)), form).split())


def words(html: str) -> str:
    """Whatever was escaped, and with plain blanks as a subject has them."""
    return unescape(html).replace("\xa0", " ")


# --- the mail -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", INVITATION_KINDS)
def test_an_invitation_has_the_providers_words_and_all_that_always_stays(kind: Kind) -> None:
    link = LINKS.address("contoso/1", 1).reveal()
    for form in ("plain", "html"):
        text = said(kind, OWN, form)
        words = re.sub(r"<[^>]+>", "", text)
        assert "Dear Avery Admin," in words and "Hello Avery" not in words
        assert "Otto Operator of Northstar needs Contoso Ltd (contoso.example) until March 8, 2027" in words
        assert "Who asks" in text and "What will happen" in text and "We will never send you a code" in text
        assert text.count(link) >= 2


def test_the_subject_is_the_providers_and_says_what_kind_of_mail_it_is() -> None:
    subjects = {kind: header(letter(kind, texts=OWN), "Subject") for kind in INVITATION_KINDS}
    assert subjects == {
        "invitation": "Northstar and Contoso Ltd",
        "resend": "New link: Northstar and Contoso Ltd",
        "reminder": "Reminder: Northstar and Contoso Ltd",
    }


def test_a_language_without_own_words_and_all_other_mails_have_the_standard_text() -> None:
    for kind, language in (("invitation", "de"), ("done", "en"), ("access_lost", "en")):
        usual = letter(kind, language=language)  # type: ignore[arg-type]
        own = letter(kind, language=language, texts=OWN)  # type: ignore[arg-type]
        assert [text_of(read(one)) for one in (usual, own)] == [text_of(read(usual))] * 2


def test_mails_come_from_the_sender_of_the_settings_where_there_is_one() -> None:
    assert letter("done", texts=OWN).sender == Address("Own Name", addr_spec="own@provider.example")
    usual = Address("Northstar", addr_spec="no-reply@provider.example")
    assert letter("done", texts=Texts(version=1)).sender == usual
    named = letter("done", texts=Texts(version=1, sender_name="Own Name"))
    assert named.sender == Address("Own Name", addr_spec="no-reply@provider.example")
    assert letter("done", texts=Texts(version=1, sender="no address")).sender == usual


def test_what_a_placeholder_stands_for_is_no_placeholder_and_no_markup() -> None:
    texts = Texts(version=1, bodies={"en": "For {customer}: {until}"})
    html = said("invitation", texts, "html", customer_name="<b>{link}</b> {provider}")
    assert "For &lt;b&gt;{link}&lt;/b&gt; {provider}: March" in html and "<b>" not in html


@given(st.text(max_size=300), st.text(max_size=100))
def test_no_text_takes_anything_away_adds_markup_or_a_header(body: str, subject: str) -> None:
    usual = read(letter("invitation"))
    mail = read(letter("invitation", texts=Texts(version=1, subjects={"en": subject}, bodies={"en": body})))
    assert mail.keys() == usual.keys() and not mail.defects
    html, plain = text_of(mail, "html"), " ".join(text_of(mail).split())
    assert "We will never send you a code" in plain and "We will never send you a code" in html
    link = LINKS.address("contoso/1", 1).reveal()
    assert link in plain and html.count(f'href="{link}"') >= 2
    assert set(re.findall(r"<([a-z0-9]+)", html)) <= set(re.findall(r"<([a-z0-9]+)", text_of(usual, "html"))) | {"br"}


def test_a_subject_never_holds_the_link() -> None:
    mail = letter("invitation", texts=Texts(version=1, subjects={"en": "see {link}"}))
    assert "http" not in header(mail, "Subject")


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_standard_text_with_its_placeholders_filled_is_the_standard_mail(language: str) -> None:
    """Whoever saves the standard text unchanged changes no mail."""
    standard = RENDERER.standard(language)
    assert find_error(standard.subject, IN_SUBJECT, 150) is None and find_error(standard.body, IN_BODY, 2000) is None
    assert "{invitee}" in standard.body and "{provider}" in standard.subject
    facts = Sample("Northstar", "https://invite.example").facts(NOW + WEEK, "Otto Operator")
    usual, own = (RENDERER.render("invitation", language, facts, text) for text in (Text(), standard))
    assert (usual.subject, usual.text) == (own.subject, own.text)
    assert words(usual.html) == words(own.html)


def test_a_preview_is_the_very_mail() -> None:
    facts = Sample("Northstar", "https://invite.provider.example").facts(NOW + WEEK, "Otto Operator")
    shown = Renderer().render("invitation", "en", facts, Text(body=BODY))
    names = {"customer_name": "Contoso", "invitee": document().invitee}
    sent = text_of(read(letters().write(document(**names), queued("invitation"), OWN)), "html")
    link = LINKS.address("contoso/1", 1).reveal()
    assert shown.html.replace("https://invite.provider.example/i/example", link).split("<body")[1].split() == (
        sent.split("<body")[1].split()
    )


# --- what may be written --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "kind", "line", "column"),
    [
        ("Hello {custmer}", "unknown", 1, 7),
        ("One\n\nTwo {link.host}", "unknown", 3, 5),
        ("{customer!r}", "unknown", 1, 1),
        ("{customer:>9}", "unknown", 1, 1),
        ("{ customer }", "unknown", 1, 1),
        ("{}", "unknown", 1, 1),
        ("{0}", "unknown", 1, 1),
        ("{{ 7 * 7 }}", "brace", 1, 1),
        ("a }", "brace", 1, 3),
        ("{customer", "brace", 1, 1),
        ("{cust\nomer}", "brace", 1, 1),
        ("x\x00", "control", 1, 2),
        ("a\n\u202eb", "control", 2, 1),
        ("\t", "control", 1, 1),
    ],
)
def test_only_named_placeholders_may_be_written(text: str, kind: str, line: int, column: int) -> None:
    found = find_error(text, IN_BODY, 2000)
    assert found and (found.kind, found.places["line"], found.places["column"]) == (kind, line, column)


def test_a_good_text_has_no_flaw_and_a_long_one_has() -> None:
    assert find_error(BODY, IN_BODY, 2000) is None
    assert (found := find_error("x" * 2001, IN_BODY, 2000)) and found.kind == "long"
    assert (found := find_error("see {link}", IN_SUBJECT, 150)) and found.kind == "unknown"


def test_texts_are_tidied_and_filled_once() -> None:
    assert normalized("  a \r\n\r\n\r\n\r\nb\rc  ") == "a\n\nb\nc"
    assert fill_in("{a}{b}{c}", {"a": "{b}", "b": "2"}) == "{b}2{c}"


@given(st.text(alphabet=st.sampled_from("abc 日本語、。「」{}"), max_size=300))
def test_wrapping_loses_nothing_and_keeps_lines_narrow_where_it_can(text: str) -> None:
    lines = wrap(text).splitlines()
    assert "".join("".join(lines).split()) == "".join(text.split())
    assert all(columns(line) <= 76 or " " not in line.strip() for line in lines)


# --- versions -------------------------------------------------------------------------------------------------------


def test_versions_are_kept_one_by_one_and_the_newest_is_the_highest() -> None:
    change = hears(None, settings_changed(2))
    assert change and change.state.version == 2  # type: ignore[attr-defined]
    newest = change.state
    assert texts.keep(newest, settings_changed(1), NOW) is None  # type: ignore[arg-type]
    later = texts.keep(newest, settings_changed(3), NOW)  # type: ignore[arg-type]
    assert later and later.state.version == 3


@pytest.fixture
async def post(tmp_path: Path, mongo_url: str, mongo_database: str) -> AsyncIterator[Post]:
    given = settings(tmp_path, "smtp://127.0.0.1:1")
    found = Post(given, mongo_url, mongo_database, mailer=Taken())
    yield found
    await found.close()


class Taken:
    """A mail server that takes everything."""

    def __init__(self) -> None:
        self.mails: list[bytes] = []

    async def send(self, mail: bytes, sender: Address, recipient: Address) -> None:
        self.mails.append(mail)

    async def probe(self) -> None: ...


def subjects(post: Post) -> list[str]:
    mailer = post.jobs.mailer
    assert isinstance(mailer, Taken)
    found = [re.search(rb"^Subject: (.*?)\r$", mail, re.M) for mail in mailer.mails]
    return [one[1].decode() for one in found if one]


async def test_a_mail_waits_for_the_version_that_its_switch_began_with(post: Post) -> None:
    await post.hears(settings_changed(1), requested(texts_version=2), created())
    await post.works()
    waiting = await post.outgoing_mail("invitation")
    assert (waiting.state, waiting.tries, subjects(post)) == ("queued", 0, [])
    assert await post.said() == []
    await post.hears(settings_changed(2), settings_changed(3))
    post.now += timedelta(seconds=3)
    await post.works()
    assert subjects(post) == ["Own subject 2"]
    assert (await post.outgoing_mail("invitation")).state == "sent"


async def test_a_version_that_never_comes_holds_no_mail_for_ever(post: Post) -> None:
    await post.hears(settings_changed(1), requested(texts_version=9), created())
    post.now += TEXTS_WAIT
    await post.works()
    assert subjects(post) == ["Own subject 1"]


async def test_without_any_settings_the_standard_text_goes_out(post: Post) -> None:
    await post.hears(requested(texts_version=9), created())
    post.now += TEXTS_WAIT
    await post.works()
    assert subjects(post)[0].startswith("Northstar asks for your approval")


async def test_a_switch_that_began_before_the_first_settings_keeps_the_standard_text(post: Post) -> None:
    await post.hears(settings_changed(1), requested(texts_version=0), created())
    await post.works()
    assert subjects(post)[0].startswith("Northstar asks for your approval")


async def test_settings_that_come_twice_or_late_change_nothing(post: Post) -> None:
    await post.hears(settings_changed(2), settings_changed(1), settings_changed(2, bodies={}))
    newest, first = await post.texts.get(NEWEST), await post.texts.get("1")
    assert newest and newest.state.version == 2 and newest.state.bodies == {"en": "Own words 2"}
    assert first and first.state.subjects == {"en": "Own subject 1"}
