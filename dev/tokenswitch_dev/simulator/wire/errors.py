"""A refusal as Entra writes it: JSON for machines, the same numbers for the browser's page."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from tokenswitch_dev.simulator.wire.calls import Answer, answer
from tokenswitch_dev.simulator.wire.error_table import TABLE, Row

POLICY = "c9a40b1e-7d2f-4c64-9a55-3f1d0e6b8a21"
CLAIMS = json.dumps({"access_token": {"capolids": {"essential": True, "values": [POLICY]}}}, separators=(",", ":"))


@dataclass(frozen=True)
class Refusal:
    """Which row, with what to fill its sentence."""

    code: str
    values: tuple[tuple[str, str], ...] = ()

    @property
    def row(self) -> Row:
        return TABLE[self.code]

    @property
    def text(self) -> str:
        known = defaultdict(lambda: "unknown", self.values)
        return self.row.text.format_map(known) if "{" in self.row.text else self.row.text


def refuse(code: str, **values: str) -> Refusal:
    return Refusal(code, tuple(values.items()))


@dataclass(frozen=True)
class Trace:
    """The three things that Microsoft's support asks for."""

    trace_id: str
    correlation_id: str
    timestamp: str


def new_trace(client_request_id: str = "") -> Trace:
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    return Trace(str(uuid4()), _guid(client_request_id) or str(uuid4()), now)


def _guid(text: str) -> str:
    try:
        return str(UUID(text))
    except ValueError:
        return ""


def described(refusal: Refusal, trace: Trace) -> str:
    head = f"AADSTS{refusal.code}: " if refusal.row.number else ""
    return (
        f"{head}{refusal.text} Trace ID: {trace.trace_id} "
        f"Correlation ID: {trace.correlation_id} Timestamp: {trace.timestamp}"
    )


def error_body(refusal: Refusal, trace: Trace, authority: str) -> dict[str, Any]:
    row = refusal.row
    body: dict[str, Any] = {
        "error": row.error,
        "error_description": described(refusal, trace),
        "error_codes": [row.number] if row.number else [],
        "timestamp": trace.timestamp,
        "trace_id": trace.trace_id,
        "correlation_id": trace.correlation_id,
    }
    if row.number:
        body["error_uri"] = f"{authority}/error?code={row.code}"
    if row.suberror:
        body["suberror"] = row.suberror
    if row.claims:
        body["claims"] = CLAIMS
    return body


def refused(refusal: Refusal, trace: Trace, authority: str, retry_after: int = 10) -> Answer:
    busy = {"retry-after": str(retry_after)} if refusal.row.status in (429, 503) else {}
    return answer(error_body(refusal, trace, authority), refusal.row.status, busy | _no_store())


def _no_store() -> dict[str, str]:
    return {"cache-control": "no-store, no-cache", "pragma": "no-cache"}
