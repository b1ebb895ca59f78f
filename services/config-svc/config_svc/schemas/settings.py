"""Settings as people and programs may send them, checked at the edge: texts, days, roles, the sender."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field

from config_svc.domain.settings import LONGEST_LIFE_DAYS, Settings, Terms, Wording
from config_svc.schemas import customers
from config_svc.schemas.views import RoleView, View
from mails.texts import IN_BODY, IN_SUBJECT, MAX_BODY_CHARACTERS, MAX_SUBJECT_CHARACTERS, Text, find_error, normalized
from shared.http.problems import Strict
from shared.i18n.marks import LANGUAGES, N_

MOST_ROLES = 20
LIFE_TEXT = N_("Enter a whole number of days from 1 to 90.")
REMIND_TEXT = N_("Enter a whole number of days from 0 to 89; 0 means no reminder.")
ROLES_TEXT = N_("Choose at least one role, each by its template id.")
SENDER_TEXT = N_("Enter an address like invitations@example.com, in plain letters.")


MEANINGS: Mapping[str, str] = {
    "customer": N_("the customer's name"),
    "tenant": N_("the customer's tenant"),
    "provider": N_("your organisation, the service provider"),
    "invitee": N_("who is invited, by name or else by address"),
    "inviter": N_("the operator who asks"),
    "until": N_("when the invitation ends"),
    "link": N_("the address of the invitation; the button has it too"),
}
FLAWS: Mapping[str, str] = {
    "unknown": N_("Line %(line)s, column %(column)s: there is no placeholder %(found)s. Allowed are: %(allowed)s."),
    "brace": N_("Line %(line)s, column %(column)s: braces are for placeholders only. Allowed are: %(allowed)s."),
    "control": N_("Line %(line)s, column %(column)s: there is a control character; delete it."),
    "long": N_("This has %(length)s characters; %(most)s are allowed."),
}
EMPTY_TEXT = N_("Enter a text, or go back to the standard text.")


@dataclass(frozen=True, slots=True)
class TextFault:
    """What is wrong with a text: a sentence of the catalog, and what stands in its places."""

    sentence: str
    places: Mapping[str, object] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.sentence % self.places


def subject_wrong(text: str) -> TextFault | None:
    if "\n" in text:
        return TextFault(customers.NAME_CONTROL)
    return _wrong(text, IN_SUBJECT, MAX_SUBJECT_CHARACTERS) or (
        TextFault(customers.NAME_LINK) if customers.has_address(text) else None
    )


def body_wrong(text: str) -> TextFault | None:
    return _wrong(text, IN_BODY, MAX_BODY_CHARACTERS)


def _wrong(text: str, allowed: tuple[str, ...], most: int) -> TextFault | None:
    found = find_error(text, allowed, most)
    return TextFault(FLAWS[found.kind], found.places) if found else None


def _subject(text: str) -> str:
    return _sound(text.strip(), subject_wrong)


def _body(text: str) -> str:
    return _sound(normalized(text), body_wrong)


def _sound(text: str, check: Callable[[str], TextFault | None]) -> str:
    if found := check(text):
        raise ValueError(str(found))
    return text


def _days(lowest: int, highest: int, said: str) -> Any:
    def check(value: Any) -> Any:
        if value is None:
            return None
        text = str(value).strip()
        plain = isinstance(value, str | int) and not isinstance(value, bool) and text.isascii() and text.isdigit()
        if not plain or not lowest <= int(text[:9]) <= highest:
            raise ValueError(said)
        return int(text)

    return check


def _roles(roles: tuple[str, ...] | None) -> tuple[str, ...] | None:
    if roles is None:
        return None
    if not 1 <= len(roles) <= MOST_ROLES:
        raise ValueError(ROLES_TEXT)
    return tuple(dict.fromkeys(_role(role) for role in roles))


def _role(text: str) -> str:
    try:
        return customers.client_id(text)
    except ValueError:
        raise ValueError(ROLES_TEXT) from None


def _sender(text: str) -> str:
    if not text:
        return ""
    try:
        found = customers.email(text)
    except ValueError:
        raise ValueError(SENDER_TEXT) from None
    if not found.isascii():
        raise ValueError(SENDER_TEXT)
    return found


class TextBody(Strict):
    """Own words of one language; what is empty or left out is the standard text."""

    subject: Annotated[str, AfterValidator(_subject)] = ""
    body: Annotated[str, AfterValidator(_body)] = ""


class SettingsBody(Strict):
    """All settings. What is left out or null is as the environment says; a language that is left out has the standard
    text. Texts may hold named placeholders such as {customer}: GET names them."""

    invitation_life_days: Annotated[
        Annotated[int, Field(ge=1, le=LONGEST_LIFE_DAYS)] | None,
        BeforeValidator(_days(1, LONGEST_LIFE_DAYS, LIFE_TEXT)),
    ] = None
    remind_after_days: Annotated[
        Annotated[int, Field(ge=0, lt=LONGEST_LIFE_DAYS)] | None,
        BeforeValidator(_days(0, LONGEST_LIFE_DAYS - 1, REMIND_TEXT)),
    ] = None
    accepted_roles: Annotated[tuple[str, ...] | None, AfterValidator(_roles)] = None
    sender_name: Annotated[str, AfterValidator(customers.plain)] = ""
    sender_address: Annotated[str, Field(max_length=320), AfterValidator(_sender)] = ""
    texts: Annotated[
        dict[Annotated[str, AfterValidator(customers.language)], TextBody], Field(max_length=len(LANGUAGES))
    ] = {}  # noqa: RUF012 (pydantic copies it)

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "invitation_life_days": 7,
                    "remind_after_days": 3,
                    "accepted_roles": ["62e90394-69f5-4237-9190-012177145e10"],
                    "sender_name": "Northstar Communications",
                    "sender_address": "invitations@northstar.example",
                    "texts": {
                        "en": {
                            "subject": "{provider} asks for your approval",
                            "body": "Hello {invitee},\n\nplease approve our access for {customer} by {until}.",
                        }
                    },
                }
            ]
        }
    )


class TermsView(View):
    """What a new switch takes from the settings and keeps to its end."""

    invitation_life_seconds: int
    remind_after_seconds: int | None
    """null: no reminder."""
    accepted_roles: tuple[RoleView, ...]
    texts_version: int

    @classmethod
    def of(cls, terms: Terms) -> Self:
        return cls(
            invitation_life_seconds=_seconds(terms.life),
            remind_after_seconds=_seconds(terms.remind_after) if terms.remind_after else None,
            accepted_roles=tuple(RoleView.of(role) for role in terms.accepted_roles),
            texts_version=terms.texts_version,
        )


class SettingsView(View):
    """The settings as they were saved (null or empty: as the environment says), and what is in force by them."""

    edition: int
    """Counts what was saved: the ETag."""
    changed_at: datetime | None
    changed_by: str | None
    invitation_life_days: int | None
    remind_after_days: int | None
    accepted_roles: tuple[str, ...] | None
    sender_name: str
    sender_address: str
    texts: dict[str, Wording]
    """Own words by language."""
    in_force: TermsView
    placeholders: dict[str, str]
    """What a text may hold, and what it stands for."""
    standard_texts: dict[str, Text]
    """By language: what stands where `texts` has nothing."""

    @classmethod
    def of(cls, settings: Settings, terms: Terms, standard_texts: Mapping[str, Text]) -> Self:
        values, by = settings.values, settings.changed_by
        return cls._made(
            settings,
            changed_by=by.name or by.email or by.id if by else None,
            invitation_life_days=values.life_days,
            remind_after_days=values.remind_after_days,
            accepted_roles=values.accepted_roles or None,
            sender_name=values.sender_name,
            sender_address=values.sender,
            texts=values.texts,
            in_force=TermsView.of(terms),
            placeholders=MEANINGS,
            standard_texts=standard_texts,
        )


def _seconds(span: timedelta) -> int:
    return int(span.total_seconds())
