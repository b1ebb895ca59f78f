"""What mails say: every kind in every language, as HTML and as text, whatever names people gave themselves."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mails.lines import MAX_COLUMNS, columns
from mails.render import PACKAGE
from notify_svc.domain.model import ADDRESSEE_OF, INVITATION_KINDS, Kind, MailFacts
from notify_svc.mail.messages import NO_INVITEE, NO_OPERATIONS, NO_OPERATOR, Undeliverable
from shared.contracts.events import Actor, Person
from shared.contracts.reasons import TABLE
from shared.i18n.catalogs import gaps, translations
from shared.i18n.marks import LANGUAGES, SOURCE_LANGUAGE
from tests.notify_svc.notify_kit import (
    EVERY_FACT,
    KINDS,
    LINKS,
    OPERATOR,
    document,
    header,
    letter,
    letters,
    queued,
    read,
    text_of,
)

EVERY_MAIL = [(kind, language) for kind in KINDS for language in LANGUAGES]
TO_INVITEE = [kind for kind in KINDS if ADDRESSEE_OF[kind] == "invitee"]
NAMES = [
    "Jürgen Müßig-Öz, GmbH & Co. KG",
    "山田太郎株式会社",
    "A" * 100,
    "Ω≈ç <b>bold</b> \"quoted\" 'x'",
    "🎉 Café",
]
HOSTILE = [
    "Eve\r\nBcc: all@contoso.example",
    "Eve\nSubject: other",
    "Eve\x00\x0b\x0cBcc: x",
    "Eve\u2028Bcc: all@contoso.example",
    "=?utf-8?q?Eve=0D=0ABcc:_all@contoso.example?=",
    'Eve" <other@evil.example>, "x',
    "Müller, <other@evil.example> " + "x" * 80,
]


class Words(HTMLParser):
    """The words of a page, as a reader meets them, and its addresses."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.links: list[str] = []
        self.tags: list[str] = []
        self._hidden = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self._hidden = tag in ("style", "title") or "display:none" in (dict(attrs).get("style") or "")
        self.links += [value for name, value in attrs if name == "href" and value]

    def handle_endtag(self, tag: str) -> None:
        self._hidden = False

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.words += data.split()


def squeezed(text: str) -> str:
    """Without any blank: Japanese is broken between letters, French has blanks that never break."""
    return "".join(text.split())


def wire(kind: Kind, **changed: Any) -> Any:
    """The mail as the receiver reads it."""
    return read(letter(kind, document(**changed)))


# --- complete -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", [language for language in LANGUAGES if language != SOURCE_LANGUAGE])
def test_every_text_is_translated(language: str) -> None:
    assert list(gaps(PACKAGE, language)) == []


@pytest.mark.parametrize(("kind", "language"), EVERY_MAIL)
@pytest.mark.parametrize("facts", [EVERY_FACT, MailFacts()], ids=["every fact", "no fact"])
def test_every_mail_is_whole_with_all_facts_and_with_none(kind: Kind, language: str, facts: MailFacts) -> None:
    message = read(letter(kind, facts=facts, language=language))
    assert message["Content-Language"] == language
    assert "Contoso Ltd" in str(message["Subject"])
    for form in ("plain", "html"):
        body = text_of(message, form)
        assert "Contoso Ltd" in body and "Northstar" in body
        assert not re.search(r"None|Undefined|%\(|\{\{|\{%|\bUTC UTC", body)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if ADDRESSEE_OF[kind] != "operations"])
def test_every_mail_is_whole_without_names(kind: Kind) -> None:
    bare = document(invitee=Person("admin@contoso.example"), inviter=Actor(id="op-1"), tenant_name="", customer_name="")
    text = text_of(read(letters().write(bare, queued(kind, MailFacts()))))
    assert "contoso" in text and "()" not in text and "None" not in text


@pytest.mark.parametrize(("kind", "language"), EVERY_MAIL)
def test_the_text_says_all_that_the_html_says(kind: Kind, language: str) -> None:
    message = read(letter(kind, language=language))
    page = Words(text_of(message, "html"))
    text = text_of(message)
    only_html = translations(language, PACKAGE).gettext("Or copy this address into your browser:").split()
    assert [word for word in page.words if word not in squeezed(text) and word not in only_html] == []
    assert all(link in text.split() for link in page.links)


@pytest.mark.parametrize(("kind", "language"), EVERY_MAIL)
def test_the_html_loads_nothing_and_runs_nothing(kind: Kind, language: str) -> None:
    html = text_of(read(letter(kind, language=language)), "html")
    assert not {"img", "script", "link", "iframe", "form", "input", "base"} & set(Words(html).tags)
    assert not re.search(r"url\(|@import|\bsrc=|\bon[a-z]+=", html)


@pytest.mark.parametrize("language", LANGUAGES)
def test_lines_of_text_are_narrow_but_for_addresses(language: str) -> None:
    long = [
        line
        for kind in KINDS
        for line in text_of(read(letter(kind, language=language))).splitlines()
        if columns(line) > MAX_COLUMNS
    ]
    assert all(line.startswith("https://") and " " not in line for line in long)


# --- what each must say -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", INVITATION_KINDS)
def test_an_invitation_says_who_asks_for_which_organisation_for_what_until_when(kind: Kind) -> None:
    text = text_of(read(letter(kind)))
    for fact in (
        "Otto Operator, Northstar",
        "Contoso Ltd (contoso.example)",
        "March 8, 2027",
        "What will happen",
        "Access by a sign-in at Microsoft",
        "invite.provider.example",
    ):
        assert fact in text


@pytest.mark.parametrize("kind", TO_INVITEE)
@pytest.mark.parametrize("form", ["plain", "html"])
def test_every_mail_to_the_invitee_warns(kind: Kind, form: str) -> None:
    text = " ".join(text_of(read(letter(kind)), form).split())
    assert "We will never send you a code, and never ask for your password" in text


def test_an_invitation_for_an_app_registration_asks_for_one() -> None:
    text = " ".join(text_of(read(letter("invitation", document(to="app_registration")))).split())
    assert "client ID and the secret of an app registration" in text and "sign in on Microsoft" not in text


def test_a_renewal_says_so() -> None:
    assert "to be renewed" in " ".join(text_of(read(letter("invitation", document(renew=True)))).split())


@pytest.mark.parametrize("kind", INVITATION_KINDS)
def test_an_invitation_has_its_link_as_a_button_and_in_plain(kind: Kind) -> None:
    owed_mail = queued(kind, generation=3)
    message = read(letters().write(document(), owed_mail))
    link = LINKS.address("contoso/1", 3).reveal()
    assert Words(text_of(message, "html")).links == [link, link]
    assert link in text_of(message).splitlines()


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in INVITATION_KINDS])
def test_no_other_mail_has_an_invitation_link(kind: Kind) -> None:
    assert "/i/" not in text_of(read(letter(kind))) + text_of(read(letter(kind)), "html")


@pytest.mark.parametrize("kind", [kind for kind in KINDS if ADDRESSEE_OF[kind] != "invitee"])
def test_mails_to_operators_lead_to_the_customers_page(kind: Kind) -> None:
    page = Words(text_of(read(letter(kind)), "html"))
    assert set(page.links) == {"https://portal.provider.example/customers/contoso"}


@pytest.mark.parametrize("kind", ["refused", "access_lost"])
@pytest.mark.parametrize("reason", TABLE, ids=lambda reason: reason.code)
def test_a_failure_is_told_with_its_sentence_who_must_act_and_the_correlation_id(kind: Kind, reason: Any) -> None:
    facts = replace(EVERY_FACT, reason=reason.code)
    for language in LANGUAGES:
        text = squeezed(text_of(read(letter(kind, facts=facts, language=language))))
        say = translations(language, PACKAGE).gettext
        assert squeezed(say(reason.sentence)) in text and squeezed(say("Who has to act")) in text
        assert EVERY_FACT.correlation_id and EVERY_FACT.correlation_id in text and "AADSTS53003" in text


def test_another_account_than_the_invited_one_is_pointed_out() -> None:
    for kind in ("done", "operator_done"):
        assert "nother" in text_of(read(letter(kind)))
    same = replace(EVERY_FACT, account=replace(EVERY_FACT.account, upn="ADMIN@contoso.example"))  # type: ignore[type-var]
    assert "nother" not in text_of(read(letter("operator_done", facts=same)))


@pytest.mark.parametrize(("days", "says"), [(1, "in 1 day"), (30, "in 30 days")])
def test_a_secret_that_expires_says_when(days: int, says: str) -> None:
    message = read(letter("secret_expiring", facts=replace(EVERY_FACT, days_left=days)))
    assert str(message["Subject"]).endswith(says) and "March 15, 2027" in text_of(message)


def test_the_invitee_reads_the_invitations_language_and_operators_their_own() -> None:
    german = document(locale="de-AT")
    assert read(letters(language="en").write(german, queued("done")))["Content-Language"] == "de"
    assert read(letters(language="en").write(german, queued("operator_done")))["Content-Language"] == "en"
    assert read(letters().write(document(locale="xx"), queued("done")))["Content-Language"] == "en"


def test_no_template_knows_of_codes_or_passwords_to_enter() -> None:
    sources = "".join(path.read_text() for path in Path(PACKAGE / "templates").rglob("*.*"))
    assert not re.search(r"devicelogin|user_code|verification|microsoft\.com/link", sources)


# --- who gets it, and headers -------------------------------------------------------------------------------------


def test_headers_are_those_of_good_mailers() -> None:
    message = wire("invitation")
    assert str(message["From"]) == "Northstar <no-reply@provider.example>"
    assert str(message["To"]) == "Avery Admin <admin@contoso.example>"
    assert str(message["Reply-To"]) == "Otto Operator <otto@provider.example>"
    assert message["Auto-Submitted"] == "auto-generated" and message["X-Auto-Response-Suppress"] == "All"
    assert message["Date"].datetime == queued("invitation").queued_at
    assert re.fullmatch(r"<[0-9a-f]{40}@provider\.example>", str(message["Message-ID"]))


def test_the_same_notice_is_the_same_mail_at_every_try() -> None:
    first, again = letter("invitation"), letters().write(document(), queued("invitation", tries=7))
    assert first.raw == again.raw


@pytest.mark.parametrize(
    "other",
    [
        {"notice": queued("invitation", serial=2)},
        {"notice": queued("reminder")},
        {"notice": queued("invitation"), "id": "contoso/2"},
    ],
)
def test_another_notice_is_another_mail(other: dict[str, Any]) -> None:
    ids = {read(letter("invitation"))["Message-ID"]}
    owed_mail = other.pop("notice")
    assert read(letters().write(document(**other), owed_mail))["Message-ID"] not in ids


@pytest.mark.parametrize(
    ("inviter", "to", "answers"),
    [
        (OPERATOR, "otto@provider.example", "ops@provider.example"),
        (Actor(id="job-1", name="A job"), "ops@provider.example", None),
        (Actor(id="op", name="X", email="not an address"), "ops@provider.example", None),
        (None, "ops@provider.example", None),
    ],
)
def test_an_operator_without_an_address_is_reached_at_operations(inviter: Any, to: str, answers: str | None) -> None:
    found = letter("expired", document(inviter=inviter))
    assert found.recipient.addr_spec == to
    assert (str(read(found)["Reply-To"]) if read(found)["Reply-To"] else None) == answers


@pytest.mark.parametrize(
    ("kind", "changed", "why"),
    [
        ("expired", {"inviter": None}, NO_OPERATOR),
        ("access_lost", {}, NO_OPERATIONS),
        ("invitation", {"invitee": None}, NO_INVITEE),
        ("invitation", {"invitee": Person("not an address")}, "the address cannot be read"),
        ("invitation", {"invitee": Person("a@b.example>\r\nRCPT TO:<x@y.example")}, "the address cannot be read"),
    ],
)
def test_where_nobody_can_be_reached_the_reason_is_clear(kind: Kind, changed: dict[str, Any], why: str) -> None:
    with pytest.raises(Undeliverable, match=re.escape(why)):
        letters(ops_email="").write(document(**changed), queued(kind))


@pytest.mark.parametrize(
    ("email", "domain"), [("x@straße.example", "xn--strae-oqa.example"), ("x@büro.example", "xn--bro-hoa.example")]
)
def test_a_domain_with_umlauts_goes_to_that_domain_and_no_other(email: str, domain: str) -> None:
    assert letter("invitation", document(invitee=Person(email))).recipient.domain == domain


# --- names of all sorts -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", ["invitation", "operator_done"])
def test_names_of_all_sorts_arrive(kind: Kind, name: str) -> None:
    people = {"invitee": Person("a@b.example", name), "inviter": Actor(id="o", name=name, email="o@p.example")}
    sent = letter(kind, document(customer_name=name, **people))
    message = read(sent)
    assert name in " ".join(header(sent, "Subject").split())
    assert len(sent.raw.partition(b"\r\n\r\n")[0].splitlines()) >= 9
    assert name in " ".join(text_of(message).split())
    assert [address.addr_spec for address in message["To"].addresses] in (["a@b.example"], ["o@p.example"])


def test_names_are_no_markup() -> None:
    name = '<script>alert(1)</script><a href="https://evil.example">x</a>'
    html = text_of(
        read(
            letter(
                "refused",
                document(
                    customer_name=name,
                    invitee=Person("a@b.example", name),
                    inviter=Actor(id="o", name=name, email="o@p.example"),
                    tenant_name=name,
                ),
            )
        ),
        "html",
    )
    assert "<script" not in html and "&lt;script&gt;" in html
    assert not [link for link in Words(html).links if "evil" in link]


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("kind", ["invitation", "operator_done", "access_lost"])
def test_no_name_adds_a_header_or_a_recipient(kind: Kind, name: str) -> None:
    given = {
        "customer_name": name,
        "invitee": Person("a@b.example", name),
        "inviter": Actor(id="o", name=name, email="o@p.example"),
    }
    assert safe(kind, given)


@given(st.text(max_size=120))
def test_no_text_at_all_adds_a_header_or_a_recipient(name: str) -> None:
    given = {
        "customer_name": name,
        "invitee": Person("a@b.example", name),
        "inviter": Actor(id="o", name=name, email="o@p.example"),
    }
    assert safe("invitation", given)


def safe(kind: Kind, given: dict[str, Any]) -> bool:
    message, plain = wire(kind, **given), wire(kind)
    addresses = (
        {address.addr_spec for name in ("To", "From", "Reply-To") for address in message[name].addresses}
        if (message["Reply-To"])
        else set()
    )
    known = {"a@b.example", "o@p.example", "ops@provider.example", "no-reply@provider.example"}
    return message.keys() == plain.keys() and addresses <= known and not message.defects
