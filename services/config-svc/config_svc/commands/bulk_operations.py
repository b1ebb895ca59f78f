"""Bulk operations: files and selections are kept as rows, and the rows are done as due work, at a pace, once each.

The parts are written before their operation, which counts from then on. A row is a command with a key of its own:
whatever stops between doing, noting and moving on, the same row is answered again and nobody is invited twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from config_svc.commands.customers import CustomerCommands
from config_svc.domain import bulk_operations
from config_svc.domain.bulk_operations import (
    AT_ONCE,
    DONE,
    DRAFT_KEPT,
    KEPT,
    MOST_SELECTED,
    ROWS_IN_PART,
    BulkOperation,
    Kind,
    Pace,
    Part,
    Reminder,
    Row,
    RowOutcome,
)
from config_svc.queries.bulk_operations import UNANSWERED, BulkReads, part_id, state_of
from config_svc.schemas import bulk_file
from config_svc.schemas.bulk_file import Line
from config_svc.schemas.bulk_operations import BulkTerms
from config_svc.schemas.customers import ResendBody, SwitchBody
from shared.contracts.events import Actor
from shared.domain.rules import Refused
from shared.jobs.claim import Claim, Outcome
from shared.observability import tracing
from shared.store.store import Store
from shared.store.write_plan import Command, reused

JOB = "rows"
DEADLINES = {JOB: bulk_operations.due}


@dataclass(frozen=True, slots=True)
class BulkCommands:
    customers: CustomerCommands
    read: BulkReads

    @property
    def store(self) -> Store[BulkOperation]:
        return self.read.operations

    # --- what is to be done ------------------------------------------------------------------------------------------

    async def check(self, lines: Sequence[Line], by: Actor) -> list[Row]:
        """Every line of the file, with what speaks against it: by itself, and by its customer as it is now."""
        rows = await asyncio.to_thread(bulk_file.rows_of, lines)
        customers = await self.read.lists.named(row.customer for row in rows if row.problem is None)
        asked = self.customers.asked(SwitchBody(to="token"), by, await self.customers.settings.terms())
        return await asyncio.to_thread(bulk_file.checked, rows, customers, asked, self.customers.clock())

    async def draft(self, id: str, name: str, rows: Sequence[Row], by: Actor, digest: str = "") -> None:
        """Keeps a checked file as a bulk switch, which has not begun; the same id again is the same one, with what the
        first try found. Raises: Refused, Unavailable."""
        now = self.customers.clock()
        kept = await self._keep(id, rows, now + 2 * DRAFT_KEPT)
        draft = bulk_operations.draft(id, kind="switch", name=name, rows=kept, by=by, now=now, digest=digest)
        await self.store.apply(id, bulk_operations.kept, draft)

    async def take(
        self, id: str, lines: Sequence[Line], terms: BulkTerms, by: Actor, command: Command
    ) -> Sequence[Row]:
        """Checks a file, keeps it and begins; the same command again is the same bulk switch. Gives the checked rows
        where problems hold it back, else nothing. Raises: Refused, Unavailable."""
        there = await self.read.find(id)
        if there and there.digest != command.digest:
            raise reused()
        if not there:
            rows = await self.check(lines, by)
            flawed = any(row.problem for row in rows) and not terms.skip_problems
            if flawed and not await self.read.find(id):  # else the first try came through meanwhile
                return rows
            if not flawed:
                await self.draft(id, terms.name, rows, by, command.digest)
        try:
            await self.begin(id, terms.pace, by, command)
        except Refused as error:
            if error.code != "bulk_begun":  # by this very command, which the id is made of
                raise
        return ()

    async def select(self, id: str, kind: Kind, rows: Sequence[Row], by: Actor) -> None:
        """Keeps a selection, and begins at once. Raises: Unavailable."""
        now = self.customers.clock()
        kept = await self._keep(id, rows[:MOST_SELECTED], now + KEPT[kind])
        draft = bulk_operations.draft(id, kind=kind, rows=kept, by=by, now=now)
        await self.store.apply(id, bulk_operations.kept, bulk_operations.begun(draft, AT_ONCE, by, now))

    async def _keep(self, id: str, rows: Sequence[Row], forget_at: datetime) -> list[Row]:
        """The rows in parts; a part that was written before a crash stays as it is."""
        kept = list[Row]()
        for number, start in enumerate(range(0, len(rows), ROWS_IN_PART)):
            some = tuple(rows[start : start + ROWS_IN_PART])
            part = Part(operation=id, number=number, rows=some, forget_at=forget_at)
            applied = await self.read.parts.apply(part_id(id, number), bulk_operations.kept, part)
            kept += (applied.state or part).rows
        return kept

    # --- commands to a bulk switch -----------------------------------------------------------------------------------

    async def begin(self, id: str, pace: Pace, by: Actor, command: Command) -> Mapping[str, object]:
        """Raises: Refused, Unavailable."""
        draft = await self.read.find(id)
        if draft and draft.state == "draft":
            for number in range(draft.parts):
                await self.read.parts.apply(part_id(id, number), bulk_operations.kept_longer)
        return (await self.store.apply(id, bulk_operations.begin, pace, by, command=command)).answer

    async def command(self, id: str, verb: str, by: Actor, command: Command) -> Mapping[str, object]:
        """`verb`: pause, resume, stop or remind. Raises: Refused, Unavailable."""
        return (await self.store.apply(id, bulk_operations.COMMANDS[verb], by, command=command)).answer

    # --- due work ----------------------------------------------------------------------------------------------------

    async def work(self, claim: Claim[BulkOperation]) -> Outcome[BulkOperation] | None:
        """Does the next rows, notes in their part what became of them, then moves on."""
        operation = claim.state
        if operation.reminding and operation.reminding.due_at == bulk_operations.due(operation):
            return await self._remind(operation, operation.reminding)
        if operation.state != "running":
            return None
        start, part = operation.place, await self.read.part(operation.id, operation.place // ROWS_IN_PART)
        end, places = bulk_operations.next_rows(part, start, operation.count, operation.most_now)
        outcomes = {place: await self._act(operation, part.rows[place]) for place in places}
        if outcomes:
            await self.read.parts.apply(part_id(operation.id, part.number), bulk_operations.settled, outcomes)
        return Outcome(bulk_operations.advanced, start, end, tuple(outcomes.values()))

    async def _act(self, operation: BulkOperation, row: Row) -> RowOutcome:
        if row.outcome:  # noted before a crash
            return RowOutcome(row.outcome, row.switch)
        command = Command(f"bulk:{operation.id}:{row.line}", operation.id)
        name, attributes = f"bulk {operation.kind} row", {"tokenswitch.bulk": operation.id}
        try:
            with tracing.span(name, parent=tracing.context_of(None), attributes=attributes):
                answer = await self._command(operation, row, command)
        except Refused as error:
            return RowOutcome(error.code, row.switch)
        return RowOutcome(DONE, answer["switch"])

    async def _command(self, operation: BulkOperation, row: Row, command: Command) -> Mapping[str, Any]:
        """What a row of each kind is."""
        id, number, by = row.customer, row.switch or 0, operation.by
        match operation.kind:
            case "switch":
                return await self.customers.switch(id, bulk_file.body_of(row), by, command, operation.id)
            case "resend":
                return await self.customers.resend(id, ResendBody(switch=number), by, command)
            case "cancel":
                return await self.customers.cancel(id, number, by, command)

    async def _remind(self, operation: BulkOperation, reminder: Reminder) -> Outcome[BulkOperation]:
        """Sends the invitation again to those of the next rows who have not answered."""
        part = await self.read.part(operation.id, reminder.place // ROWS_IN_PART)
        end, places = bulk_operations.next_rows(part, reminder.place, operation.place, operation.pace.step)
        customers = await self.read.lists.named(part.rows[place].customer for place in places)
        sent = 0
        for row in (part.rows[place] for place in places):
            customer = customers.get(row.customer)
            if not customer or not customer.switch or state_of(operation, row, customer) not in UNANSWERED:
                continue
            body = ResendBody(switch=customer.switch.number)
            command = Command(f"bulk:{operation.id}:{row.line}:remind:{reminder.number}", operation.id)
            with suppress(Refused):  # it ended meanwhile, or too many mails went out already
                await self.customers.resend(row.customer, body, reminder.by, command)
                sent += 1
        return Outcome(bulk_operations.reminded, reminder, end, sent)
