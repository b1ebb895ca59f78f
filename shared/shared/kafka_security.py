"""How a client of Kafka is let in: TLS, a client certificate, SASL with a password or with a token (OAUTHBEARER)."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import httpx
from aiokafka.abc import AbstractTokenProvider
from aiokafka.errors import KafkaConnectionError

from shared.secret import Secret

Protocol = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
Mechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"]

TIMEOUT = httpx.Timeout(5.0, connect=3.0)
PATIENCE = 6.0
EARLY = 60.0
SHORTEST = 5.0


@dataclass(frozen=True, slots=True)
class TokenSource:
    """Where tokens for OAUTHBEARER come from: OAuth 2.0 client credentials (RFC 6749, 4.4)."""

    url: str
    client_id: str
    client_secret: Secret[str] = field(repr=False)
    scope: str = ""
    ca_file: Path | None = None


@dataclass(frozen=True, slots=True)
class KafkaSecurity:
    """Without anything: as on this machine, in the clear and without a login."""

    protocol: Protocol = "PLAINTEXT"
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    mechanism: Mechanism | None = None
    username: str | None = None
    password: Secret[str] | None = field(default=None, repr=False)
    tokens: TokenSource | None = None

    def options(self) -> dict[str, Any]:
        """What every aiokafka client is made with. Raises: ValueError (a certificate that cannot be used)."""
        found: dict[str, Any] = {"security_protocol": self.protocol}
        if self.protocol.endswith("SSL"):
            found["ssl_context"] = self._tls()
        if self.mechanism is None:
            return found
        found["sasl_mechanism"] = self.mechanism
        if self.tokens is not None:
            return found | {"sasl_oauth_token_provider": Tokens(self.tokens)}
        password = self.password.reveal() if self.password else None
        return found | {"sasl_plain_username": self.username, "sasl_plain_password": password}

    def _tls(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(self.ca_file) if self.ca_file else None)
        if self.cert_file is not None:
            context.load_cert_chain(self.cert_file, self.key_file)
        return context


class Tokens(AbstractTokenProvider):  # type: ignore[misc]
    """Asks for a token when the one at hand is about to run out. `transport` and `ticks` (seconds) are for tests."""

    def __init__(
        self,
        source: TokenSource,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self._source, self._transport, self._ticks = source, transport, ticks
        self._lock = asyncio.Lock()
        self._token: Secret[str] | None = None
        self._until = float("-inf")

    async def token(self) -> str:
        """A token that is still valid. Raises: KafkaConnectionError, which every client here waits out."""
        async with self._lock:
            if self._token is None or self._ticks() >= self._until:
                await self._ask()
            assert self._token is not None
            return self._token.reveal()

    async def _ask(self) -> None:
        source, begun = self._source, self._ticks()
        form = {"grant_type": "client_credentials"} | ({"scope": source.scope} if source.scope else {})
        login = httpx.BasicAuth(source.client_id, source.client_secret.reveal())
        tls = ssl.create_default_context(cafile=str(source.ca_file) if source.ca_file else None)
        try:
            async with httpx.AsyncClient(verify=tls, timeout=TIMEOUT, transport=self._transport) as client:
                said = await asyncio.wait_for(client.post(source.url, data=form, auth=login), PATIENCE)
            found = said.json() if said.status_code == 200 else None
        except (httpx.HTTPError, TimeoutError, ValueError, RecursionError) as error:
            raise KafkaConnectionError(f"no token from {source.url}: {type(error).__name__}") from None
        if not isinstance(found, dict) or not isinstance(found.get("access_token"), str):
            raise KafkaConnectionError(f"no token from {source.url}: it answers {said.status_code}")
        lives = found.get("expires_in")
        seconds = float(lives) if isinstance(lives, int | float) else 0.0
        self._token = Secret(found["access_token"])
        self._until = begun + max(SHORTEST, seconds - min(EARLY, seconds / 4))
