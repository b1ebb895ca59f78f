"""A mail server that wants a password, or a token (XOAUTH2): notify-svc's settings bring them from files."""

from __future__ import annotations

import asyncio
import base64
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from email.headerregistry import Address
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

from notify_svc.mail.smtp import SmtpMailer, TemporaryFailure
from notify_svc.settings import NotifySettings
from shared.domain.rules import Unavailable
from shared.service.settings import Misconfigured, load
from tests.secured.secured_kit import BASE, PASSWORD, USER, Certificates, TokenServer, certificates
from tokenswitch_dev.mailbox.embedded import EmbeddedMailbox
from tokenswitch_dev.runner.keys import make_keys
from tokenswitch_dev.stack.process import free_port

pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
MAILBOX = "no-reply@provider.example"


class LongLines(SMTP):
    """Tokens make long lines (RFC 4954: up to 12,288 octets)."""

    line_length_limit = 12_288

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.command_size_limits = defaultdict(lambda: 12_288)


class OnlyTokens:
    """Takes mails from whoever has a token, as XOAUTH2 brings it; keeps what was shown to it."""

    def __init__(self) -> None:
        self.shown: list[str] = []
        self.mails: list[bytes] = []

    async def auth_XOAUTH2(self, server: SMTP, given: list[str]) -> AuthResult:
        said = base64.b64decode(given[1]).decode()
        self.shown.append(said)
        user, token, _ = said.split("\x01", 2)
        right = user == f"user={MAILBOX}" and token.startswith("auth=Bearer ") and token.count(".") == 2
        return AuthResult(success=right, handled=False, auth_data=user)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.mails.append(bytes(envelope.original_content or b""))
        return "250 OK"


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return certificates(tmp_path_factory.mktemp("pki"))


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory, pki: Certificates) -> Iterator[TokenServer]:
    with TokenServer(tmp_path_factory.mktemp("tokens"), pki) as server:
        yield server


@pytest.fixture
async def smtp() -> AsyncIterator[tuple[OnlyTokens, int]]:
    handler, port = OnlyTokens(), free_port()

    def connection() -> SMTP:
        return LongLines(handler, hostname="localhost", auth_required=True, auth_require_tls=False)

    server = await asyncio.get_running_loop().create_server(connection, "127.0.0.1", port)
    yield handler, port
    server.close()


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """All that notify-svc needs but the mail server; the password's file is given back."""
    (tmp_path / "password").write_text(PASSWORD)
    keys = make_keys(tmp_path / "keys")
    known = BASE | {
        "KAFKA_BOOTSTRAP": "127.0.0.1:1",
        "MAIL_FROM": f"Provider <{MAILBOX}>",
        "PROVIDER_NAME": "Provider",
        "LINK_KEYS_FILE": str(keys.link),
    }
    for name, value in known.items():
        monkeypatch.setenv(name, value)
    return tmp_path / "password"


def mailer() -> SmtpMailer:
    settings = load(NotifySettings)
    return SmtpMailer(settings.smtp, "provider.example", seconds=3)


async def sends(with_: SmtpMailer) -> None:
    sender, recipient = Address("", addr_spec=MAILBOX), Address("", addr_spec="admin@contoso.example")
    await with_.send(b"Subject: hello\r\n\r\nhello\r\n", sender, recipient)


async def test_a_mail_goes_out_with_a_token_that_was_asked_for(
    monkeypatch: pytest.MonkeyPatch, given: Path, pki: Certificates, tokens: TokenServer, smtp: tuple[OnlyTokens, int]
) -> None:
    handler, port = smtp
    wanted = {
        "SMTP_URL": f"smtp://127.0.0.1:{port}?starttls=off",
        "SMTP_USERNAME": MAILBOX,
        "SMTP_PASSWORD_FILE": str(given),
        "SMTP_TOKEN_URL": tokens.url,
        "SMTP_TOKEN_CLIENT_ID": USER,
        "SMTP_TOKEN_CA_FILE": str(pki.ca),
    }
    for name, value in wanted.items():
        monkeypatch.setenv(name, value)
    asked, sending = tokens.asked, mailer()
    await sends(sending)
    await sends(sending)
    assert len(handler.mails) == 2 and tokens.asked == asked + 1, "one token for both"

    given.write_text("not-the-secret")
    refused = mailer()
    with pytest.raises(TemporaryFailure, match="no token") as caught:
        await sends(refused)
    assert caught.value.ours and "not-the-secret" not in caught.value.why
    with pytest.raises(Unavailable, match="SMTP_TOKEN_URL"):
        await refused.probe()


async def test_a_password_may_stand_in_a_file(monkeypatch: pytest.MonkeyPatch, given: Path, tmp_path: Path) -> None:
    with EmbeddedMailbox(tmp_path / "box", free_port(), free_port(), ("--login", f"tokenswitch:{PASSWORD}")) as box:
        monkeypatch.setenv("SMTP_URL", f"smtp://127.0.0.1:{box.smtp_port}?starttls=off")
        monkeypatch.setenv("SMTP_USERNAME", "tokenswitch")
        monkeypatch.setenv("SMTP_PASSWORD_FILE", str(given))
        await sends(mailer())


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"SMTP_USERNAME": "u"}, "SMTP_USERNAME and SMTP_PASSWORD_FILE belong together"),
        (
            {"SMTP_URL": "smtp://u:p@127.0.0.1", "SMTP_USERNAME": "u", "SMTP_PASSWORD_FILE": "password"},
            "SMTP_URL has a user name and SMTP_USERNAME is set",
        ),
        ({"SMTP_TOKEN_URL": "https://t"}, "SMTP_TOKEN_URL and SMTP_TOKEN_CLIENT_ID belong together"),
        ({"SMTP_TOKEN_URL": "https://t", "SMTP_TOKEN_CLIENT_ID": "c"}, "SMTP_USERNAME is not set"),
        (
            {
                "SMTP_URL": "smtp://mail.example.com?starttls=off",
                "SMTP_USERNAME": "u",
                "SMTP_PASSWORD_FILE": "password",
            },
            "SMTP_URL has a password, which must not travel in clear",
        ),
    ],
)
def test_a_login_that_does_not_fit_together_stops_the_service(
    monkeypatch: pytest.MonkeyPatch, given: Path, wrong: dict[str, Any], said: str
) -> None:
    monkeypatch.chdir(given.parent)
    for name, value in ({"SMTP_URL": "smtp://127.0.0.1"} | wrong).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(Misconfigured) as stopped:
        load(NotifySettings)
    assert str(stopped.value).startswith(said)
    assert PASSWORD not in str(stopped.value)
