"""The invitations as CSV (RFC 4180), in which no cell can be a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Any

from config_svc import views
from config_svc.domain.model import Customer
from shared.change import Clock
from shared.store import Found

COLUMNS = (
    "id", "customer", "customer_name", "full_name", "invitation_email", "m365_admin_email", "state", "email_sent",
    "email_sent_count", "created_at", "expires_at", "token_created_at", "token_expires_at", "device_authenticated",
    "reference", "age_seconds",
)  # fmt: skip
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%")


def cell(value: Any) -> str:
    """A value as a cell. An apostrophe before what a spreadsheet would compute makes it text."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds").replace("+00:00", "Z")
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value)
    return f"'{text}" if text.lstrip().startswith(FORMULA) and not isinstance(value, int) else text


def line(cells: Mapping[str, Any]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerow([cell(cells[name]) for name in COLUMNS])
    return out.getvalue()


async def export(rows: AsyncIterator[Found[Customer]], clock: Clock) -> AsyncIterator[str]:
    """Line by line, so that any number of rows can be exported."""
    yield line({name: name for name in COLUMNS})
    async for row in rows:
        if row.state.switch and row.state.switch.invitee:
            yield line(views.invitation(row, clock()))
