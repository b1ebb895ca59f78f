"""The id of a server-sent event: the next offset of every partition, so that any replica goes on without a gap."""

from __future__ import annotations

import re
from collections.abc import Mapping

from shared.domain.rules import Refused

_PART = re.compile(r"(\d{1,5}):(\d{1,19})")
MAX_PARTS = 10_000

Positions = Mapping[int, int]


def write(positions: Positions) -> str:
    """`0:12,1:7`"""
    return ",".join(f"{partition}:{offset}" for partition, offset in sorted(positions.items()))


def read(text: str | None) -> dict[int, int] | None:
    """None without an id: from now. Raises: Refused (400)."""
    if not text:
        return None
    parts = text.split(",")
    matches = [_PART.fullmatch(part) for part in parts]
    if len(parts) > MAX_PARTS or not all(matches):
        detail = "Last-Event-ID is not the id of an event of this stream; send the last one as it was, or none."
        raise Refused("last_event_id_invalid", detail, status=400, field="Last-Event-ID")
    return {int(part[1]): int(part[2]) for part in matches if part}
