"""A pending device code, watched by its holder until Microsoft decides: from memory, writing only the
outcome.

From the look that finds it approved until its answer is written nothing is awaited but that write: the look itself
has spent the code.
"""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from auth_svc.credential_store import Safe
from auth_svc.domain import attempts
from auth_svc.domain.model import Access, Attempt
from auth_svc.jobs.retry import nap, pause
from auth_svc.microsoft.errors import EntraAway, EntraRefused
from auth_svc.microsoft.flows import Entra, Redeemed
from auth_svc.microsoft.http import NotWanted
from shared.domain.rules import Clock
from shared.jobs.claim import Claim, GiveBack, Outcome

SLOWER = 5.0
EARLY = timedelta(seconds=10)
"""A code that is said to have expired this long before its time was spent by somebody."""


class Polling:
    """The step `code_issued`."""

    def __init__(self, entra: Entra, safe: Safe, clock: Clock) -> None:
        self._entra, self._safe, self._clock = entra, safe, clock
        self.watched = 0

    async def watch(self, claim: Claim[Access], attempt: Attempt, tenant: str) -> Outcome[Access]:
        """Raises: EntraRefused, GiveBack."""
        self.watched += 1
        try:
            return await self._watch(claim, attempt, tenant)
        finally:
            self.watched -= 1

    async def _watch(self, claim: Claim[Access], attempt: Attempt, tenant: str) -> Outcome[Access]:
        memo = self._safe.flow(claim.id, attempt)
        wanted = partial(_still, claim, attempt)
        interval, away, tries = memo.interval, None, 0
        doubtful = claim.lease.n > memo.lease + 1  # another holder may have been killed after a look
        while True:
            found: Redeemed | str | None = None
            try:
                found = await self._entra.poll_device(tenant, memo.flow, wanted)
            except NotWanted:
                raise GiveBack from None
            except EntraAway as error:
                away, doubtful = error, doubtful or error.maybe_taken
            except EntraRefused as error:
                raise self._refusal(error, attempt, doubtful) from None
            if isinstance(found, Redeemed):
                return self._redeemed(claim, attempt, found)
            if found is not None:
                away, tries = None, 0
            interval += SLOWER if found == "slow_down" else 0
            self._demand_time(attempt, away)
            await nap(claim, max(interval, pause(away, tries)) if away else interval, wanted)
            tries += 1 if away else 0

    def _redeemed(self, claim: Claim[Access], attempt: Attempt, found: Redeemed) -> Outcome[Access]:
        kept = self._safe.keep_redeemed(claim.id, attempt, found, self._clock())
        return Outcome(attempts.redeemed, attempt.place, kept)

    def _demand_time(self, attempt: Attempt, away: EntraAway | None) -> None:
        """The code's own time is over: the last word is Microsoft's, or that it could not be reached."""
        if attempt.expires_at is None or self._clock() < attempt.expires_at + EARLY:
            return
        raise EntraRefused(away.reason, away.quote) if away else EntraRefused("code_expired")

    def _refusal(self, error: EntraRefused, attempt: Attempt, doubtful: bool) -> EntraRefused:
        """A code gone before its time, after a look whose answer never came, was spent by that look."""
        early = attempt.expires_at is not None and self._clock() < attempt.expires_at - EARLY
        if error.reason == "code_expired" and doubtful and early:
            return EntraRefused("interrupted", error.quote)
        return error


def _still(claim: Claim[Access], attempt: Attempt) -> bool:
    """Is it still to be watched? Asked in between, and right before each look goes out."""
    ours = attempts.current(claim.state, attempt.place, "code_issued")
    return ours is not None and not claim.lost and not claim.stopping.is_set()
