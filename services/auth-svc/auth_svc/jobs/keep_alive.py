"""The job `keep`: secrets resealed, tenants resolved, access validated on request, refreshed and proven daily.

One claim does one thing, the most urgent first; the next is due at once.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from auth_svc.credential_store import CredentialStore
from auth_svc.domain import customers, keep_alive
from auth_svc.domain.attempts import Refusal
from auth_svc.domain.keep_alive import Unanswered
from auth_svc.domain.model import Access, Grant, Registration, Validation
from auth_svc.jobs import app_registrations
from auth_svc.jobs.refusals import conclusion_of
from auth_svc.jobs.retry import ask_again_if_challenged
from auth_svc.microsoft.errors import EntraRefused, EntraUnavailable
from auth_svc.microsoft.interfaces import Entra, Graph, Token
from shared.domain.rules import Change, Clock, utc_now
from shared.jobs.claim import Claim, Outcome

log = logging.getLogger(__name__)
T = TypeVar("T")
ORDER = ("reseal", "resolve", "validate", "refresh", "prove")
VALIDATION_TIMEOUT = timedelta(minutes=1)
"""An operator waits for the answer: then "no answer yet" is one."""


BUG = Unanswered(reason="our_request")


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepAliveJobs:
    entra: Entra
    graph: Graph
    credential_store: CredentialStore
    clock: Clock = utc_now

    async def execute(self, claim: Claim[Access]) -> Outcome[Access] | None:
        """One thing that is due. Raises: Unavailable."""
        now, due = self.clock(), keep_alive.due_times(claim.state)
        name = next((name for name in ORDER if name in due and due[name] <= now), None)
        return await WORK[name](self, claim.state) if name else None

    # --- the customer's data ---------------------------------------------------------------------------

    async def reseal(self, access: Access) -> Outcome[Access]:
        registration = _present(access.registration)
        try:
            secret = self.credential_store.open_registration_secret(access.id, registration.jwe or "", self.clock())
        except EntraRefused:
            log.error("the secret of a registration cannot be opened", extra={"customer": access.id})
            return Outcome(keep_alive.lose_secret, registration.revision)
        kept = self.credential_store.seal_secret(access.id, secret)
        return Outcome(keep_alive.keep_secret, registration.revision, kept)

    async def resolve(self, access: Access) -> Outcome[Access]:
        asked = access.tenant
        try:
            tenant_id = await self.entra.resolve_tenant(asked)
        except EntraUnavailable:
            return Outcome(customers.retry_resolution_later, asked)
        except EntraRefused as error:
            return Outcome(customers.report_unknown_tenant, asked, error.reason, error.details.correlation_id)
        return Outcome(customers.keep_tenant_id, asked, tenant_id)

    # --- on request ------------------------------------------------------------------------------------

    async def validate(self, access: Access) -> Outcome[Access]:
        """The answer to the request, and what it says about the access in force, in one write."""
        asked = _present(access.validation)
        try:
            in_force = await self._validated(access, asked)
        except EntraUnavailable as error:
            if self.clock() + timedelta(seconds=error.retry_after) - asked.at < VALIDATION_TIMEOUT:
                raise
            return _concluded(access, asked, conclusion_of(error, asked.method))
        except EntraRefused as error:
            return _concluded(access, asked, conclusion_of(error, asked.method))
        except Exception:  # an operator waits; it says nothing about the access itself
            log.exception("a validation failed by a bug", extra={"customer": access.id})
            return Outcome(keep_alive.leave_validation, asked, BUG)
        return Outcome(_answered, asked, None, in_force)

    async def _validated(self, access: Access, asked: Validation) -> Outcome[Access] | None:
        if asked.method == "token":
            grant = access.grant
            if grant is None or access.in_force != "token" or asked.grant not in (None, grant.id):
                raise EntraRefused("no_grant")
            return await self._refreshed(access, grant, prove=True)
        if asked.method != "app_registration":
            raise EntraRefused("no_grant")
        registration = access.registration
        if registration is None or not registration.has_secret or registration.revision != asked.revision:
            raise EntraRefused("secret_missing")
        await self._prove(access, registration)
        return Outcome(keep_alive.confirm_registration, registration.revision)

    # --- daily -----------------------------------------------------------------------------------------

    async def refresh(self, access: Access) -> Outcome[Access]:
        """Keeps the refresh token alive, and notices when Microsoft no longer takes it."""
        grant = _present(access.grant)
        try:
            return await self._refreshed(access, grant, prove=grant.lost)  # what Graph refused is not back by a refresh
        except (EntraUnavailable, EntraRefused) as error:
            concluded = conclusion_of(error, "token")
            if isinstance(concluded, Unanswered):
                return Outcome(keep_alive.await_grant, grant.id, concluded)
            return Outcome(keep_alive.lose_grant, grant.id, concluded)

    async def _refreshed(self, access: Access, grant: Grant, *, prove: bool) -> Outcome[Access]:
        cache = self.credential_store.open_token_cache(access.id, grant.id, grant.cache)

        async def ask(claims: str | None) -> Token:
            token = await self.entra.refresh(grant.tenant_id, grant.method, cache, force=True, claims=claims)
            if prove:
                await self._prove_grant(grant, token)
            return token

        token = await ask_again_if_challenged(ask)
        kept = self.credential_store.seal_token_cache(access.id, grant.id, token.cache or cache)
        return Outcome(keep_alive.renew_grant, grant.id, grant.rev, kept)

    async def _prove_grant(self, grant: Grant, token: Token) -> None:
        """Graph knows the person, in this tenant, and answers for roles. A role that is not active now (PIM roles are
        so most of the time) is no loss of access: it counted when access was granted."""
        me = await self.graph.me(token.value)
        if me.id.lower() != grant.account.oid.lower():
            raise EntraRefused("wrong_account")
        if await self.graph.organization(token.value) != grant.tenant_id.lower():
            raise EntraRefused("wrong_organization")
        await self.graph.roles_of_me(token.value, grant.roles)

    async def prove(self, access: Access) -> Outcome[Access]:
        registration = _present(access.registration)
        revision = registration.revision
        try:
            await self._prove(access, registration)
        except (EntraUnavailable, EntraRefused) as error:
            concluded = conclusion_of(error, "app_registration")
            if isinstance(concluded, Unanswered):
                return Outcome(keep_alive.await_registration, revision, concluded)
            return Outcome(keep_alive.lose_registration, revision, concluded)
        return Outcome(keep_alive.confirm_registration, revision)

    async def _prove(self, access: Access, registration: Registration) -> None:
        if access.tenant_id is None:
            raise EntraUnavailable("unreachable")  # it is being resolved, or asked for again
        credentials = app_registrations.stored_credentials(self.credential_store, access.id, registration, self.clock())
        await app_registrations.prove(self.entra, self.graph, access.tenant_id, credentials)


def _concluded(access: Access, asked: Validation, concluded: Refusal | Unanswered) -> Outcome[Access]:
    if isinstance(concluded, Unanswered):
        return Outcome(keep_alive.leave_validation, asked, concluded)
    return Outcome(_answered, asked, concluded, _lost(access, asked, concluded))


def _answered(
    access: Access | None, asked: Validation, refusal: Refusal | None, also: Outcome[Access] | None, now: datetime
) -> Change[Access] | None:
    """The answer to a request, and what it says about the access in force, as one change."""
    answer = keep_alive.answer_validation(access, asked, refusal, now)
    more = also.rule(answer.state, *also.facts, now) if answer and also else None
    return Change(more.state, answer.events + more.events) if answer and more else answer


def _lost(access: Access, asked: Validation, refusal: Refusal) -> Outcome[Access] | None:
    """What a refusal says about the access in force; nothing, where there is none of the kind that was asked for."""
    if access.in_force != asked.method:
        return None
    grant, registration = access.grant, access.registration
    if asked.method == "token" and grant is not None and asked.grant in (None, grant.id):
        return Outcome(keep_alive.lose_grant, grant.id, refusal)
    if asked.method == "app_registration" and registration is not None and registration.revision == asked.revision:
        return Outcome(keep_alive.lose_registration, asked.revision, refusal)
    return None


def _present(value: T | None) -> T:
    """What is there, since it is due."""
    assert value is not None
    return value


WORK: Mapping[str, Callable[[KeepAliveJobs, Access], Awaitable[Outcome[Access]]]] = {
    "reseal": KeepAliveJobs.reseal,
    "resolve": KeepAliveJobs.resolve,
    "validate": KeepAliveJobs.validate,
    "refresh": KeepAliveJobs.refresh,
    "prove": KeepAliveJobs.prove,
}
