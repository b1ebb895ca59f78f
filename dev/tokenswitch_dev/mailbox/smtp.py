"""The SMTP side: takes mails in, and refuses them as real servers do when it is told to."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tokenswitch_dev.mailbox.store import Mails

OK = "250 2.0.0 Ok: kept"


@dataclass(kw_only=True)
class Fault:
    """4xx: come again, 5xx: never, 0: only late. `times` 0 is for ever; `recipient` empty is everybody."""

    code: int
    text: str = "refused for a test"
    times: int = 0
    recipient: str = ""
    delay: float = 0.0


@dataclass
class Faults:
    current: Fault | None = None

    def answer(self, recipient: str) -> Fault | None:
        fault = self.current
        if fault is None or (fault.recipient and fault.recipient.lower() != recipient.lower()):
            return None
        self._count(fault)
        return fault

    def _count(self, fault: Fault) -> None:
        if fault.times == 1:
            self.current = None
        fault.times = max(fault.times - 1, 0)


class Handler:
    def __init__(self, mails: Mails, faults: Faults) -> None:
        self._mails, self._faults = mails, faults

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        fault = self._faults.answer(address)
        if fault is not None:
            await asyncio.sleep(fault.delay)
            if fault.code:
                return f"{fault.code} {fault.text}"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Ok"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        raw = envelope.original_content or b""
        await asyncio.to_thread(self._mails.add, envelope.mail_from or "", list(envelope.rcpt_tos), raw)
        return OK


class Login:
    """Accepts one name and password ("name:password")."""

    def __init__(self, expected: str) -> None:
        name, _, password = expected.partition(":")
        self._expected = (name.encode(), password.encode())

    def __call__(self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, given: Any) -> AuthResult:
        right = isinstance(given, LoginPassword) and (given.login, given.password) == self._expected
        return AuthResult(success=right, handled=right)


async def listen(handler: Handler, port: int, tls: ssl.SSLContext | None, login: str) -> asyncio.Server:
    def connection() -> SMTP:
        return SMTP(
            handler,
            hostname="localhost",
            enable_SMTPUTF8=True,
            tls_context=tls,
            require_starttls=tls is not None,
            authenticator=Login(login) if login else None,
            auth_required=bool(login),
            auth_require_tls=tls is not None,
        )

    return await asyncio.get_running_loop().create_server(connection, "127.0.0.1", port)
