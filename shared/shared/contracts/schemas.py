"""What other programs read from the topic, as documents: a JSON Schema for each event, and AsyncAPI 3 for all of them.

Made from the registry of events, so that they cannot say anything else than the services do.
"""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from functools import cache
from inspect import cleandoc
from types import NoneType, UnionType
from typing import Any, Literal, Union, cast, get_args, get_origin, get_type_hints

from pydantic import TypeAdapter

from shared.contracts.cloudevents import encode, headers_of
from shared.contracts.events import REGISTRY, Event, Kind

AT = datetime(2026, 11, 23, 12, 27, 30, tzinfo=UTC)
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
WORDS = {
    "customer": "c1",
    "key": "c1",
    "email": "anna@contoso.example",
    "tenant_id": "11111111-2222-3333-4444-555555555555",
    "secret": "<compact JWE>",
    "credentials": "<compact JWE>",
    "code": "<compact JWE>",
    "url": "<compact JWE>",
    "answer": "<compact JWE>",
    "reason": "declined",
    "locale": "en",
    "expires_on": "2027-01-31",
    "secret_expires_on": "2027-01-31",
    "asked": "contoso.example",
    "tenant": "contoso.example",
    "verification_uri": "https://microsoft.com/devicelogin",
}
DIALECT = "https://json-schema.org/draft/2020-12/schema"
VERSION = "1.0.0"
ABOUT = """Every step of a switch, as it happens. Records are keyed by customer: one customer's events are in order;
each may come more than once, with the same `ce_id`. A sealed part is a JWE for one of our services alone. New fields
have a default and new types appear: pass over what you do not know."""
HEADERS = (
    "ce_specversion",
    "ce_id",
    "ce_type",
    "ce_source",
    "ce_subject",
    "ce_time",
    "ce_dataschema",
    "content-type",
)


@cache
def schema(kind: Kind) -> dict[str, Any]:
    """The JSON Schema of an event's body."""
    body: dict[str, Any] = TypeAdapter(kind.cls).json_schema(mode="serialization")
    return body


def document(kind: Kind) -> dict[str, Any]:
    """The same as a document of its own; `ce_dataschema` names its address."""
    return {"$schema": DIALECT, "$id": f"/schemas/{kind.name}/{kind.version}", **schema(kind)}


def example(kind: Kind) -> Event:
    """An event with every field set to something telling."""
    event: Event = _value(kind.cls, kind.name)
    return event


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


def about(kind: Kind) -> str:
    """The event in a few sentences; of those that have none, their name says it."""
    text = kind.cls.__doc__ or ""
    return "" if text.startswith(f"{kind.name}(") else " ".join(cleandoc(text).split())


@cache
def asyncapi(topic: str) -> dict[str, Any]:
    """The AsyncAPI 3 document of the topic."""
    schemas: dict[str, Any] = {"Headers": _headers()}
    messages = {}
    for kind in REGISTRY.values():
        body = TypeAdapter(kind.cls).json_schema(mode="serialization", ref_template="#/components/schemas/{model}")
        schemas |= body.pop("$defs", {})
        schemas[kind.name] = body
        messages[kind.name] = _message(kind)
    named = {name: {"$ref": f"#/components/messages/{name}"} for name in messages}
    here = {"$ref": "#/channels/events"}
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Tokenswitch events", "version": VERSION, "description": " ".join(ABOUT.split())},
        "defaultContentType": "application/json",
        "channels": {
            "events": {
                "address": topic,
                "description": "All events, keyed by customer.",
                "messages": named,
                "bindings": {"kafka": {"topic": topic, "bindingVersion": "0.5.0"}},
            }
        },
        "operations": {
            "tell": {
                "action": "send",
                "channel": here,
                "summary": "What the services say; everybody may follow.",
                "messages": [{"$ref": f"#/channels/events/messages/{name}"} for name in messages],
            }
        },
        "components": {"messages": messages, "schemas": schemas},
    }


def _message(kind: Kind) -> dict[str, Any]:
    payload = json.loads(encode(example(kind)))
    return {
        "name": kind.name,
        "title": kind.name,
        "summary": f"Said by {kind.by}-svc.",
        "description": about(kind),
        "contentType": "application/json",
        "headers": {"$ref": "#/components/schemas/Headers"},
        "payload": {"$ref": f"#/components/schemas/{kind.name}"},
        "bindings": {
            "kafka": {"key": {"type": "string", "description": "The customer's id."}, "bindingVersion": "0.5.0"}
        },
        "examples": [{"name": kind.name, "headers": headers(kind), "payload": payload}],
    }


def _headers() -> dict[str, Any]:
    """CloudEvents in binary mode, and the trace."""
    names = {name: {"type": "string"} for name in (*HEADERS, "traceparent")}
    return {"type": "object", "required": list(HEADERS), "properties": names}
