"""What people and programs may send: checked at the edge, the same for JSON and for forms. Secrets never show."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from datetime import date
from typing import Annotated, Any, Literal

from email_validator import EmailNotValidError, validate_email
from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, SecretStr, field_validator

from shared.contracts.events import Method, Person, Target
from shared.contracts.guids import GUID
from shared.http.problems import Strict
from shared.i18n.marks import LANGUAGES, N_

NAME_LENGTH, SECRET_LENGTH = 100, 500
RESERVED = frozenset({".", "..", "settings", "bulk-switches"})
"""No address leads to the first two; the others are keys of events that concern no customer."""

ID_PATTERN = r"^[A-Za-z0-9._~-]{1,64}$"
_ID = re.compile(ID_PATTERN.strip("^$"))
_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN = re.compile(rf"(?=.{{1,253}}$){_LABEL}(\.{_LABEL})+")
_LINKS = re.compile(r"://|\bwww\.|\bmailto:|\S@\S+\.\S|\w\.[a-z]{2,}/", re.IGNORECASE)

ID_TEXT = N_("Use 1 to 64 letters, digits and . _ ~ - for the id.")
NAME_LONG = N_("Use 100 characters at most.")
NAME_EMPTY = N_("Enter a name.")
NAME_CONTROL = N_("Leave out line breaks and other control characters.")
NAME_LINK = N_("Leave out web and e-mail addresses.")
TENANT_TEXT = N_("Enter the tenant's domain, like contoso.onmicrosoft.com, or its GUID.")
CLIENT_TEXT = N_("Enter the application (client) id, a GUID like 11111111-2222-3333-4444-555555555555.")
SECRET_TEXT = N_("Enter the secret's value as Microsoft shows it: one line, 500 characters at most.")
EMAIL_TEXT = N_("Enter an address like name@example.com.")
LANGUAGE_TEXT = N_("Choose one of the languages that invitations are written in.")
METHODS_TEXT = N_("Choose at least one way to sign in, each once.")
DATE_TEXT = N_("Enter a date like 2027-01-31.")
REQUIRED = N_("This is required.")
INVALID = N_("This cannot be used; correct it.")
LONG = N_("This is too long.")


def customer_id(text: str) -> str:
    if not _ID.fullmatch(text) or text in RESERVED:
        raise ValueError(ID_TEXT)
    return text


def plain(text: str) -> str:
    """A text that a person typed: one line, nothing that a mail program would make a link of."""
    text = text.strip()
    if len(text) > NAME_LENGTH:
        raise ValueError(NAME_LONG)
    if any(unicodedata.category(letter) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp") for letter in text):
        raise ValueError(NAME_CONTROL)
    if has_address(text):
        raise ValueError(NAME_LINK)
    return text


def has_address(text: str) -> bool:
    """Mail programs would make a link of it."""
    return _LINKS.search(text) is not None


def name(text: str) -> str:
    text = plain(text)
    if not text:
        raise ValueError(NAME_EMPTY)
    return text


def tenant(text: str) -> str:
    text = text.strip().lower()
    if not GUID.fullmatch(text) and not _DOMAIN.fullmatch(text):
        raise ValueError(TENANT_TEXT)
    return text


def client_id(text: str) -> str:
    text = text.strip().lower()
    if not GUID.fullmatch(text):
        raise ValueError(CLIENT_TEXT)
    return text


def secret(value: SecretStr) -> SecretStr:
    found = value.get_secret_value()
    if not 1 <= len(found) <= SECRET_LENGTH or not found.isprintable():
        raise ValueError(SECRET_TEXT)
    return value


def email(text: str) -> str:
    """Its form only: whether it can be reached is what sending finds out. Addresses of test systems may be used."""
    try:
        return validate_email(text.strip(), check_deliverability=False, test_environment=True).normalized
    except EmailNotValidError:
        raise ValueError(EMAIL_TEXT) from None


def iso_date(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise ValueError(DATE_TEXT) from None


def language(text: str) -> str:
    if text not in LANGUAGES:
        raise ValueError(LANGUAGE_TEXT)
    return text


def _empty_is_none(check: Callable[[str], str]) -> Callable[[str | None], str | None]:
    return lambda text: check(text) or None if text else None


Name = Annotated[str, AfterValidator(name)]
Tenant = Annotated[str, AfterValidator(tenant)]
Email = Annotated[str, Field(max_length=320), AfterValidator(email)]
Reference = Annotated[str | None, AfterValidator(_empty_is_none(plain))]
PersonName = Annotated[str, AfterValidator(plain)]
Number = Annotated[int, Field(ge=1, le=2**31 - 1, strict=True)]


class RegistrationBody(Strict):
    """The customer's own app registration. An omitted secret stays, null removes it; it is never shown again."""

    client_id: Annotated[str, AfterValidator(client_id)]
    client_secret: Annotated[SecretStr, AfterValidator(secret)] | None = None
    secret_expires_on: Annotated[date | None, BeforeValidator(iso_date)] = None


class CustomerBody(Strict):
    """A customer's master data. An omitted reference or app_registration stays, null removes it."""

    name: Name
    tenant: Tenant
    reference: Reference = None
    app_registration: RegistrationBody | None = None

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "Contoso GmbH",
                    "tenant": "contoso.onmicrosoft.com",
                    "reference": "CRM-4711",
                    "app_registration": {
                        "client_id": "6f1d1c1e-1d8c-4f59-9d8b-6b1f9a3b6c11",
                        "client_secret": "<the value>",
                        "secret_expires_on": "2027-06-30",
                    },
                }
            ]
        }
    )


class SwitchBody(Strict):
    """A switch to ask for. `renew`: claim the access in force anew."""

    to: Target
    admin_email: Email | None = None
    admin_name: PersonName = ""
    locale: Annotated[str, AfterValidator(language)] = "en"
    reference: Reference = None
    methods: Annotated[tuple[Method, ...], Field(max_length=3)] = ()
    renew: Annotated[bool, Field(strict=True)] = False

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "to": "token",
                    "admin_email": "admin@contoso.example",
                    "admin_name": "Avery Admin",
                    "locale": "en",
                    "reference": "TICKET-17",
                    "methods": ["sign_in", "device_code", "app_registration"],
                }
            ]
        }
    )

    @field_validator("methods", mode="after")
    @classmethod
    def _each_once(cls, methods: tuple[Method, ...]) -> tuple[Method, ...]:
        if len(set(methods)) != len(methods):
            raise ValueError(METHODS_TEXT)
        return methods

    @property
    def invitee(self) -> Person | None:
        return Person(self.admin_email, self.admin_name) if self.admin_email else None


class SwitchNumber(Strict):
    """Which switch is meant: the number that the request for it was answered with."""

    switch: Number

    model_config = ConfigDict(json_schema_extra={"examples": [{"switch": 1}]})


class ReferenceBody(SwitchNumber):
    """The operator's own reference of a switch; null removes it."""

    reference: Reference

    model_config = ConfigDict(json_schema_extra={"examples": [{"switch": 1, "reference": "TICKET-18"}]})


class ResendBody(SwitchNumber):
    """Another `admin_email` cancels the switch and begins the next one."""

    admin_email: Email | None = None
    admin_name: PersonName = ""

    model_config = ConfigDict(json_schema_extra={"examples": [{"switch": 1, "admin_email": "it@contoso.example"}]})

    @property
    def invitee(self) -> Person | None:
        return Person(self.admin_email, self.admin_name) if self.admin_email else None


Sort = Literal["created", "-created", "expires", "-expires", "name", "-name"]
InvitationState = Literal[
    "all", "pending", "requested", "invited", "opened", "authenticating", "completed", "cancelled", "expired", "failed"
]


# --- what is said of what is wrong ---------------------------------------------------------------------------------


def field_of(wrong: Mapping[str, Any]) -> str | None:
    """The field that one of pydantic's errors is about."""
    return next((part for part in reversed(wrong["loc"]) if isinstance(part, str)), None)


def message_of(wrong: Mapping[str, Any]) -> str:
    """What one of pydantic's errors says to a person, to be translated."""
    if wrong["type"] == "value_error":
        return str(wrong["msg"]).removeprefix("Value error, ")
    return _BY_KIND.get(wrong["type"], _BY_FIELD.get(field_of(wrong), INVALID))


_BY_KIND = {"missing": REQUIRED, "string_too_long": LONG, "too_long": LONG}
_BY_FIELD: Mapping[str | None, str] = {
    "secret_expires_on": DATE_TEXT,
    "admin_email": EMAIL_TEXT,
    "methods": METHODS_TEXT,
}
