"""The only import of OpenTelemetry's SDK, made only where traces are wanted."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter, SpanExporter
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, StatusCode, TraceFlags, set_span_in_context
from opentelemetry.trace import Span as OtelSpan

from shared.observability.logs import valid_trace
from shared.observability.tracing import FLUSH_MS, Attribute, Kind

log = logging.getLogger(__name__)
HTTP = "http/protobuf"
UNNAMED = "unknown_service"
"""What the SDK's name for a service begins with that nobody gave one (OpenTelemetry's resource conventions)."""
PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
KINDS: Mapping[Kind, SpanKind] = {
    "internal": SpanKind.INTERNAL,
    "server": SpanKind.SERVER,
    "client": SpanKind.CLIENT,
    "producer": SpanKind.PRODUCER,
    "consumer": SpanKind.CONSUMER,
}


def provider(service: str) -> TracerProvider:
    """By the standard environment variables (endpoint, headers, sampler, resource, limits). The service's name is that
    of OTEL_SERVICE_NAME or OTEL_RESOURCE_ATTRIBUTES, else its own."""
    resource = Resource.create()
    if str(resource.attributes["service.name"]).startswith(UNNAMED):
        resource = resource.merge(Resource({"service.name": service, "service.namespace": "tokenswitch"}))
    made = TracerProvider(resource=resource, shutdown_on_exit=False)
    made.add_span_processor(BatchSpanProcessor(_exporter()))
    return made


def _exporter() -> SpanExporter:
    wished = os.environ.get("OTEL_TRACES_EXPORTER", "").strip().lower() or "otlp"
    if wished == "console":
        return ConsoleSpanExporter()
    if wished != "otlp":
        log.warning("OTEL_TRACES_EXPORTER is %s; only otlp and console are there: traces go out by otlp", wished)
    protocol = next(filter(None, (os.environ.get(name, "").strip().lower() for name in PROTOCOLS)), HTTP)
    if protocol != HTTP:
        log.warning("%s is %s; only %s is there: give the collector's address for it", PROTOCOLS[1], protocol, HTTP)
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    return OTLPSpanExporter()


class SdkTracer:
    def __init__(self, provider: TracerProvider) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("tokenswitch")

    def begin(self, name: str, kind: Kind, parent: str | None, attributes: Mapping[str, Attribute]) -> SdkSpan:
        context = _context(parent)
        above = set_span_in_context(NonRecordingSpan(context)) if context else None
        return SdkSpan(self._tracer.start_span(name, context=above, kind=KINDS[kind], attributes=dict(attributes)))

    def stop(self) -> None:
        self._provider.force_flush(FLUSH_MS)
        self._provider.shutdown()


class SdkSpan:
    def __init__(self, span: OtelSpan) -> None:
        self._span = span
        found = span.get_span_context()
        self.trace = f"00-{found.trace_id:032x}-{found.span_id:016x}-{found.trace_flags:02x}"

    def note(self, **attributes: Attribute) -> None:
        self._span.set_attributes({key.replace("__", "."): value for key, value in attributes.items()})

    def name(self, text: str) -> None:
        self._span.update_name(text)

    def fail(self, code: str) -> None:
        self._span.set_status(StatusCode.ERROR)
        self._span.set_attribute("error.type", code)

    def end(self) -> None:
        self._span.end()


def _context(trace: str | None) -> SpanContext | None:
    if trace is None or not valid_trace(trace):
        return None
    _, trace_id, span_id, flags = trace.split("-")
    return SpanContext(int(trace_id, 16), int(span_id, 16), is_remote=True, trace_flags=TraceFlags(int(flags, 16)))
