"""CloudEvents 1.0, Kafka binding, binary mode: headers and JSON bodies <-> events, in one place."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

from pydantic import TypeAdapter

from shared.contracts.events import REGISTRY, Event

Headers = list[tuple[str, bytes]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """An event as it came from the topic."""

    id: str
    """`<service>/<collection>/<document>/<version>/<n>`: the same whenever the event comes again."""
    type: str
    source: str
    time: datetime
    key: str
    """The customer's id, which all its events share."""
    trace: str | None
    """A W3C traceparent."""
    event: Event


class Unreadable(Exception):
    """A record that cannot be parsed: it goes to the dead letters."""


@cache
def _adapter(name: str) -> TypeAdapter[Any]:
    return TypeAdapter(REGISTRY[name].cls)


def encode(event: Event) -> str:
    """The JSON body of an event."""
    return _adapter(type(event).__name__).dump_json(event).decode()


def decode(type_name: str, body: bytes | str) -> Event:
    """The event of a JSON body. Raises: Unreadable."""
    try:
        event: Event = _adapter(type_name).validate_json(body)
    except ValueError as error:
        raise Unreadable(f"{type_name}: {_brief(error)}") from error
    return event


def headers_of(id: str, type_name: str, at: datetime, subject: str, trace: str | None) -> Headers:
    """The headers of an event; `id` is `<service>/<collection>/<document>/<version>/<n>`."""
    service, collection = id.split("/", 2)[:2]
    pairs = {
        "ce_specversion": "1.0",
        "ce_id": id,
        "ce_type": type_name,
        "ce_source": f"/tokenswitch/{service}/{collection}",
        "ce_subject": subject,
        "ce_time": at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "ce_dataschema": f"/schemas/{type_name}/{REGISTRY[type_name].version}",
        "content-type": "application/json",
    }
    if trace:
        pairs["traceparent"] = trace
    return [(name, value.encode()) for name, value in pairs.items()]


def type_of(headers: Iterable[tuple[str, bytes | None]]) -> str:
    """The type alone, so that unknown types are skipped unparsed. Raises: Unreadable."""
    for name, value in headers:
        if name == "ce_type" and value:
            return value.decode(errors="replace")
    raise Unreadable("no ce_type header")


def read(key: bytes | None, value: bytes | None, headers: Iterable[tuple[str, bytes | None]]) -> Record:
    """The whole record. Raises: Unreadable, with what is wrong, never with the body."""
    try:
        texts = {name: raw.decode() for name, raw in headers if raw is not None}
        type_name, event_id = texts["ce_type"], texts["ce_id"]
        time = datetime.fromisoformat(texts["ce_time"])
    except (KeyError, ValueError) as error:
        raise Unreadable(f"header {error} is missing or not valid") from error
    if time.tzinfo is None:
        raise Unreadable("ce_time has no time zone")
    if value is None or key is None:
        raise Unreadable("the record has no body or no key")
    event = decode(type_name, value)
    return Record(
        id=event_id,
        type=type_name,
        source=texts.get("ce_source", ""),
        time=time,
        key=key.decode(errors="replace"),
        trace=texts.get("traceparent"),
        event=event,
    )


def _brief(error: ValueError) -> str:
    """Where a body is wrong, without the values that stand there."""
    details = getattr(error, "errors", None)
    if details is None:
        return type(error).__name__
    first = details(include_input=False, include_url=False, include_context=False)[0]
    return f"{'.'.join(str(part) for part in first['loc'])}: {first['type']}"
