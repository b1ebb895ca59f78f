"""The stored contract of an event: its JSON Schema, and one example as it stands on the topic, body and headers.

`python tests/contracts/contract.py` writes the contracts that are missing; it never changes a stored one: that is
done by hand, with the version raised, when every consumer can read both.
"""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, cast, get_args, get_origin, get_type_hints

from pydantic import TypeAdapter

from shared.events import REGISTRY, Event, Kind
from shared.wire import encode, headers_of

FOLDER = Path(__file__).parent / "events"
AT = datetime(2026, 11, 23, 12, 27, 30, tzinfo=UTC)
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
WORDS = {"customer": "c1", "key": "c1", "email": "anna@contoso.example",
         "tenant_id": "11111111-2222-3333-4444-555555555555",
         "secret": "<compact JWE>", "credentials": "<compact JWE>", "code": "<compact JWE>", "url": "<compact JWE>",
         "answer": "<compact JWE>", "reason": "declined", "locale": "en", "expires_on": "2027-01-31",
         "secret_expires_on": "2027-01-31", "asked": "contoso.example", "tenant": "contoso.example",
         "verification_uri": "https://microsoft.com/devicelogin"}  # fmt: skip


def schema(kind: Kind) -> dict[str, Any]:
    made: dict[str, Any] = TypeAdapter(kind.cls).json_schema(mode="serialization")
    return made


def example(kind: Kind) -> Event:
    """An event with every field set to something telling."""
    made: Event = _value(kind.cls, kind.name)
    return made


def _value(hint: Any, name: str) -> Any:
    if get_origin(hint) in (Union, UnionType):
        return _value(next(part for part in get_args(hint) if part is not NoneType), name)
    if get_origin(hint) is Literal:
        return get_args(hint)[0]
    if get_origin(hint) is tuple:
        return (_value(get_args(hint)[0], name),)
    if get_origin(hint) is dict:
        return {"en": WORDS.get(name, name)}
    if is_dataclass(hint):
        hints, build = get_type_hints(hint), cast("type[Any]", hint)
        return build(**{field.name: _value(hints[field.name], field.name) for field in fields(hint)})
    plain = {str: WORDS.get(name, name), int: 1, bool: True, datetime: AT}
    return plain[hint]


def headers(kind: Kind) -> dict[str, str]:
    event_id = f"{kind.by}/documents/c1/1/0"
    return {name: value.decode() for name, value in headers_of(event_id, kind.name, AT, "c1", TRACE)}


def contract(kind: Kind) -> dict[str, Any]:
    body = json.loads(encode(example(kind)))
    return {"type": kind.name, "version": kind.version, "by": kind.by, "key": "customer",
            "example": {"headers": headers(kind), "body": body}, "schema": schema(kind)}  # fmt: skip


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
