"""Bulk switches: a file becomes a draft with every problem named; begun, its rows are asked as due work, at its pace.

The parts are written before their bulk, which counts from then on. A row is a command with a key of its own: whatever
stops between asking, noting and moving on, the same row is answered again and nobody is invited twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from config_svc.commands.customers import CustomerCommands
from config_svc.domain import bulk_operations
from config_svc.domain.bulk_operations import (
    ASKED,
    DRAFT_KEPT,
    ROWS_IN_PART,
    Bulk,
    Pace,
    Part,
    Reminder,
    Row,
    RowOutcome,
)
from config_svc.queries.bulk_operations import UNANSWERED, Reads, part_id, state_of
from config_svc.schemas import bulk_file
from config_svc.schemas.bulk_file import Line
from config_svc.schemas.customers import ResendBody, SwitchBody
from shared.contracts.events import Actor
from shared.domain.rules import Change, Facts, Refused, Rule
from shared.jobs.claim import Claim, Outcome
from shared.observability import tracing
from shared.store.mongo import Index
from shared.store.store import Store
from shared.store.write_plan import Command

BULKS, PARTS = "bulks", "bulk_parts"
ASKING, REMINDING = "asking", "reminding"
LANES = {ASKING: bulk_operations.asking_due, REMINDING: bulk_operations.reminding_due}
FORGET = Index(keys=(("state.forget_at", 1),), expire_after=0)
INDEXES = (FORGET, Index(keys=(("state.created_at", 1),)))
PART_INDEXES = (FORGET,)


@dataclass(frozen=True, slots=True)
class Bulks:
    customers: CustomerCommands
    read: Reads

    @property
    def store(self) -> Store[Bulk]:
        return self.read.bulks

    # --- before anybody is asked -------------------------------------------------------------------------------------

    async def check(self, lines: Sequence[Line], by: Actor) -> list[Row]:
        """Every line of the file, with what speaks against it: by itself, and by its customer as it is now."""
        rows = await asyncio.to_thread(bulk_file.formed, lines)
        found = await self.read.lists.named(row.customer for row in rows if row.problem is None)
        asked = self.customers.asked(SwitchBody(to="token"), by, await self.customers.settings.terms())
        return await asyncio.to_thread(bulk_file.against, rows, found, asked, self.customers.clock())

    async def draft(self, id: str, name: str, rows: Sequence[Row], by: Actor, digest: str = "") -> Bulk:
        """Keeps a checked file; the same id again is the same bulk, with what the first try found: a part that was
        written before a crash stays as it is. Raises: Refused, Unavailable."""
        forget, kept = self.customers.clock() + 2 * DRAFT_KEPT, list[Row]()
        for number, start in enumerate(range(0, len(rows), ROWS_IN_PART)):
            part = Part(bulk=id, number=number, rows=tuple(rows[start : start + ROWS_IN_PART]), forget_at=forget)
            applied_part = await self.read.parts.apply(part_id(id, number), _kept, part)
            kept += (applied_part.state or part).rows
        applied = await self.store.apply(id, bulk_operations.draft, id, name, kept, by, digest)
        return bulk_operations.known(applied.state)

    # --- commands ----------------------------------------------------------------------------------------------------

    async def begin(self, id: str, pace: Pace, by: Actor, command: Command) -> Mapping[str, object]:
        found = await self.store.get(id)
        if found and found.state.state == "draft":
            for number in range(found.state.parts):
                await self.read.parts.apply(part_id(id, number), bulk_operations.kept_longer)
        return await self._apply(id, command, bulk_operations.begin, pace, by)

    async def pause(self, id: str, by: Actor, command: Command) -> Mapping[str, object]:
        return await self._apply(id, command, bulk_operations.pause, by)

    async def resume(self, id: str, by: Actor, command: Command) -> Mapping[str, object]:
        return await self._apply(id, command, bulk_operations.resume, by)

    async def stop(self, id: str, by: Actor, command: Command) -> Mapping[str, object]:
        return await self._apply(id, command, bulk_operations.stop, by)

    async def remind(self, id: str, by: Actor, command: Command) -> Mapping[str, object]:
        return await self._apply(id, command, bulk_operations.remind, by)

    async def _apply(self, id: str, command: Command, rule: Rule[Bulk, *Facts], *facts: *Facts) -> Mapping[str, object]:
        return (await self.store.apply(id, rule, *facts, command=command)).answer

    # --- due work ----------------------------------------------------------------------------------------------------

    async def ask(self, claim: Claim[Bulk]) -> Outcome[Bulk]:
        """Asks the next rows, notes in their part what became of them, then moves on."""
        bulk = claim.state
        if not bulk.waiting:
            return Outcome(bulk_operations.advanced, bulk.place, bulk.place, [])
        part = await self.read.part(bulk.id, bulk.place // ROWS_IN_PART)
        end, chosen = _next(bulk, part)
        outcomes = {place: await self._ask(bulk, part, place) for place in chosen}
        if outcomes:
            await self.read.parts.apply(part_id(bulk.id, part.number), bulk_operations.settled, outcomes)
        return Outcome(bulk_operations.advanced, bulk.place, end, list(outcomes.values()))

    async def _ask(self, bulk: Bulk, part: Part, place: int) -> RowOutcome:
        row = part.rows[place]
        if row.outcome:  # noted before a crash
            return RowOutcome(row.outcome, row.switch)
        command = Command(f"bulk:{bulk.id}:{part.number * ROWS_IN_PART + place}", bulk.id)
        try:
            by = bulk.begun_by or bulk.by
            attributes = {"tokenswitch.bulk": bulk.id}
            with tracing.span("bulk switch row", parent=tracing.context_of(None), attributes=attributes):
                answer = await self.customers.switch(row.customer, bulk_file.body_of(row), by, command, bulk.id)
        except Refused as error:
            return RowOutcome(error.code)
        return RowOutcome(ASKED, answer["switch"])

    async def remind_next(self, claim: Claim[Bulk]) -> Outcome[Bulk] | None:
        """Sends the invitation again to those of the next rows who have not answered."""
        bulk, reminder = claim.state, claim.state.reminding
        if reminder is None:
            return None
        part = await self.read.part(bulk.id, reminder.place // ROWS_IN_PART)
        start = part.number * ROWS_IN_PART
        end = min(bulk.place, start + len(part.rows), reminder.place + bulk.pace.step)
        places = range(reminder.place, end)
        found = await self.read.lists.named(part.rows[place - start].customer for place in places)
        sent = 0
        for place in places:
            row = part.rows[place - start]
            customer = found.get(row.customer)
            if customer and customer.switch and state_of(bulk.id, row, customer) in UNANSWERED:
                body = ResendBody(switch=customer.switch.number)
                sent += await self._remind(bulk, place, row, reminder, body)
        return Outcome(bulk_operations.reminded, reminder.number, reminder.place, end, sent)

    async def _remind(self, bulk: Bulk, place: int, row: Row, reminder: Reminder, body: ResendBody) -> int:
        command = Command(f"bulk:{bulk.id}:{place}:remind:{reminder.number}", bulk.id)
        try:
            await self.customers.resend(row.customer, body, reminder.by, command)
        except Refused:  # it ended meanwhile, or too many mails went out already
            return 0
        return 1


def _kept(found: Part | None, part: Part, now: datetime) -> Change[Part] | None:
    return None if found else Change(part)


def _next(bulk: Bulk, part: Part) -> tuple[int, list[int]]:
    """The places in the part that are asked now, and the place in the bulk where it goes on."""
    start, most = part.number * ROWS_IN_PART, min(bulk.pace.step, max(1, bulk.wave_left))
    chosen: list[int] = []
    for at in range(bulk.place - start, len(part.rows)):
        if len(chosen) == most:
            return start + at, chosen
        if part.rows[at].problem is None:
            chosen.append(at)
    return start + len(part.rows), chosen
