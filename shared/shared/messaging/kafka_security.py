"""How a client of Kafka is let in: TLS, a client certificate, SASL with a password or with a token (OAUTHBEARER)."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from aiokafka.abc import AbstractTokenProvider
from aiokafka.errors import KafkaConnectionError

from shared.crypto.secret import Secret
from shared.domain.rules import Unavailable
from shared.http.tls import tls_context
from shared.identity.client_credentials import ClientTokens, TokenSource

Protocol = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
Mechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"]


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaSecurity:
    """How a client speaks to brokers. Without anything: as on this machine, in the clear and without a login."""

    protocol: Protocol = "PLAINTEXT"
    ca_file: Path | None = None
    """Certificate authority of the brokers (PEM); None: the system's."""
    cert_file: Path | None = None
    """Our certificate (PEM), where brokers ask for one."""
    key_file: Path | None = None
    mechanism: Mechanism | None = None
    """Of SASL; None: no login."""
    username: str | None = None
    password: Secret[str] | None = field(default=None, repr=False)
    tokens: TokenSource | None = None
    """Where OAUTHBEARER gets its tokens, in place of the password."""

    def options(self) -> dict[str, Any]:
        """What every aiokafka client is made with. Raises: ValueError (a certificate that cannot be used)."""
        options: dict[str, Any] = {"security_protocol": self.protocol}
        if self.protocol.endswith("SSL"):
            options["ssl_context"] = self._tls()
        if self.mechanism is None:
            return options
        options["sasl_mechanism"] = self.mechanism
        if self.tokens is not None:
            return options | {"sasl_oauth_token_provider": OAuthTokens(self.tokens)}
        password = self.password.reveal() if self.password else None
        return options | {"sasl_plain_username": self.username, "sasl_plain_password": password}

    def _tls(self) -> ssl.SSLContext:
        context = tls_context(self.ca_file)
        if self.cert_file is not None:
            context.load_cert_chain(self.cert_file, self.key_file)
        return context


class OAuthTokens(AbstractTokenProvider):  # type: ignore[misc]
    """As aiokafka asks for them."""

    def __init__(self, source: TokenSource) -> None:
        self._tokens = ClientTokens(source, "Kafka")

    async def token(self) -> str:
        """Raises: KafkaConnectionError, which every client here waits out."""
        try:
            return await self._tokens.token()
        except Unavailable as error:
            raise KafkaConnectionError(str(error)) from None
