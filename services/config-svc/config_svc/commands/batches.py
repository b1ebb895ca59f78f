"""Batches: an action for several invitations as due work, so that it goes on whatever stops, and acts once per row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from config_svc.commands.customers import CustomerCommands
from config_svc.domain import batches
from config_svc.domain.batches import Action, Batch, Row
from config_svc.schemas.customers import ResendBody
from shared.contracts.events import Actor
from shared.domain.rules import Refused
from shared.jobs.claim import Claim, Outcome
from shared.store.mongo import Index
from shared.store.store import Store
from shared.store.write_plan import Command

BATCHES, LANE = "batches", "rows"
LANES = {LANE: batches.deadline}
KEPT_SECONDS = 30 * 24 * 3600
INDEXES = (Index(keys=(("state.begun_at", 1),), expire_after=KEPT_SECONDS),)
STEP = 10
"""Rows between two looks of whoever watches; a crash repeats at most these, and each of them counts once."""


@dataclass(frozen=True, slots=True)
class Batches:
    store: Store[Batch]
    customers: CustomerCommands

    async def begin(self, id: str, action: Action, rows: Sequence[Row], by: Actor) -> None:
        await self.store.apply(id, batches.begin, id, action, tuple(rows), by)

    async def batch(self, id: str) -> Batch:
        """Raises: Refused (404)."""
        found = await self.store.get(id)
        if found is None:
            raise Refused("batch_unknown", "There is no such batch, or it was long ago.", status=404)
        return found.state

    async def work(self, claim: Claim[Batch]) -> Outcome[Batch]:
        """Acts on the next rows. What was done before a crash is answered again, not done again."""
        batch = claim.state
        outcomes = {place: await self._act(batch, place) for place in batch.waiting[:STEP]}
        return Outcome(batches.settle, outcomes)

    async def _act(self, batch: Batch, place: int) -> str:
        row = batch.rows[place]
        command = Command(f"batch:{batch.id}:{place}", batch.id)
        try:
            if batch.action == "resend":
                await self.customers.resend(row.customer, ResendBody(switch=row.switch), batch.by, command)
            else:
                await self.customers.cancel(row.customer, row.switch, batch.by, command)
        except Refused as error:
            return error.code
        return batches.DONE
