"""Tokens for ourselves: OAuth 2.0 client credentials (RFC 6749, 4.4), asked for anew before they run out."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from shared.crypto.secret import Secret
from shared.domain.rules import Unavailable
from shared.http.tls import tls_context

TIMEOUTS = httpx.Timeout(5.0, connect=3.0)
TIMEOUT_SECONDS = 6.0
EARLY_SECONDS = 60.0
"""Before its end a token is asked for anew; of a short one after three quarters of its life."""
MIN_LIFE_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenSource:
    """Where tokens come from, and as whom they are asked for."""

    url: str
    """The token endpoint."""
    client_id: str
    client_secret: Secret[str] = field(repr=False)
    scope: str = ""
    """Empty: none is asked for."""
    ca_file: Path | None = None
    """Authorities to trust instead of the system's."""


class ClientTokens:
    """`part` needs them: it is away while there are none. `transport` and `ticks` (seconds) are for tests."""

    def __init__(
        self,
        source: TokenSource,
        part: str,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self._source, self._part, self._transport, self._ticks = source, part, transport, ticks
        self._lock = asyncio.Lock()
        self._token: Secret[str] | None = None
        self._until = float("-inf")

    async def token(self) -> str:
        """A token that is still valid. Raises: Unavailable."""
        async with self._lock:
            if self._token is None or self._ticks() >= self._until:
                await self._ask()
            assert self._token is not None
            return self._token.reveal()

    async def _ask(self) -> None:
        source, begun = self._source, self._ticks()
        form = {"grant_type": "client_credentials"} | ({"scope": source.scope} if source.scope else {})
        login = httpx.BasicAuth(source.client_id, source.client_secret.reveal())
        tls = tls_context(source.ca_file)
        try:
            async with httpx.AsyncClient(verify=tls, timeout=TIMEOUTS, transport=self._transport) as client:
                response = await asyncio.wait_for(client.post(source.url, data=form, auth=login), TIMEOUT_SECONDS)
            answer = response.json() if response.status_code == 200 else None
        except (httpx.HTTPError, TimeoutError, ValueError, RecursionError) as error:
            raise Unavailable(self._part, f"no token from {source.url}: {type(error).__name__}") from None
        if not isinstance(answer, dict) or not isinstance(answer.get("access_token"), str):
            raise Unavailable(self._part, f"no token from {source.url}: it answers {response.status_code}")
        expires_in = answer.get("expires_in")
        seconds = float(expires_in) if isinstance(expires_in, int | float) else 0.0
        self._token = Secret(answer["access_token"])
        self._until = begun + max(MIN_LIFE_SECONDS, seconds - min(EARLY_SECONDS, seconds / 4))
