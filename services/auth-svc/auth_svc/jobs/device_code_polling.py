"""A pending device code, watched by its holder until Microsoft decides: from memory, writing only the outcome.

From the look that finds it approved until its answer is written nothing is awaited but that write: the look itself
has spent the code.
"""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from auth_svc.credential_store import CredentialStore
from auth_svc.domain import attempts
from auth_svc.domain.model import Access, Attempt
from auth_svc.jobs.retry import pause_seconds, wait
from auth_svc.microsoft.errors import EntraRefused, EntraUnavailable
from auth_svc.microsoft.http_client import NotWanted
from auth_svc.microsoft.interfaces import Entra, Pending, Redeemed
from shared.domain.rules import Clock
from shared.jobs.claim import Claim, GiveBack, Outcome

SLOW_DOWN_SECONDS = 5.0
"""What `slow_down` adds to the interval (RFC 8628, 3.5)."""
EXPIRY_TOLERANCE = timedelta(seconds=10)
"""A code that is said to have expired this long before its time was spent by somebody."""


class DeviceCodePolling:
    """The step `code_issued`. `watched`: device codes that this process polls now."""

    def __init__(self, entra: Entra, credential_store: CredentialStore, clock: Clock) -> None:
        self._entra, self._credential_store, self._clock = entra, credential_store, clock
        self.watched = 0

    async def watch(self, claim: Claim[Access], attempt: Attempt, tenant: str) -> Outcome[Access]:
        """Raises: EntraRefused, GiveBack."""
        self.watched += 1
        try:
            return await self._watch(claim, attempt, tenant)
        finally:
            self.watched -= 1

    async def _watch(self, claim: Claim[Access], attempt: Attempt, tenant: str) -> Outcome[Access]:
        pending = self._credential_store.open_flow(claim.id, attempt)
        wanted = partial(_is_wanted, claim, attempt)
        interval, unreachable, tries = pending.interval, None, 0
        doubtful = claim.lease.n > pending.lease + 1  # another holder may have been killed after a look
        while True:
            answer: Redeemed | Pending | None = None
            try:
                answer = await self._entra.poll_device(tenant, pending.msal_flow, wanted)
            except NotWanted:
                raise GiveBack from None
            except EntraUnavailable as error:
                unreachable, doubtful = error, doubtful or error.maybe_processed
            except EntraRefused as error:
                raise self._refusal(error, attempt, doubtful) from None
            if isinstance(answer, Redeemed):
                return self._redeemed(claim, attempt, answer)
            if answer is not None:
                unreachable, tries = None, 0
            interval += SLOW_DOWN_SECONDS if answer == "slow_down" else 0
            self._demand_time(attempt, unreachable)
            await wait(claim, max(interval, pause_seconds(unreachable, tries)) if unreachable else interval, wanted)
            tries += 1 if unreachable else 0

    def _redeemed(self, claim: Claim[Access], attempt: Attempt, redeemed: Redeemed) -> Outcome[Access]:
        kept = self._credential_store.seal_redemption(claim.id, attempt, redeemed, self._clock())
        return Outcome(attempts.keep_redemption, attempt.place, kept)

    def _demand_time(self, attempt: Attempt, unreachable: EntraUnavailable | None) -> None:
        """The code's own time is over: the last word is Microsoft's, or that it could not be reached."""
        if attempt.expires_at is None or self._clock() < attempt.expires_at + EXPIRY_TOLERANCE:
            return
        raise EntraRefused(unreachable.reason, unreachable.details) if unreachable else EntraRefused("code_expired")

    def _refusal(self, error: EntraRefused, attempt: Attempt, doubtful: bool) -> EntraRefused:
        """A code gone before its time, after a look whose answer never came, was spent by that look."""
        early = attempt.expires_at is not None and self._clock() < attempt.expires_at - EXPIRY_TOLERANCE
        if error.reason == "code_expired" and doubtful and early:
            return EntraRefused("interrupted", error.details)
        return error


def _is_wanted(claim: Claim[Access], attempt: Attempt) -> bool:
    """Is it still to be watched? Asked in between, and right before each look goes out."""
    ours = attempts.current(claim.state, attempt.place, "code_issued")
    return ours is not None and not claim.lost and not claim.stopping.is_set()
