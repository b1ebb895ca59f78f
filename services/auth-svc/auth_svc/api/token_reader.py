"""A fresh access token of a customer, by the method in force. Refresh tokens and secrets never leave here."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, TypeVar

from auth_svc.credential_store import CredentialStore
from auth_svc.domain import keep_alive
from auth_svc.domain.attempts import Refusal
from auth_svc.domain.keep_alive import Unanswered
from auth_svc.domain.model import Access, Grant, Registration
from auth_svc.jobs.refusals import conclusion_of
from auth_svc.microsoft.errors import PART, EntraRefused, EntraUnavailable
from auth_svc.microsoft.interfaces import Entra, Token
from shared.contracts.reasons import explain
from shared.crypto.secret import Secret
from shared.domain.rules import Clock, Refused, Rule, Unavailable, utc_now
from shared.store.store import Store
from shared.store.turns import Turns

log = logging.getLogger(__name__)
T = TypeVar("T")
RENEW_BEFORE_EXPIRY = timedelta(minutes=5)
MAX_CACHED_TOKENS = 2000
TIMEOUT_SECONDS = 10.0
OURS_RETRY_SECONDS = 60
"""Where the fault is the provider's own: it lasts until somebody mends it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedToken:
    """A token for Graph, and what it gives access to."""

    value: Secret[str]
    expires_at: datetime
    scopes: tuple[str, ...]
    tenant: str
    """The tenant's GUID."""
    kind: Literal["delegated", "app"]
    """Delegated: for the administrator who signed in; app: for the customer's app registration."""


@dataclass(slots=True, kw_only=True)
class TokenReader:
    entra: Entra
    credential_store: CredentialStore
    store: Store[Access]
    app_scope: str
    """What is said to be granted to an app registration: `<Graph>/.default`."""
    clock: Clock = utc_now
    _app_tokens: OrderedDict[str, Token] = field(default_factory=OrderedDict)
    """Until shortly before they expire; other replicas have their own, nobody misses them."""
    _turns: Turns = field(default_factory=Turns)
    """One refresh of a customer at a time in this process: the others find what the first one got."""

    async def read(self, customer: str) -> ServedToken:
        """Raises: Refused (404, 409), Unavailable (503)."""
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS), self._turns.take(customer):
                return await self._read(customer)
        except TimeoutError:
            raise Unavailable(PART, "no answer in time") from None

    async def _read(self, customer: str) -> ServedToken:
        stored = await self.store.get(customer)
        if stored is None or stored.state.removed or not stored.state.name:
            raise Refused("not_found", "There is no such customer; check the id.", status=404)
        access = stored.state
        if access.in_force == "token" and access.grant:
            return await self._delegated(access, access.grant)
        if access.in_force == "app_registration" and access.registration:
            return await self._app(access, access.registration)
        detail = "No access to this customer is in force; switch it to auth token or enter an app registration."
        raise Refused("no_access", detail)

    async def _delegated(self, access: Access, grant: Grant) -> ServedToken:
        if grant.lost:
            raise _lost(grant.reason)
        try:
            cache = self.credential_store.open_token_cache(access.id, grant.id, grant.cache)
            token = await self.entra.refresh(grant.tenant_id, grant.method, cache, force=False)
        except EntraRefused as error:
            await self._lose(access.id, conclusion_of(error, "token"), keep_alive.lose_grant, grant.id)
            raise _lost(error.reason) from None
        if token.cache is not None:
            kept = self.credential_store.seal_token_cache(access.id, grant.id, token.cache)
            await self.store.apply(access.id, keep_alive.keep_cache, grant.id, grant.rev, kept)
        return ServedToken(
            value=token.value,
            expires_at=token.expires_at,
            scopes=grant.scopes,
            tenant=grant.tenant_id,
            kind="delegated",
        )

    async def _app(self, access: Access, registration: Registration) -> ServedToken:
        if registration.lost or not registration.has_secret:
            raise _lost(registration.reason or "secret_missing")
        if access.tenant_id is None or registration.vault is None:
            raise Unavailable("auth-svc", "the registration is being taken in", retry_after=2)
        try:
            secret = self.credential_store.open_secret(access.id, registration.vault)
            token = await self._app_token(access.tenant_id, registration, secret)
        except EntraRefused as error:
            concluded = conclusion_of(error, "app_registration")
            await self._lose(access.id, concluded, keep_alive.lose_registration, registration.revision)
            raise _lost(error.reason) from None
        return ServedToken(
            value=token.value,
            expires_at=token.expires_at,
            scopes=(self.app_scope,),
            tenant=access.tenant_id,
            kind="app",
        )

    async def _app_token(self, tenant: str, registration: Registration, secret: Secret[str]) -> Token:
        parts = (tenant, registration.client_id, str(registration.revision), secret.reveal())
        name = hashlib.sha256("\n".join(parts).encode()).hexdigest()
        kept = self._app_tokens.get(name)
        if kept and kept.expires_at - self.clock() > RENEW_BEFORE_EXPIRY:
            return kept
        try:
            token = await self.entra.app_token(tenant, registration.client_id, secret)
        except EntraUnavailable:
            if kept and kept.expires_at > self.clock():  # what still lives outlasts an outage
                return kept
            raise
        self._app_tokens[name] = token
        self._app_tokens.move_to_end(name)
        if len(self._app_tokens) > MAX_CACHED_TOKENS:
            self._app_tokens.popitem(last=False)
        return token

    async def _lose(
        self, customer: str, concluded: Refusal | Unanswered, rule: Rule[Access, T, Refusal], credential: T
    ) -> None:
        """`credential`: the grant's id, or the registration's revision. Raises: Unavailable, if Microsoft did not say
        that anything is lost."""
        if isinstance(concluded, Unanswered):
            raise Unavailable("auth-svc", concluded.reason, retry_after=OURS_RETRY_SECONDS)
        log.warning("access is lost: %s (AADSTS %s)", concluded.reason, concluded.aadsts, extra={"customer": customer})
        await self.store.apply(customer, rule, credential, concluded)


class AccessLostRefusal(Refused):
    """409 with the reason, so that a program can tell what to do."""

    def __init__(self, reason: str, sentence: str) -> None:
        super().__init__("access_lost", sentence, field=None)
        self.reason = reason


def _lost(reason: str | None) -> Refused:
    row = explain(reason or "refused")
    return AccessLostRefusal(row.code, row.sentence)
