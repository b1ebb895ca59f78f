"""What notify-svc is told beside the common settings: the mail server, who mails come from, whom operations reach."""

from __future__ import annotations

from dataclasses import dataclass
from email.headerregistry import Address
from email.utils import parseaddr
from typing import Annotated, Literal, Self, cast, get_args
from urllib.parse import parse_qs, unquote, urlsplit

from pydantic import AfterValidator, Field, SecretStr, model_validator

from shared.crypto.secret import Secret
from shared.crypto.vault import KeyRingFile
from shared.http.client_address import LOOPBACK
from shared.i18n.marks import LANGUAGES
from shared.identity.client_credentials import TokenSource
from shared.service.setting_types import CaFile, IssuerUrl, SecretFile, read_secret, secret_url
from shared.service.settings import CommonSettings

StartTls = Literal["required", "optional", "off"]
PORTS = {"smtps": 465, "smtp": 25}
SUBMISSION_PORT = 587
"""Of servers that demand a login (RFC 6409)."""


@dataclass(frozen=True, slots=True)
class Login:
    """As whom mails are handed over: with a password, or with tokens (XOAUTH2)."""

    user: str | None = None
    password: Secret[str] | None = None
    tokens: TokenSource | None = None


NO_LOGIN = Login()


@dataclass(frozen=True, slots=True, kw_only=True)
class SmtpServer:
    """Where mails are handed over."""

    host: str
    port: int
    tls: bool
    """Encrypted from the start (RFC 8314)."""
    starttls: StartTls
    """Whether the connection must become encrypted (RFC 3207); says nothing with `tls`."""
    user: str | None = None
    password: Secret[str] | None = None
    tokens: TokenSource | None = None


def smtp_server(url: str, login: Login = NO_LOGIN) -> SmtpServer:
    """smtp://user:password@host:port?starttls=required|optional|off, or smtps://. `login`: one that does not stand in
    the address. Raises: ValueError."""
    parts = urlsplit(url)
    user = unquote(parts.username) if parts.username else login.user
    password = Secret(unquote(parts.password)) if parts.password else login.password
    host = parts.hostname or ""
    if parts.username and login.user:
        raise ValueError("has a user name and SMTP_USERNAME is set; give one of the two")
    known = password is not None or login.tokens is not None
    if not host or parts.path not in ("", "/") or (user is not None) != known:
        raise ValueError("is not complete; give smtp://host:port, or smtp://user:password@host:port")
    port = parts.port or (SUBMISSION_PORT if user and parts.scheme == "smtp" else PORTS[parts.scheme])
    tls = parts.scheme == "smtps"
    starttls = _starttls(parts.query, careful=bool(user) and host not in LOOPBACK, tls=tls)
    return SmtpServer(
        host=host, port=port, tls=tls, starttls=starttls, user=user, password=password, tokens=login.tokens
    )


def _starttls(query: str, *, careful: bool, tls: bool) -> StartTls:
    """`careful`: a password would go to another machine, so it never goes there in clear."""
    given = parse_qs(query, keep_blank_values=True)
    chosen = given.pop("starttls", ["required" if careful else "optional"])[-1]
    if given or chosen not in get_args(StartTls):
        raise ValueError("may have one option: ?starttls=required, optional or off")
    if careful and chosen != "required" and not tls:
        raise ValueError("has a password, which must not travel in clear; give ?starttls=required, or smtps://")
    return cast(StartTls, chosen)


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
    """What each means stands in docs/settings.md; `smtp` and `sender` say what several mean together."""

    smtp_url: Annotated[SecretStr, AfterValidator(secret_url("smtp", "smtps")), AfterValidator(_smtp_url)]
    """Mail server: `smtp://host:587?starttls=required`, or `smtps://host`. May hold a login."""
    smtp_username: str | None = None
    """User name; with tokens, the mailbox that mails come from."""
    smtp_password_file: SecretFile | None = None
    """File of one line: the password; with tokens, the client secret."""
    smtp_token_url: IssuerUrl | None = None
    """Where XOAUTH2 gets its tokens (client credentials)."""
    smtp_token_client_id: str | None = None
    """The client id to ask with."""
    smtp_token_scope: str = ""
    """The scope to ask for there."""
    smtp_token_ca_file: CaFile | None = None
    """Certificate authority of that server, if it is a private one."""
    smtp_ca_file: CaFile | None = None
    """Certificate authority of the mail server, if it is a private one."""
    smtp_connections: Annotated[int, Field(ge=1, le=100)] = 8
    """Mails handed over at the same time, by one process."""
    smtp_seconds: Annotated[float, Field(ge=0.1, le=300)] = 20.0
    """How long one mail may take."""
    mail_lease_seconds: Annotated[float, Field(ge=2, le=120)] = 30.0
    """After a crash, how long the mail at hand waits for another replica."""
    mail_from: Annotated[str, AfterValidator(_sender)]
    """Sender of all mails; config-svc shows it on the settings page."""
    ops_email: Annotated[str, AfterValidator(_address)] = ""
    """Who hears of lost access."""
    operator_language: Annotated[str, AfterValidator(_language)] = "en"
    """Language of mails to operators. An invitee's comes with the invitation."""
    provider_name: Annotated[str, AfterValidator(_name), Field(max_length=100)]
    """Your name, as customers know it."""
    link_keys_file: KeyRingFile
    """Key ring that makes links, sessions and list cursors; the same in the services that have it."""

    @model_validator(mode="after")
    def _login_fits_together(self) -> Self:
        """Raises: ValueError, which begins with the setting's name."""
        if bool(self.smtp_username) != bool(self.smtp_password_file):
            raise ValueError("SMTP_USERNAME and SMTP_PASSWORD_FILE belong together: give both or none")
        if bool(self.smtp_token_url) != bool(self.smtp_token_client_id):
            raise ValueError("SMTP_TOKEN_URL and SMTP_TOKEN_CLIENT_ID belong together: give both or none")
        if self.smtp_token_url and not self.smtp_username:
            raise ValueError("SMTP_USERNAME is not set; with SMTP_TOKEN_URL give the mailbox that mails come from")
        try:
            _ = self.smtp
        except ValueError as error:
            raise ValueError(f"SMTP_URL {error}") from None
        return self

    @property
    def smtp(self) -> SmtpServer:
        return smtp_server(self.smtp_url.get_secret_value(), self._login)

    @property
    def _login(self) -> Login:
        """With a token's address, the file holds the client secret that tokens are asked for with."""
        if not self.smtp_username or not self.smtp_password_file:
            return NO_LOGIN
        secret = read_secret(self.smtp_password_file)
        if not self.smtp_token_url or not self.smtp_token_client_id:
            return Login(self.smtp_username, secret)
        source = TokenSource(
            url=self.smtp_token_url,
            client_id=self.smtp_token_client_id,
            client_secret=secret,
            scope=self.smtp_token_scope,
            ca_file=self.smtp_token_ca_file,
        )
        return Login(self.smtp_username, tokens=source)

    @property
    def sender(self) -> Address:
        return sender(self.mail_from)
