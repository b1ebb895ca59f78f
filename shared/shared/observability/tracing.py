"""Traces by OpenTelemetry's API: one for each switch, through HTTP, outbox, Kafka, jobs, MongoDB, SMTP and Microsoft.

Off (the default) nothing of the SDK is imported and no span is recorded. On by the standard environment variables:
OTEL_TRACES_EXPORTER (otlp, console) or OTEL_EXPORTER_OTLP_ENDPOINT; OTEL_SDK_DISABLED wins. Attributes follow the
semantic conventions. They hold ids and codes, never a payload, an address or a secret.

A trace is handed on as a W3C traceparent: `await store.apply(id, rule, trace=current_trace())` keeps it in the
document, from where it travels in the event's header through all services.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager

from opentelemetry import trace
from opentelemetry.context import Context, attach, detach
from opentelemetry.trace import (
    NonRecordingSpan,
    NoOpTracer,
    Span,
    SpanContext,
    SpanKind,
    StatusCode,
    TraceFlags,
    Tracer,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import Attributes

_PROPAGATOR = TraceContextTextMapPropagator()
tracer: Tracer = NoOpTracer()


# --- spans -----------------------------------------------------------------------------------------------------------


def span(
    name: str, kind: SpanKind = SpanKind.INTERNAL, parent: Context | None = None, attributes: Attributes = None
) -> AbstractContextManager[Span]:
    """A span around a piece of work, current meanwhile. `parent`: by default the current span."""
    return Current(tracer.start_span(name, parent, kind, attributes))


class Current(AbstractContextManager[Span]):
    """A span that is current within, and ends. Of an error only the type is recorded: its text may be personal."""

    def __init__(self, span: Span) -> None:
        self._span = span

    def __enter__(self) -> Span:
        self._token = attach(trace.set_span_in_context(self._span))
        return self._span

    def __exit__(self, _type: object, error: BaseException | None, _traceback: object) -> None:
        if error is not None:
            fail(self._span, type(error).__name__)
        detach(self._token)
        self._span.end()


def fail(span: Span, code: str) -> None:
    span.set_status(StatusCode.ERROR)
    span.set_attribute("error.type", code)


def unrecorded(above: Span) -> Span:
    """A span that nobody records, with an id of its own: in the trace of the one above, else in a new trace."""
    context = above.get_span_context()
    trace_id = context.trace_id or secrets.randbits(128)
    flags = context.trace_flags if context.is_valid else TraceFlags(TraceFlags.SAMPLED)
    return NonRecordingSpan(SpanContext(trace_id, secrets.randbits(64), is_remote=False, trace_flags=flags))


# --- traceparents ----------------------------------------------------------------------------------------------------


def context_of(traceparent: str | None) -> Context:
    """The parent that a traceparent names. None, or one that is not valid: a span in it begins a trace."""
    return _PROPAGATOR.extract({"traceparent": traceparent}) if traceparent else Context()


def traceparent_of(span: Span) -> str | None:
    """None for a span of no trace."""
    return _carrier(span).get("traceparent")


def _carrier(span: Span) -> dict[str, str]:
    carrier: dict[str, str] = {}
    _PROPAGATOR.inject(carrier, trace.set_span_in_context(span, Context()))
    return carrier


def current_trace() -> str | None:
    """The traceparent of the request or the work that goes on; None outside of one."""
    return traceparent_of(trace.get_current_span())


def new_trace(parent: str | None = None) -> str:
    """A traceparent: a span of the parent's trace, or a new trace if there is none or it is not valid."""
    return _carrier(unrecorded(trace.get_current_span(context_of(parent))))["traceparent"]


def trace_id() -> str:
    """The part of the trace that people quote to us; a new one outside of a request."""
    return (current_trace() or new_trace()).split("-")[1]


# --- recording -------------------------------------------------------------------------------------------------------


def wanted(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether the standard environment variables ask for traces."""
    if environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return False
    exporter = environment.get("OTEL_TRACES_EXPORTER", "").strip().lower()
    endpoints = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
    return exporter not in ("", "none") or (not exporter and any(environment.get(name) for name in endpoints))


def recorded() -> bool:
    return not isinstance(tracer, NoOpTracer)


def start(service: str) -> Callable[[], None]:
    """Records traces from now on, if that is wanted. Gives what sends the last ones and ends it.

    The provider is not made the process's own (`set_tracer_provider`): FastAPI would record addresses by it, and
    invitation links are addresses.
    """
    if not wanted():
        return lambda: None
    from shared.observability.tracing_sdk import provider

    global tracer
    recorder = provider(service)
    tracer = recorder.get_tracer("tokenswitch")
    return recorder.shutdown
