"""The invitations, as the wizard reads and changes them."""

from __future__ import annotations

from invite_svc.domain.model import Invitation
from shared.domain.rules import Facts, Rule
from shared.observability.tracing import current_trace
from shared.store.store import Store


class InvitationRepository:
    def __init__(self, store: Store[Invitation]) -> None:
        self._store = store

    async def get(self, id: str) -> Invitation | None:
        stored = await self._store.get(id)
        return stored.state if stored else None

    async def apply(self, id: str, rule: Rule[Invitation, *Facts], *facts: *Facts) -> Invitation | None:
        """The invitation after `rule`, whose events belong to the trace of its switch. Raises: Refused, Unavailable."""
        return (await self._store.apply(id, rule, *facts, trace=current_trace(), follows=True)).state
