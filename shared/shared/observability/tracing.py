"""OpenTelemetry traces: one for each switch, through HTTP, outbox, Kafka, due work, MongoDB, SMTP and Microsoft.

Off (the default) nothing of the SDK is imported and a span is one shared object that does nothing. On by the standard
environment variables: OTEL_TRACES_EXPORTER (otlp, console) or OTEL_EXPORTER_OTLP_ENDPOINT; OTEL_SDK_DISABLED wins.
Attributes follow the semantic conventions. They hold ids and codes, never a payload, an address or a secret.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any, Literal, Protocol

from shared.observability.logs import current_trace, trace_reset, trace_set

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

Kind = Literal["internal", "server", "client", "producer", "consumer"]
Attribute = str | int | float | bool
ROOT = ""
"""As a parent: a trace of its own."""
FLUSH_MS = 3_000


class Span(Protocol):
    """`trace`: its traceparent, to be handed on; None while tracing is off."""

    @property
    def trace(self) -> str | None: ...

    def note(self, **attributes: Attribute) -> None: ...

    def name(self, text: str) -> None: ...

    def fail(self, code: str) -> None: ...

    def end(self) -> None: ...


class _Off:
    """What is there while tracing is off."""

    trace = None

    def __enter__(self) -> _Off:
        return self

    def __exit__(self, *_: object) -> None: ...

    def note(self, **attributes: Attribute) -> None: ...

    def name(self, text: str) -> None: ...

    def fail(self, code: str) -> None: ...

    def end(self) -> None: ...


_OFF = _Off()


class Tracer(Protocol):
    def begin(self, name: str, kind: Kind, parent: str | None, attributes: Mapping[str, Attribute]) -> Span: ...

    def stop(self) -> None: ...


_tracer: Tracer | None = None


def on() -> bool:
    return _tracer is not None


def span(
    name: str, kind: Kind = "internal", parent: str | None = None, **attributes: Attribute
) -> AbstractContextManager[Span]:
    """A span around a piece of work, which is the current one meanwhile. `parent`: a traceparent; else the current one.

    Dots of attributes are written as two underscores: `db__collection__name`.
    """
    return _OFF if _tracer is None else _current(begin(name, kind, parent, **attributes))


def begin(name: str, kind: Kind = "internal", parent: str | None = None, **attributes: Attribute) -> Span:
    """A span that its owner ends."""
    if _tracer is None:
        return _OFF
    above = current_trace() if parent is None else parent or None
    return _tracer.begin(name, kind, above, {key.replace("__", "."): value for key, value in attributes.items()})


@contextmanager
def _current(made: Span) -> Iterator[Span]:
    token = trace_set(made.trace)
    try:
        yield made
    except BaseException as error:
        made.fail(type(error).__name__)
        raise
    finally:
        trace_reset(token)
        made.end()


# --- switched on -----------------------------------------------------------------------------------------------------


def wanted(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether the standard environment variables ask for traces."""
    if environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return False
    exporter = environment.get("OTEL_TRACES_EXPORTER", "").strip().lower()
    endpoints = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
    return exporter not in ("", "none") or (not exporter and any(environment.get(name) for name in endpoints))


def start(service: str) -> None:
    """Switches tracing on, if it is wanted. Before the database's client is made: it is told at its making."""
    if wanted():
        from shared.observability.tracing_sdk import provider

        use(provider(service))


def use(provider: TracerProvider) -> Callable[[], None]:
    """Traces with this provider; gives the way back (tests)."""
    global _tracer
    from shared.observability.tracing_sdk import SdkTracer

    before, _tracer = _tracer, SdkTracer(provider)

    def back() -> None:
        global _tracer
        _tracer = before

    return back


def stop() -> None:
    """What was not sent yet is sent, for some seconds."""
    if _tracer is not None:
        _tracer.stop()


def listeners() -> list[Any]:
    """For the database's client: what makes spans of its commands."""
    if _tracer is None:
        return []
    from shared.observability.tracing_mongo import Commands

    return [Commands()]
