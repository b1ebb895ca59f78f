"""Lists as CSV (RFC 4180), in which no cell can be a formula: invitations, audit, authentication status."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from starlette.responses import StreamingResponse
from starlette.types import Send

from config_svc.domain.model import Customer
from config_svc.queries import authentication_status
from config_svc.schemas.bulk_operations import BulkRowView, Shown
from config_svc.schemas.views import InvitationView
from config_svc.texts.event_texts import Say, describe
from shared.domain.rules import Clock
from shared.store.operations import Document
from shared.store.store import StoredDocument

COLUMNS = (
    "id",
    "customer",
    "customer_name",
    "full_name",
    "invitation_email",
    "m365_admin_email",
    "state",
    "email_sent",
    "email_sent_count",
    "created_at",
    "expires_at",
    "token_created_at",
    "token_expires_at",
    "device_authenticated",
    "reference",
    "age_seconds",
)
AUDIT = ("time", "action", "what", "customer", "switch", "person_id", "person_name", "person_email", "address")
BULK_SWITCH = tuple(BulkRowView.model_fields)
SIGNS = "=+\\-@|%\uff1d\uff0b\uff0d\uff20"
"""What spreadsheets begin a formula with; in Japanese ones also the full-width signs."""
FORMULA = re.compile(rf"\A\s*[{SIGNS}\t\r\n]|[;\t]\s*[{SIGNS}]")
INNER = re.compile(rf"([;\t]\s*)([{SIGNS}])")
"""Also behind what another language's spreadsheet takes for the end of a cell."""


def cell(value: Any) -> str:
    """A value as a cell. An apostrophe before what a spreadsheet would compute makes it text."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds").replace("+00:00", "Z")
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value)
    if isinstance(value, int) or not FORMULA.search(text):
        return text
    return "'" + INNER.sub(r"\1'\2", text)


def line(cells: Mapping[str, Any], columns: Sequence[str] = COLUMNS) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerow([cell(cells[name]) for name in columns])
    return out.getvalue()


async def table(rows: AsyncIterator[Mapping[str, Any]], columns: Sequence[str]) -> AsyncIterator[str]:
    """Head and rows, line by line, so that any number of rows can be exported."""
    head = line({name: name for name in columns}, columns)
    async for row in rows:
        yield head + line(row, columns)
        head = ""
    if head:
        yield head


class Download(StreamingResponse):
    """Begins when its first row is there: until then an outage is answered as anywhere. One that comes later breaks it
    off, so that nobody takes a part for the whole."""

    async def stream_response(self, send: Send) -> None:
        lines = aiter(self.body_iterator)
        first = await anext(lines)

        async def whole() -> AsyncIterator[Any]:
            yield first
            async for line in lines:
                yield line

        self.body_iterator = whole()
        await super().stream_response(send)


def answer(lines: AsyncIterator[str], name: str) -> StreamingResponse:
    """A download. `name`: of the file, without its ending."""
    headers = {"Content-Disposition": f'attachment; filename="{name}.csv"'}
    return Download(lines, media_type="text/csv; charset=utf-8", headers=headers)


def invitations(rows: AsyncIterator[StoredDocument[Customer]], clock: Clock) -> StreamingResponse:
    invited = (
        dict(InvitationView.of(row, clock())) async for row in rows if row.state.switch and row.state.switch.invited
    )
    return answer(table(invited, COLUMNS), "invitations")


def bulk_switch(rows: AsyncIterator[Shown]) -> StreamingResponse:
    return answer(table((dict(BulkRowView.of(row)) async for row in rows), BULK_SWITCH), "bulk-switch")


def audit(rows: AsyncIterator[Document], say: Say) -> StreamingResponse:
    return answer(table((_act(row, say) async for row in rows), AUDIT), "audit")


def _act(row: Document, say: Say) -> Mapping[str, Any]:
    actor = row["actor"]
    return {
        "time": row["at"],
        "action": row["action"],
        "what": describe(row["action"], row["data"], say).summary,
        "customer": row["customer"],
        "switch": row["switch"],
        "person_id": actor["id"],
        "person_name": actor["name"],
        "person_email": actor["email"],
        "address": row["address"],
    }


def status(rows: AsyncIterator[StoredDocument[Customer]], clock: Clock, say: Say) -> StreamingResponse:
    lines = (authentication_status.line(row.state, clock(), say) async for row in rows)
    return answer(table(lines, authentication_status.COLUMNS), "authentication-status")
