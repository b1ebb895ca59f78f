"""An OpenID Connect issuer: its configuration and signing keys, fetched when needed, and its tokens, verified.

Keys are cached; an unknown key id has them fetched again, at most every 30 seconds, so that a rotation is noticed and
made-up key ids cost nothing. With the issuer away, tokens of known keys still count.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from shared.domain.rules import Unavailable
from shared.http.client_address import LOOPBACK
from shared.http.tls import tls_context
from shared.identity.token_verifier import PublishedKey, TokenRefused, TokenVerifier, published_keys

VERIFIER = TokenVerifier(algorithms=("RS256", "PS256", "ES256"), leeway_seconds=60, max_length=16 * 1024)
REFETCH_SECONDS = 30.0
RETRY_SECONDS = 1.0
KEYS_LIFE_SECONDS = 24 * 3600.0
TIMEOUTS = httpx.Timeout(5.0, connect=3.0)
TIMEOUT_SECONDS = 6.0
MAX_VERIFIED = 1000
"""Access tokens that are known to count; each is sent with many requests."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Verified:
    """An access token that counted: while the issuer publishes its key, and until it expires."""

    kid: str
    key: PublishedKey
    claims: dict[str, Any]
    since: datetime
    until: datetime


class Issuer:
    """One issuer. `transport` and `ticks` (seconds, monotonic) are for tests."""

    def __init__(
        self,
        url: str,
        ca_file: Path | str | None = None,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self.url, self._ca_file, self._transport, self._ticks = url.rstrip("/"), ca_file, transport, ticks
        self._client: httpx.AsyncClient | None = None
        self._configuration: dict[str, Any] = {}
        self._keys: dict[str, PublishedKey] = {}
        self._verified: dict[bytes, _Verified] = {}
        """By the hash of audience and token; the oldest first."""
        self._fetched = self._tried = float("-inf")
        self._lock = asyncio.Lock()

    # --- what it publishes -------------------------------------------------------------------------------------

    @property
    def client(self) -> httpx.AsyncClient:
        """For calls to the issuer: its certificates, short timeouts, no redirects."""
        if self._client is None:
            tls = True if self._transport else tls_context(self._ca_file)  # a transport brings its own
            proxied = urlsplit(self.url).hostname not in LOOPBACK  # what is on this machine is not behind its proxy
            self._client = httpx.AsyncClient(verify=tls, timeout=TIMEOUTS, transport=self._transport, trust_env=proxied)
        return self._client

    async def close(self) -> None:
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def endpoint(self, name: str) -> str:
        """An address from its configuration, such as `token_endpoint`. Raises: Unavailable."""
        if not self._configuration:
            await self._fetch(lambda: bool(self._configuration), RETRY_SECONDS)
        address = self._configuration.get(name)
        if not isinstance(address, str):
            raise Unavailable("the sign-in service", f"it does not publish its {name}")
        return address

    async def probe(self) -> None:
        """Raises: Unavailable while its keys are not known."""
        if not self._keys:
            await self._fetch(lambda: bool(self._keys), RETRY_SECONDS)

    # --- its tokens --------------------------------------------------------------------------------------------

    async def verify(self, token: str, audience: str, now: datetime, *, nonce: str | None = None) -> dict[str, Any]:
        """The claims of a token for `audience`: an id_token with this `nonce`, else an access token.

        Raises: TokenRefused, Unavailable (the key that signed it is not known and cannot be asked for).
        """
        digest = hashlib.sha256(f"{audience}\n{token}".encode()).digest()
        known = self._verified.get(digest) if nonce is None else None
        if known and known.since <= now < known.until and await self._key(known.kid) is known.key:
            return known.claims
        kid = VERIFIER.key_id(token)
        key = await self._key(kid)
        claims = VERIFIER.claims(token, key, now, nonce=nonce, iss=self.url, aud=audience)
        if nonce is None:
            until = datetime.fromtimestamp(claims["exp"], UTC)
            self._remember(digest, _Verified(kid=kid, key=key, claims=claims, since=now, until=until))
        return claims

    def _remember(self, digest: bytes, verified: _Verified) -> None:
        self._verified.pop(digest, None)
        if len(self._verified) >= MAX_VERIFIED:
            self._verified.pop(next(iter(self._verified)))
        self._verified[digest] = verified

    async def _key(self, kid: str) -> PublishedKey:
        if self._ticks() - self._fetched > KEYS_LIFE_SECONDS or kid not in self._keys:
            await self._refresh(kid)
        if kid not in self._keys:
            raise TokenRefused("it is signed with a key that the issuer does not publish")
        return self._keys[kid]

    async def _refresh(self, kid: str) -> None:
        wait = REFETCH_SECONDS if self._keys else RETRY_SECONDS
        try:
            await self._fetch(lambda: kid in self._keys and self._ticks() - self._fetched <= KEYS_LIFE_SECONDS, wait)
        except Unavailable:
            if kid not in self._keys:
                raise

    async def _fetch(self, known: Callable[[], bool], wait: float) -> None:
        """Fetches configuration and keys unless another call just did, or just tried."""
        async with self._lock:
            if known():
                return
            if self._ticks() - self._tried < wait:
                if self._keys and self._fetched == self._tried:
                    return
                raise Unavailable("the sign-in service", self.url)
            self._tried = self._ticks()
            self._configuration = await self._load()
            self._keys = published_keys(await self._get(await self.endpoint("jwks_uri")))
            self._fetched = self._tried

    async def _load(self) -> dict[str, Any]:
        configuration = await self._get(f"{self.url}/.well-known/openid-configuration")
        if configuration.get("issuer") != self.url:
            detail = f"it calls itself {str(configuration.get('issuer'))[:200]!r}: OPERATOR_ISSUER must be exactly that"
            raise Unavailable("the sign-in service", detail, retry_after=30)
        return configuration

    async def _get(self, url: str) -> dict[str, Any]:
        try:
            response = await asyncio.wait_for(self.client.get(url), TIMEOUT_SECONDS)
            body = response.json() if response.status_code == 200 else None
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, ValueError, RecursionError) as error:
            raise Unavailable("the sign-in service", f"{self.url}: {type(error).__name__}") from error
        if not isinstance(body, dict):
            raise Unavailable("the sign-in service", f"{self.url} answers {response.status_code}")
        return body
