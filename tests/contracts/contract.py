"""The stored contract of an event: its JSON Schema, and one example as it stands on the topic, body and headers.

`python tests/contracts/contract.py` writes the contracts that are missing; it never changes a stored one: that is
done by hand, with the version raised, when every consumer can read both.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from shared.contracts.cloudevents import encode
from shared.contracts.events import REGISTRY, Kind
from shared.contracts.schemas import example, headers, schema

__all__ = ["FOLDER", "contract", "example", "headers", "schema", "write_missing"]

FOLDER = Path(__file__).parent / "events"


def contract(kind: Kind) -> dict[str, Any]:
    body = json.loads(encode(example(kind)))
    return {
        "type": kind.name,
        "version": kind.version,
        "by": kind.by,
        "key": "customer",
        "example": {"headers": headers(kind), "body": body},
        "schema": schema(kind),
    }


def write_missing() -> list[str]:
    written = []
    for kind in REGISTRY.values():
        path = FOLDER / f"{kind.name}.json"
        if not path.exists():
            path.write_text(json.dumps(contract(kind), indent=2) + "\n")
            written.append(kind.name)
    return written


if __name__ == "__main__":
    print("written:", ", ".join(write_missing()) or "nothing, every event has its contract")
