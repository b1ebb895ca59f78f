"""Due work of the toy domain: a mail that is sent, and what is kept of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime

from shared.domain.rules import Change
from shared.jobs.claim import Claim, Outcome
from shared.store.store import Store
from tests.shared.kit.core import Tally

Work = Callable[[Claim[Tally]], Awaitable[Outcome[Tally] | None]]


def sent(state: Tally | None, now: datetime) -> Change[Tally]:
    """The outcome of a mail: counted, and no mail is due any more."""
    assert state is not None
    return Change(replace(state, mails=state.mails + 1, mail_at=None))


def mailer(log: list[str] | None = None) -> Work:
    async def mail(claim: Claim[Tally]) -> Outcome[Tally]:
        if log is not None:
            log.append(claim.id)
        return Outcome(sent)

    return mail


async def state_of(tallies: Store[Tally], id: str = "a") -> Tally:
    found = await tallies.get(id)
    assert found is not None
    return found.state


async def due_at(tallies: Store[Tally], job: str = "mail") -> datetime | None:
    document = await tallies.collection.get("a")
    assert document is not None
    at: datetime | None = document["due"].get(job)
    return at
