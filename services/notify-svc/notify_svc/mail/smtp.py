"""Handing mails over to the mail server: one connection each, every wait bounded, every failure one of two kinds.

The first digit of the server's reply says which (RFC 5321, 4.2.1): 4 for temporary, 5 for permanent. Its words may hold
addresses; only its numbers (with the enhanced code of RFC 3463) are told on.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from email.headerregistry import Address
from pathlib import Path
from typing import Protocol

from aiosmtplib import (
    SMTP,
    SMTPAuthenticationError,
    SMTPConnectError,
    SMTPDataError,
    SMTPException,
    SMTPNotSupported,
    SMTPRecipientRefused,
    SMTPRecipientsRefused,
    SMTPResponseException,
    SMTPSenderRefused,
    SMTPServerDisconnected,
    SMTPTimeoutError,
)
from opentelemetry.trace import SpanKind
from opentelemetry.util.types import Attributes

from notify_svc.settings import SmtpServer
from shared.domain.rules import Unavailable
from shared.http.tls import tls_context
from shared.identity.client_credentials import ClientTokens
from shared.observability import tracing

PART = "SMTP"
LOGIN_CODES = {530, 534, 535, 538}
"""Replies about the login (RFC 4954, 6): our settings are wrong, whatever the first digit says."""
HEALTHY_LOOK_SECONDS, FAILED_LOOK_SECONDS = 30.0, 4.0
"""How long a look at the server counts: a probe asks it no more often than that."""
PROBE_TIMEOUT_SECONDS = 2.0
QUIT_TIMEOUT_SECONDS = 1.0
NOT_YET = "the mail server has not answered yet"
_ENHANCED = re.compile(r"\b[245]\.\d{1,3}\.\d{1,3}\b")


class TemporaryFailure(Exception):
    """The same mail may be taken later. `ours`: the server is away or our settings are wrong; else it is this mail."""

    def __init__(self, why: str, *, ours: bool = False) -> None:
        super().__init__(why)
        self.why, self.ours = why, ours


class PermanentFailure(Exception):
    """This mail will never be taken: the recipient, the sender or the text is refused for good."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class Mailer(Protocol):
    """Where mails go."""

    async def send(self, mail: bytes, sender: Address, recipient: Address) -> None:
        """Returns when the server has taken the mail. Raises: TemporaryFailure, PermanentFailure."""

    async def probe(self) -> None:
        """Raises: Unavailable, with what is wrong."""


class SmtpMailer:
    """Sends by SMTP. `seconds` bounds each answer of the server, three times that the whole mail: a server that took
    a mail but was not waited for would get it again."""

    def __init__(self, server: SmtpServer, name: str, *, ca_file: Path | None = None, seconds: float = 20.0) -> None:
        self._server, self._name, self._seconds = server, name, seconds
        self._tls = tls_context(ca_file)
        self._looked, self._wrong = float("-inf"), NOT_YET
        self._looking: asyncio.Task[None] | None = None
        self._tokens = ClientTokens(server.tokens, PART) if server.tokens else None

    async def send(self, mail: bytes, sender: Address, recipient: Address) -> None:
        try:
            server: Attributes = {"server.address": self._server.host, "server.port": self._server.port}
            with tracing.span("SMTP send", SpanKind.CLIENT, attributes=server):
                async with self._connected() as smtp:
                    await self._hand_over(smtp, mail, sender.addr_spec, recipient.addr_spec)
        except TemporaryFailure as error:
            if error.ours:
                self._saw(error.why)
            raise
        self._saw("")

    async def probe(self) -> None:
        """Says what the last look found; looks again (greeting, TLS and login) when that is too long ago. A look may
        last longer than who asks can wait."""
        if self._age() > (FAILED_LOOK_SECONDS if self._wrong else HEALTHY_LOOK_SECONDS):
            if self._looking is None or self._looking.done():
                self._looking = asyncio.create_task(self._look())
            await asyncio.wait({self._looking}, timeout=PROBE_TIMEOUT_SECONDS)
        if self._wrong:
            raise Unavailable(PART, self._wrong)

    async def _look(self) -> None:
        wrong = ""
        try:
            async with self._connected():
                pass
        except (TemporaryFailure, PermanentFailure) as error:
            wrong = error.why
        self._saw(wrong)

    def _age(self) -> float:
        return asyncio.get_running_loop().time() - self._looked

    def _saw(self, wrong: str) -> None:
        self._looked, self._wrong = asyncio.get_running_loop().time(), wrong

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[SMTP]:
        """A connection, greeted, encrypted and logged in as the settings say; what fails in it is translated."""
        smtp = self._client()
        try:
            async with asyncio.timeout(3 * self._seconds):
                await smtp.connect()
                if smtp.is_ehlo_or_helo_needed:
                    await smtp.ehlo()
                yield smtp
        except (SMTPException, OSError, TimeoutError) as error:
            raise translated(error) from None
        except Unavailable:  # its words name the address that gave no token
            raise TemporaryFailure("there is no token for the mail server; check SMTP_TOKEN_URL", ours=True) from None
        finally:
            await _leave(smtp)

    def _client(self) -> SMTP:
        server = self._server
        start = {"required": True, "optional": None, "off": False}[server.starttls]
        return SMTP(
            hostname=server.host,
            port=server.port,
            use_tls=server.tls,
            start_tls=False if server.tls else start,
            username=server.user,
            password=server.password.reveal() if server.password else None,
            oauth_token_generator=self._tokens.token if self._tokens else None,
            timeout=self._seconds,
            tls_context=self._tls,
            local_hostname=self._name,
        )

    async def _hand_over(self, smtp: SMTP, mail: bytes, sender: str, recipient: str) -> None:
        options = [] if recipient.isascii() else ["SMTPUTF8"]
        if options and not smtp.supports_extension("smtputf8"):
            raise PermanentFailure("the mail server does not take addresses with letters like these (no SMTPUTF8)")
        try:
            await smtp.sendmail(sender, [recipient], mail, mail_options=options)
        except ValueError:  # its words hold the address
            raise PermanentFailure("the address cannot be used") from None


async def _leave(smtp: SMTP) -> None:
    """The mail is taken or not by now; the goodbye changes nothing."""
    with suppress(SMTPException, OSError, TimeoutError):
        if smtp.is_connected:
            await asyncio.wait_for(smtp.quit(), QUIT_TIMEOUT_SECONDS)
    smtp.close()


# --- what went wrong ----------------------------------------------------------------------------------------------

_WHAT: tuple[tuple[type[SMTPResponseException], str], ...] = (
    (SMTPRecipientRefused, "the recipient"),
    (SMTPSenderRefused, "the sender"),
    (SMTPDataError, "the mail"),
)


def translated(error: Exception) -> TemporaryFailure | PermanentFailure:
    """An error of the SMTP library as one of the two kinds, in words that hold no address and no secret."""
    if isinstance(error, SMTPRecipientsRefused):
        error = error.recipients[0]
    if isinstance(error, SMTPAuthenticationError) or getattr(error, "code", 0) in LOGIN_CODES:
        return TemporaryFailure(
            f"the mail server does not accept our login{_numbers(error)}; check SMTP_URL", ours=True
        )
    for kind, what in _WHAT:
        if isinstance(error, kind):
            return _refused(error, what)
    return TemporaryFailure(_away(error), ours=True)


def _refused(error: SMTPResponseException, what: str) -> TemporaryFailure | PermanentFailure:
    if error.code >= 500:
        return PermanentFailure(f"the mail server refuses {what}{_numbers(error)}")
    return TemporaryFailure(f"the mail server does not take {what} now{_numbers(error)}")


def _away(error: Exception) -> str:
    if type(error) in (SMTPException, SMTPNotSupported):  # the library's own words, for what is not offered
        return "the mail server offers no encryption or no login; check SMTP_URL (starttls=...)"
    if isinstance(error.__cause__ or error, ssl.SSLError):
        return "the mail server's certificate is not trusted, or TLS fails; check SMTP_URL and SMTP_CA_FILE"
    if isinstance(error, SMTPTimeoutError | TimeoutError):
        return "the mail server does not answer in time"
    if isinstance(error, SMTPServerDisconnected):
        return "the mail server hung up"
    if isinstance(error, SMTPResponseException):
        return f"the mail server is not ready{_numbers(error)}"
    if isinstance(error, SMTPConnectError | OSError):
        return "the mail server cannot be reached"
    return f"the mail server could not be talked to ({type(error).__name__})"


def _numbers(error: Exception) -> str:
    """The server's code, such as (550 5.1.1)."""
    code = getattr(error, "code", None)
    enhanced = _ENHANCED.search(str(getattr(error, "message", "")))
    return f" ({code}{' ' + enhanced[0] if enhanced else ''})" if code else ""
