"""What the invitee types, checked: each wrong field with a sentence that says what to do."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from shared.contracts.guids import GUID
from shared.crypto.secret import Secret
from shared.i18n.catalogs import N_

MAX_USER_NAME = 100
MAX_SECRET = 256
MAX_ERROR = 1000
_ERROR_NUMBER = re.compile(r"(?:AADSTS|Error code:?)?\s*(\d{4,8})\b.*", re.I | re.S)
_USER_NAME = re.compile(r"[^\s@<>\"(),;:\\]+@[^\s@<>\"(),;:\\]+\.[^\s@<>\"(),;:\\]+")


@dataclass(frozen=True, slots=True)
class DeviceForm:
    """`Use Device Token`: who will sign in."""

    user_name: str
    errors: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class AppForm:
    """`Use App Registration`: what proves the customer's own application."""

    tenant: str
    client_id: str
    client_secret: Secret[str]
    errors: dict[str, str] = field(default_factory=dict)


def device_form(user_name: str) -> DeviceForm:
    name = user_name.strip()
    fits = len(name) <= MAX_USER_NAME and name.isprintable() and _USER_NAME.fullmatch(name)
    wrong = N_("Enter the user name with which you sign in at Microsoft, like admin@example.com.")
    return DeviceForm(name[:MAX_USER_NAME], {} if fits else {"user_name": wrong})


def empty_app_form(tenant: str) -> AppForm:
    return AppForm(tenant=tenant, client_id="", client_secret=Secret(""))


def app_form(tenant: str, client_id: str, client_secret: str, *, expected_tenant: str) -> AppForm:
    found = {
        "tenant": _tenant_error(tenant.strip(), expected_tenant),
        "client_id": None if GUID.fullmatch(client_id.strip()) else _CLIENT_ID,
        "client_secret": _secret_error(client_secret.strip()),
    }
    errors = {name: error for name, error in found.items() if error}
    return AppForm(
        tenant=tenant.strip()[:100],
        client_id=client_id.strip()[:100],
        client_secret=Secret(client_secret.strip()),
        errors=errors,
    )


_CLIENT_ID = N_("Enter the application (client) ID, like 00000000-0000-0000-0000-000000000000.")


def _tenant_error(tenant: str, expected: str) -> str | None:
    if tenant.lower() == expected.lower():
        return None
    return N_("This invitation is for another tenant. Enter the tenant ID that the invitation names.")


def _secret_error(secret: str) -> str | None:
    if GUID.fullmatch(secret):
        return N_("This looks like the secret's ID. Copy the secret's value instead; Microsoft shows it only once.")
    if 1 <= len(secret) <= MAX_SECRET and secret.isprintable() and " " not in secret:
        return None
    return N_("Enter the client secret's value as Microsoft showed it.")


def error_number(text: str) -> int | None:
    """Microsoft's error number as people copy it: `AADSTS530035: ...` or `530035`. Raises: ValueError."""
    if not text.strip():
        return None
    found = _ERROR_NUMBER.fullmatch(text.strip()[:MAX_ERROR])
    if found is None:
        raise ValueError(N_("Enter the number alone, like 53003, or leave it empty."))
    return int(found[1])


def number(text: str) -> int:
    """A hidden number of our own form; what cannot be read counts as not given."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 6 else 0
