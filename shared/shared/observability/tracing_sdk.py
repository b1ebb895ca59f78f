"""The only import of OpenTelemetry's SDK, made only where traces are wanted."""

from __future__ import annotations

import logging
import os

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter, SpanExporter

log = logging.getLogger(__name__)
HTTP = "http/protobuf"
UNNAMED = "unknown_service"
"""What the SDK's name for a service begins with that nobody gave one (OpenTelemetry's resource conventions)."""
PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")


def provider(service: str) -> TracerProvider:
    """By the standard environment variables (endpoint, headers, sampler, resource, limits). The service's name is that
    of OTEL_SERVICE_NAME or OTEL_RESOURCE_ATTRIBUTES, else its own."""
    resource = Resource.create()
    if str(resource.attributes["service.name"]).startswith(UNNAMED):
        resource = resource.merge(Resource({"service.name": service, "service.namespace": "tokenswitch"}))
    recorder = TracerProvider(resource=resource, shutdown_on_exit=False)
    recorder.add_span_processor(BatchSpanProcessor(_exporter()))
    return recorder


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
