"""What notify-svc is told beside the common settings: the mail server, who mails come from, whom operations reach."""

from __future__ import annotations

from dataclasses import dataclass
from email.headerregistry import Address
from email.utils import parseaddr
from typing import Annotated, Literal
from urllib.parse import parse_qs, unquote, urlsplit

from pydantic import AfterValidator, Field, SecretStr

from shared.i18n import LANGUAGES
from shared.secret import Secret
from shared.settings import LOCAL_HOSTS, CaFile, CommonSettings, secret_url
from shared.vault import KeyRingFile

StartTls = Literal["required", "optional", "off"]
STARTTLS: tuple[StartTls, ...] = ("required", "optional", "off")
PORTS = {"smtps": 465, "smtp": 25}
SUBMISSION_PORT = 587


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """Where mails are handed over. `starttls` says nothing where the connection is encrypted from the start (`tls`)."""

    host: str
    port: int
    tls: bool
    starttls: StartTls
    user: str | None = None
    password: Secret[str] | None = None


def smtp_server(url: str) -> SmtpServer:
    """smtp://user:password@host:port?starttls=required|optional|off, or smtps://. Raises: ValueError."""
    parts = urlsplit(url)
    user = unquote(parts.username) if parts.username else None
    password = Secret(unquote(parts.password)) if parts.password else None
    host = parts.hostname or ""
    if not host or parts.path not in ("", "/") or (user is None) != (password is None):
        raise ValueError("is not complete; give smtp://host:port, or smtp://user:password@host:port")
    port = parts.port or (SUBMISSION_PORT if user and parts.scheme == "smtp" else PORTS[parts.scheme])
    tls = parts.scheme == "smtps"
    starttls = _starttls(parts.query, careful=bool(user) and host not in LOCAL_HOSTS, tls=tls)
    return SmtpServer(host, port, tls, starttls, user, password)


def _starttls(query: str, *, careful: bool, tls: bool) -> StartTls:
    """`careful`: a password would go to another machine, so it never goes there in clear."""
    given = parse_qs(query, keep_blank_values=True)
    chosen = given.pop("starttls", ["required" if careful else "optional"])[-1]
    if given or chosen not in STARTTLS:
        raise ValueError("may have one option: ?starttls=required, optional or off")
    if careful and chosen != "required" and not tls:
        raise ValueError("has a password, which must not travel in clear; give ?starttls=required, or smtps://")
    return chosen


def _smtp_url(value: SecretStr) -> SecretStr:
    smtp_server(value.get_secret_value())
    return value


def sender(text: str) -> Address:
    """`Name <name@example.com>`, or the address alone. Raises: ValueError."""
    name, address = parseaddr(text)
    if not address.isascii() or not text.isprintable() or address.count("@") != 1:
        raise ValueError("is not a sender; give one like Provider <no-reply@provider.example>")
    try:
        return Address(name, addr_spec=address)
    except Exception:  # the parser of addresses fails in ways of its own
        raise ValueError("is not a sender; give one like Provider <no-reply@provider.example>") from None


def _sender(text: str) -> str:
    sender(text)
    return text


def _address(text: str) -> str:
    if text and (sender(text).display_name or " " in text):
        raise ValueError("must be one address alone, like operations@provider.example")
    return text


def _name(text: str) -> str:
    if not text.strip() or not text.isprintable():
        raise ValueError("is empty or has a control character in it; give the name as people read it")
    return text.strip()


def _language(text: str) -> str:
    if text not in LANGUAGES:
        raise ValueError(f"is none of the languages that there are: {', '.join(LANGUAGES)}")
    return text


class NotifySettings(CommonSettings):
    """`operator_language`: that of mails to operators (an invitee's comes with the invitation).
    `mail_lease_seconds`: after a crash, how long the mail at hand waits for another replica."""

    smtp_url: Annotated[SecretStr, AfterValidator(secret_url("smtp", "smtps")), AfterValidator(_smtp_url)]
    smtp_ca_file: CaFile | None = None
    smtp_connections: Annotated[int, Field(ge=1, le=100)] = 8
    smtp_seconds: Annotated[float, Field(ge=0.1, le=300)] = 20.0
    mail_lease_seconds: Annotated[float, Field(ge=2, le=120)] = 30.0
    mail_from: Annotated[str, AfterValidator(_sender)]
    ops_email: Annotated[str, AfterValidator(_address)] = ""
    operator_language: Annotated[str, AfterValidator(_language)] = "en"
    provider_name: Annotated[str, AfterValidator(_name), Field(max_length=100)]
    link_keys_file: KeyRingFile

    @property
    def smtp(self) -> SmtpServer:
        return smtp_server(self.smtp_url.get_secret_value())

    @property
    def sender(self) -> Address:
        return sender(self.mail_from)
