"""A fresh access token of a customer, by the method in force. Refresh tokens and secrets never leave here."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, TypeVar

from auth_svc.credential_store import Safe
from auth_svc.domain import health
from auth_svc.domain.attempts import Refusal
from auth_svc.domain.model import Access, Grant, Registration
from auth_svc.microsoft.errors import PART, EntraRefused
from auth_svc.microsoft.flows import Entra, Token
from shared.contracts.reasons import explain
from shared.crypto.secret import Secret
from shared.domain.rules import Clock, Refused, Rule, Unavailable, utc_now
from shared.store.store import Store

log = logging.getLogger(__name__)
T = TypeVar("T")
WELL_BEFORE = timedelta(minutes=5)
MOST_KEPT = 2000
PATIENCE = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """What a caller gets."""

    value: Secret[str]
    expires_at: datetime
    scopes: tuple[str, ...]
    tenant: str
    kind: Literal["delegated", "app"]


@dataclass(slots=True, kw_only=True)
class Tokens:
    """`_apps`: app tokens until shortly before they expire; other replicas have their own, nobody misses
    them."""

    entra: Entra
    safe: Safe
    store: Store[Access]
    app_scope: str
    clock: Clock = utc_now
    _apps: OrderedDict[str, Token] = field(default_factory=OrderedDict)
    _busy: dict[str, tuple[asyncio.Lock, int]] = field(default_factory=dict)

    async def read(self, customer: str) -> Served:
        """Raises: Refused (404, 409), Unavailable (503)."""
        try:
            async with asyncio.timeout(PATIENCE), self._alone(customer):
                return await self._read(customer)
        except TimeoutError:
            raise Unavailable(PART, "no answer in time") from None

    @asynccontextmanager
    async def _alone(self, customer: str) -> AsyncIterator[None]:
        """One refresh of a customer at a time in this process: the others find what the first one got."""
        lock, waiting = self._busy.get(customer, (asyncio.Lock(), 0))
        self._busy[customer] = (lock, waiting + 1)
        try:
            async with lock:
                yield
        finally:
            lock, waiting = self._busy.pop(customer)
            if waiting > 1:
                self._busy[customer] = (lock, waiting - 1)

    async def _read(self, customer: str) -> Served:
        found = await self.store.get(customer)
        if found is None or found.state.removed or not found.state.name:
            raise Refused("not_found", "There is no such customer; check the id.", status=404)
        access = found.state
        if access.in_force == "token" and access.grant:
            return await self._delegated(access, access.grant)
        if access.in_force == "app_registration" and access.registration:
            return await self._app(access, access.registration)
        detail = "No access to this customer is in force; switch it to auth token or enter an app registration."
        raise Refused("no_access", detail)

    async def _delegated(self, access: Access, grant: Grant) -> Served:
        if grant.lost:
            raise _lost(grant.reason)
        try:
            cache = self.safe.grant(access.id, grant.id, grant.cache)
            token = await self.entra.refresh(grant.tenant_id, grant.method, cache, force=False)
        except EntraRefused as error:
            await self._said_lost(access.id, error, health.grant_lost, grant.id)
            raise _lost(error.reason) from None
        if token.cache is not None:
            kept = self.safe.keep_grant(access.id, grant.id, token.cache)
            await self.store.apply(access.id, health.kept, grant.id, grant.rev, kept)
        return Served(
            value=token.value,
            expires_at=token.expires_at,
            scopes=grant.scopes,
            tenant=grant.tenant_id,
            kind="delegated",
        )

    async def _app(self, access: Access, registration: Registration) -> Served:
        if registration.lost or not registration.secret:
            raise _lost(registration.reason or "secret_missing")
        if access.tenant_id is None or registration.vault is None:
            raise Unavailable("auth-svc", "the registration is being taken in", retry_after=2)
        try:
            secret = self.safe.secret(access.id, registration.vault)
            token = await self._app_token(access.tenant_id, registration, secret)
        except EntraRefused as error:
            await self._said_lost(access.id, error, health.registration_lost, registration.revision)
            raise _lost(error.reason) from None
        return Served(
            value=token.value,
            expires_at=token.expires_at,
            scopes=(self.app_scope,),
            tenant=access.tenant_id,
            kind="app",
        )

    async def _app_token(self, tenant: str, registration: Registration, secret: Secret[str]) -> Token:
        parts = (tenant, registration.client_id, str(registration.revision), secret.reveal())
        name = hashlib.sha256("\n".join(parts).encode()).hexdigest()
        kept = self._apps.get(name)
        if kept and kept.expires_at - self.clock() > WELL_BEFORE:
            return kept
        token = self._apps[name] = await self.entra.app_token(tenant, registration.client_id, secret)
        self._apps.move_to_end(name)
        if len(self._apps) > MOST_KEPT:
            self._apps.popitem(last=False)
        return token

    async def _said_lost(
        self, customer: str, error: EntraRefused, rule: Rule[Access, T, Refusal], credential: T
    ) -> None:
        """`credential`: the grant's id, or the registration's revision."""
        log.warning("access is lost: %s (AADSTS %s)", error.reason, error.quote.aadsts, extra={"customer": customer})
        await self.store.apply(customer, rule, credential, _refusal(error))


def _refusal(error: EntraRefused) -> Refusal:
    return Refusal(
        reason=error.reason,
        aadsts=error.quote.aadsts,
        correlation_id=error.quote.correlation_id,
        trace_id=error.quote.trace_id,
    )


class AccessLostRefusal(Refused):
    """409 with the reason, so that a program can tell what to do."""

    def __init__(self, reason: str, sentence: str) -> None:
        super().__init__("access_lost", sentence, field=None)
        self.reason = reason


def _lost(reason: str | None) -> Refused:
    row = explain(reason or "refused")
    return AccessLostRefusal(row.code, row.sentence)
