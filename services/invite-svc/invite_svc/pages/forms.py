"""What the invitee types: as it was sent, and each wrong field with a sentence that says what to do."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, SecretStr

from shared.contracts.guids import GUID
from shared.i18n.marks import N_

MAX_USER_NAME_CHARACTERS = 100
MAX_SECRET_CHARACTERS = 256
MAX_ERROR_CHARACTERS = 1000
_ERROR_NUMBER = re.compile(r"(?:AADSTS|Error code:?)?\s*(\d{4,8})\b.*", re.I | re.S)
_USER_NAME = re.compile(r"[^\s@<>\"(),;:\\]+@[^\s@<>\"(),;:\\]+\.[^\s@<>\"(),;:\\]+")
_WRONG_USER_NAME = N_("Enter the user name with which you sign in at Microsoft, like admin@example.com.")
_WRONG_CLIENT_ID = N_("Enter the application (client) ID, like 00000000-0000-0000-0000-000000000000.")
_WRONG_TENANT = N_("This invitation is for another tenant. Enter the tenant ID that the invitation names.")
_SECRET_ID = N_("This looks like the secret's ID. Copy the secret's value instead; Microsoft shows it only once.")
_WRONG_SECRET = N_("Enter the client secret's value as Microsoft showed it.")
_WRONG_NUMBER = N_("Enter the number alone, like 53003, or leave it empty.")
_NOT_CHOSEN = N_("Choose what comes closest.")


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _number(value: object) -> int:
    text = _text(value)
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 6 else 0


Text = Annotated[str, BeforeValidator(_text)]
"""A file counts as empty."""
StrippedText = Annotated[str, BeforeValidator(lambda value: _text(value).strip())]
StrippedSecret = Annotated[SecretStr, BeforeValidator(lambda value: _text(value).strip())]


class OpenForm(BaseModel):
    """`Start`, or `Continue here`: then `take_over` is "yes"."""

    take_over: Text = ""


class StartForm(BaseModel):
    """`Sign in with Microsoft`. `attempt`: the number of the attempt that the page would begin, so that a double click
    begins one only; what cannot be read counts as not given (0)."""

    attempt: Annotated[int, BeforeValidator(_number)] = 0


class DeviceCodeForm(StartForm):
    """`Use Device Token`: who will sign in."""

    user_name: StrippedText = ""

    def errors(self) -> dict[str, str]:
        name = self.user_name
        fits = len(name) <= MAX_USER_NAME_CHARACTERS and name.isprintable() and _USER_NAME.fullmatch(name)
        return {} if fits else {"user_name": _WRONG_USER_NAME}


class AppRegistrationForm(StartForm):
    """`Use App Registration`: what proves the customer's own application."""

    tenant: StrippedText = ""
    client_id: StrippedText = ""
    client_secret: StrippedSecret = SecretStr("")

    def errors(self, tenant: str) -> dict[str, str]:
        """`tenant`: the one that the invitation is for."""
        errors = {
            "tenant": None if self.tenant.lower() == tenant.lower() else _WRONG_TENANT,
            "client_id": None if GUID.fullmatch(self.client_id) else _WRONG_CLIENT_ID,
            "client_secret": _secret_error(self.client_secret.get_secret_value()),
        }
        return {name: error for name, error in errors.items() if error}


class TroubleForm(BaseModel):
    """`What did Microsoft show you?`: the row that comes closest, and Microsoft's error number."""

    seen: Text = ""
    number: Text = ""

    @property
    def error_number(self) -> int | None:
        """As people copy it: `AADSTS530035: ...` or `530035`; None where that cannot be read."""
        match = _ERROR_NUMBER.fullmatch(self.number.strip()[:MAX_ERROR_CHARACTERS])
        return int(match[1]) if match else None

    def errors(self, offered: frozenset[str]) -> dict[str, str]:
        """`offered`: the rows of the page. One of them or a number is enough."""
        errors = {}
        if self.seen not in offered and not self.error_number:
            errors["seen-1"] = _NOT_CHOSEN
        if self.number.strip() and self.error_number is None:
            errors["number"] = _WRONG_NUMBER
        return errors


def _secret_error(secret: str) -> str | None:
    if GUID.fullmatch(secret):
        return _SECRET_ID
    if 1 <= len(secret) <= MAX_SECRET_CHARACTERS and secret.isprintable() and " " not in secret:
        return None
    return _WRONG_SECRET
