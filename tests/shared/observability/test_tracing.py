"""Tracing: off it costs nothing and imports nothing; on, spans hang together and hold no content."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import time

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind

from shared.observability import tracing
from shared.observability.tracing import context_of, current_trace, traceparent_of
from shared.observability.tracing_sdk import provider
from shared.store.mongo import Mongo
from shared.store.operations import Insert

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(tracing, "tracer", provider.get_tracer("tests"))
    return exporter


def named(spans: InMemorySpanExporter, name: str) -> ReadableSpan:
    return next(span for span in spans.get_finished_spans() if span.name == name)


@pytest.mark.parametrize("service", ["config", "invite", "auth", "notify"])
def test_off_nothing_of_the_sdk_is_imported(service: str) -> None:
    code = f"import sys, {service}_svc.main; print([m for m in sys.modules if m.startswith('opentelemetry.sdk')])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert out.stdout.strip() == "[]"


def test_off_a_span_records_nothing_and_costs_some_microseconds() -> None:
    with tracing.span("a") as span:
        assert not span.is_recording() and traceparent_of(span) is None and current_trace() is None

    def spent(work: object) -> float:
        began = time.perf_counter()
        for _ in range(20_000):
            work()  # type: ignore[operator]
        return time.perf_counter() - began

    def new_trace() -> str:
        return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"

    def traced() -> None:
        with tracing.span("a", SpanKind.CLIENT, attributes={"server.address": "x"}):
            new_trace()

    least = min(spent(new_trace) for _ in range(3))
    assert min(spent(traced) for _ in range(3)) < 4 * least


def test_spans_hang_together_and_the_current_one_is_handed_on(spans: InMemorySpanExporter) -> None:
    with tracing.span("outer", SpanKind.SERVER, context_of(PARENT), {"http.route": "/x"}) as outer:
        assert (trace := current_trace()) == traceparent_of(outer)
        with pytest.raises(ValueError), tracing.span("inner"):
            raise ValueError("what a person typed")
        with tracing.span("apart", parent=context_of(None)):
            pass
    assert current_trace() is None
    outer_span, inner, apart = (named(spans, name) for name in ("outer", "inner", "apart"))
    assert outer_span.parent and f"{outer_span.parent.span_id:016x}" == PARENT.split("-")[2]
    assert inner.parent and outer_span.context and inner.parent.span_id == outer_span.context.span_id
    assert apart.parent is None and trace and trace.split("-")[1] == PARENT.split("-")[1]
    assert inner.attributes == {"error.type": "ValueError"} and not inner.events
    assert outer_span.attributes == {"http.route": "/x"}


@pytest.mark.parametrize("parent", ["", "nonsense", "00-" + "0" * 32 + "-b7ad6b7169203331-01"])
def test_a_parent_that_is_none_begins_a_trace(spans: InMemorySpanExporter, parent: str) -> None:
    with tracing.span("a", SpanKind.CONSUMER, context_of(parent)):
        pass
    assert named(spans, "a").parent is None


@pytest.mark.parametrize(
    ("environment", "wanted"),
    [
        ({}, False),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, True),
        ({"OTEL_TRACES_EXPORTER": "none"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x:4318"}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://x:4318/v1/traces"}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x:4318", "OTEL_TRACES_EXPORTER": "none"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x:4318", "OTEL_SDK_DISABLED": "true"}, False),
    ],
)
def test_the_standard_variables_switch_it_on(environment: dict[str, str], wanted: bool) -> None:
    assert tracing.wanted(environment) is wanted


async def test_commands_of_the_database_are_spans_of_the_work_and_never_of_idle_polling(
    spans: InMemorySpanExporter, mongo_url: str, mongo_database: str
) -> None:
    mongo = Mongo(mongo_url, mongo_database)
    things = mongo.collection("things")
    await things.find({}, limit=1)
    with tracing.span("work"):
        trace = current_trace()
        await things.write([Insert({"_id": "a", "secret": "marked"})])
        await things.find({"secret": "marked"}, limit=1)
    await mongo.drop()
    mongo.close()
    found = [span for span in spans.get_finished_spans() if span.name != "work"]
    assert [span.name for span in found] == ["insert things", "find things"]
    for span in found:
        assert span.context and trace and f"{span.context.trace_id:032x}" == trace.split("-")[1]
        assert span.attributes and span.attributes["db.collection.name"] == "things"
        assert "marked" not in span.to_json()


@pytest.mark.parametrize(
    ("environment", "named", "warned"),
    [
        ({}, "config-svc", ""),
        ({"OTEL_SERVICE_NAME": "portal"}, "portal", ""),
        ({"OTEL_RESOURCE_ATTRIBUTES": "service.name=portal,deployment.environment.name=test"}, "portal", ""),
        ({"OTEL_TRACES_EXPORTER": "zipkin"}, "config-svc", "only otlp and console"),
        ({"OTEL_TRACES_EXPORTER": "otlp,console"}, "config-svc", "only otlp and console"),
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "config-svc", "only http/protobuf"),
        (
            {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/protobuf"},
            "config-svc",
            "",
        ),
    ],
    ids=str,
)
def test_what_is_asked_for_and_not_there_is_said(
    environment: dict[str, str],
    named: str,
    warned: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    for name in [name for name in os.environ if name.startswith("OTEL_")]:
        monkeypatch.delenv(name)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    made = provider("config-svc")
    made.shutdown()
    assert made.resource.attributes["service.name"] == named
    assert (warned in caplog.text) if warned else not caplog.records
