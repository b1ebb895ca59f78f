"""The job `attempt`: one step of a sign-in at a time, each ending in its outcome.

A claim is one step; the next step is due at once. What fails for good is `attempts.fail` with a reason; what is
away is waited for until the attempt's own time is over.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from secrets import token_hex
from typing import TypeVar

from auth_svc.credential_store import Credentials, CredentialStore, PendingFlow
from auth_svc.domain import attempts
from auth_svc.domain.model import Access, Attempt
from auth_svc.jobs import app_registrations
from auth_svc.jobs.device_code_polling import DeviceCodePolling
from auth_svc.jobs.refusals import refusal_of
from auth_svc.jobs.retry import retry_until
from auth_svc.microsoft import checks
from auth_svc.microsoft.errors import EntraRefused, read_redirect_error
from auth_svc.microsoft.interfaces import Entra, Graph, Redeemed
from auth_svc.microsoft.metrics import FAILED
from shared.contracts.events import ATTEMPT_LIMIT
from shared.contracts.reasons import explain
from shared.domain.rules import Clock, Unavailable, utc_now
from shared.jobs.claim import Claim, GiveBack, Outcome
from shared.store.store import Store

log = logging.getLogger(__name__)
T = TypeVar("T")
CHECK_LIMIT = timedelta(minutes=5)
"""How long the checks may take, from the redemption on: Microsoft may be busy meanwhile."""
MARK_TRIES = 5
Step = Callable[["AttemptJobs", "Work"], Awaitable["Outcome[Access] | None"]]


@dataclass(frozen=True, slots=True)
class Work:
    """One claimed attempt."""

    claim: Claim[Access]
    attempt: Attempt
    tenant: str
    """The one that is pinned to the customer; the event's, if none is yet."""

    @property
    def customer(self) -> str:
        return self.claim.id

    @property
    def ends(self) -> datetime:
        """When it is over, whatever Microsoft says."""
        limit = self.attempt.started_at + ATTEMPT_LIMIT
        return self.attempt.expires_at or limit

    def wanted(self) -> bool:
        now = self.claim.state.attempt
        return now is not None and now.open and now.place == self.attempt.place


@dataclass(slots=True, kw_only=True)
class AttemptJobs:
    entra: Entra
    graph: Graph
    credential_store: CredentialStore
    store: Store[Access]
    scopes: tuple[str, ...]
    """The permissions that must be granted."""
    clock: Clock = utc_now
    max_pending_codes: int = 2000
    """Device codes that this process polls at once."""
    polling: DeviceCodePolling = field(init=False)

    def __post_init__(self) -> None:
        self.polling = DeviceCodePolling(self.entra, self.credential_store, self.clock)

    async def execute(self, claim: Claim[Access]) -> Outcome[Access] | None:
        """One step. Raises: GiveBack, Unavailable (MongoDB)."""
        attempt = claim.state.attempt
        if attempt is None or not attempt.open:
            return None
        work = Work(claim, attempt, claim.state.tenant_id or attempt.tenant_id)
        try:
            return await self._step(work)
        except EntraRefused as error:
            return self._failed(work, error)
        except (GiveBack, Unavailable):
            raise
        except Exception:  # somebody waits at the wizard: an honest "once more" now, not a try in half a minute
            log.exception("a step of an attempt failed", extra={"customer": claim.id})
            return self._failed(work, EntraRefused("interrupted"))

    async def _step(self, work: Work) -> Outcome[Access] | None:
        state, method = work.attempt.state, work.attempt.method
        if work.attempt.tenant_id and work.attempt.tenant_id.lower() != work.tenant.lower():
            raise EntraRefused("wrong_organization" if method == "app_registration" else "wrong_tenant")
        if state in ("started", "returned", "sign_in_ready") and self.clock() >= work.ends:
            raise EntraRefused(_TOO_LATE[method])
        step = STEPS.get((state, method)) or STEPS.get((state, ""))
        return await step(self, work) if step else None

    async def _retried(self, work: Work, call: Callable[[], Awaitable[T]], until: datetime | None = None) -> T:
        return await retry_until(work.claim, call, until=until or work.ends, wanted=work.wanted, clock=self.clock)

    def _failed(self, work: Work, error: EntraRefused) -> Outcome[Access]:
        log.info(
            "attempt failed: %s (AADSTS %s, correlation %s)",
            error.reason,
            error.details.aadsts,
            error.details.correlation_id,
            extra={"customer": work.customer, "switch": work.attempt.switch, "attempt": work.attempt.number},
        )
        failure = replace(refusal_of(error), reason=explain(error.reason).code)
        FAILED.labels(failure.reason).inc()
        return Outcome(attempts.fail, work.attempt.place, failure)

    # --- device code -----------------------------------------------------------------------------------

    async def begin_device(self, work: Work) -> Outcome[Access]:
        """Over the limit it is refused, not queued: codes that wait must not hold up those who use the button."""
        if self.polling.watched >= self.max_pending_codes:
            raise EntraRefused("code_busy")
        claims = work.claim.state.claims
        flow = await self._retried(work, lambda: self.entra.begin_device(work.tenant, claims))
        now, attempt = self.clock(), work.attempt
        pending = self.credential_store.seal_flow(
            work.customer, attempt, PendingFlow(flow.msal_flow, flow.interval, work.claim.lease.n)
        )
        value = {"user_code": flow.user_code.reveal()}
        code = self.credential_store.seal_for_wizard("DeviceCodeIssued", work.customer, attempt, value, now)
        expires = now + timedelta(seconds=flow.expires_in)
        return Outcome(attempts.issue_code, attempt.place, pending, code, flow.verification_uri, expires)

    async def poll(self, work: Work) -> Outcome[Access]:
        return await self.polling.watch(work.claim, work.attempt, work.tenant)

    # --- the sign-in button ----------------------------------------------------------------------------

    async def begin_sign_in(self, work: Work) -> Outcome[Access]:
        attempt = work.attempt
        state, claims = self.credential_store.new_state(work.customer, attempt), work.claim.state.claims
        flow = await self._retried(
            work, lambda: self.entra.begin_sign_in(work.tenant, state, attempt.login_hint, claims)
        )
        now = self.clock()
        pending = self.credential_store.seal_flow(
            work.customer, attempt, PendingFlow(flow.msal_flow, 0.0, work.claim.lease.n)
        )
        value = {"url": flow.url.reveal()}
        url = self.credential_store.seal_for_wizard("SignInReady", work.customer, attempt, value, now)
        return Outcome(attempts.offer_sign_in, attempt.place, pending, url, now + ATTEMPT_LIMIT)

    async def redeem(self, work: Work) -> Outcome[Access] | None:
        """Microsoft's answer came: it is ours, it is no refusal, the mark is set; only then the code is
        spent."""
        attempt = work.attempt
        pending = self.credential_store.open_flow(work.customer, attempt)
        answer = self.credential_store.open_answer(work.customer, attempt, self.clock())
        self.credential_store.verify_state(answer.get("state", ""), pending, work.customer, attempt)
        if "code" not in answer:
            raise read_redirect_error(answer) if "error" in answer else EntraRefused("sign_in_mismatch")
        if not await self._marked(work):
            return None
        redeemed = await self._retried(work, lambda: self.entra.redeem_code(work.tenant, pending.msal_flow, answer))
        return self._redeemed(work, redeemed)

    async def _marked(self, work: Work) -> bool:
        """The mark `redeeming`, set by this very call. Raises: Unavailable."""
        unsure = False
        for _ in range(MARK_TRIES):
            try:
                applied = await self.store.apply(
                    work.customer, attempts.mark_redeeming, work.attempt.place, trace=work.claim.trace
                )
            except Unavailable:  # it may have been written all the same
                unsure = True
                continue
            ours = attempts.current(applied.state, work.attempt.place, "redeeming") is not None
            return applied.changed or (unsure and ours)
        raise Unavailable("MongoDB", "the mark before redemption could not be set")

    def _redeemed(self, work: Work, redeemed: Redeemed) -> Outcome[Access]:
        kept = self.credential_store.seal_redemption(work.customer, work.attempt, redeemed, self.clock())
        return Outcome(attempts.keep_redemption, work.attempt.place, kept)

    async def interrupted(self, work: Work) -> Outcome[Access]:
        """Another holder marked it and is gone: the code may be spent, and no answer was kept."""
        raise EntraRefused("interrupted")

    async def too_late(self, work: Work) -> Outcome[Access]:
        raise EntraRefused("sign_in_expired")

    # --- the checks ------------------------------------------------------------------------------------

    async def check(self, work: Work) -> Outcome[Access]:
        """All checks, from the stored answer: they may be repeated, by any holder."""
        attempt = work.attempt
        redeemed, at = self.credential_store.open_redemption(work.customer, attempt)
        required = checks.Requirements(work.tenant.lower(), attempt.accepted_roles, self.scopes)

        async def checked() -> tuple[checks.Administrator, Redeemed]:
            return await self._checked(work, redeemed, required)

        administrator, newest = await self._retried(work, checked, at + CHECK_LIMIT)
        grant = token_hex(12)
        cache = self.credential_store.seal_token_cache(work.customer, grant, newest.cache)
        proof = attempts.Proof(
            account=administrator.account,
            tenant_id=administrator.tenant,
            roles=administrator.roles,
            scopes=administrator.scopes,
            cache=cache,
        )
        return Outcome(attempts.propose_grant, attempt.place, grant, proof)

    async def _checked(
        self, work: Work, redeemed: Redeemed, required: checks.Requirements
    ) -> tuple[checks.Administrator, Redeemed]:
        """Once more with another token where Graph does not take this one: it may be a challenge."""
        try:
            return await checks.check(self.entra, self.graph, redeemed, required, self.clock()), redeemed
        except EntraRefused as error:
            if error.reason != "graph_token":
                raise
            claims = error.claims
        method = work.attempt.method
        token = await self.entra.refresh(work.tenant, method, redeemed.cache, force=True, claims=claims)
        newer = replace(redeemed, access_token=token.value, cache=token.cache or redeemed.cache)
        return await checks.check(self.entra, self.graph, newer, required, self.clock()), newer

    # --- app registration ------------------------------------------------------------------------------

    async def prove(self, work: Work) -> Outcome[Access]:
        """The credentials on file, or those entered in the wizard, answer for the tenant."""
        attempt = work.attempt
        credentials = self._credentials(work)
        await self._retried(work, lambda: app_registrations.prove(self.entra, self.graph, work.tenant, credentials))
        entered = None if attempt.stored else self.credential_store.seal_secret(work.customer, credentials.secret)
        return Outcome(attempts.propose_registration, attempt.place, credentials.client_id, entered)

    def _credentials(self, work: Work) -> Credentials:
        now = self.clock()
        if work.attempt.stored:
            return app_registrations.stored_credentials(
                self.credential_store, work.customer, work.claim.state.registration, now
            )
        return self.credential_store.open_credentials(work.customer, work.attempt, now)


_TOO_LATE: Mapping[str, str] = {
    "device_code": "code_expired",
    "sign_in": "sign_in_expired",
    "app_registration": "sign_in_expired",
}
STEPS: Mapping[tuple[str, str], Step] = {
    ("started", "device_code"): AttemptJobs.begin_device,
    ("code_issued", "device_code"): AttemptJobs.poll,
    ("started", "sign_in"): AttemptJobs.begin_sign_in,
    ("sign_in_ready", "sign_in"): AttemptJobs.too_late,
    ("returned", "sign_in"): AttemptJobs.redeem,
    ("redeeming", "sign_in"): AttemptJobs.interrupted,
    ("started", "app_registration"): AttemptJobs.prove,
    ("redeemed", ""): AttemptJobs.check,
}
