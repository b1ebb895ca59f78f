"""A span for each command to the database inside of work that is recorded: name and collection, never its content.

OpenTelemetry's own instrumentation of PyMongo records the server's message of a failure, which quotes the values of a
duplicate key, and makes spans of idle polling.
"""

from __future__ import annotations

from opentelemetry import trace
from opentelemetry.trace import Span, SpanKind
from pymongo.monitoring import CommandFailedEvent, CommandListener, CommandStartedEvent, CommandSucceededEvent

from shared.observability import tracing

MAX_OPEN = 10_000


class CommandSpans(CommandListener):
    def __init__(self) -> None:
        self._open: dict[tuple[int, int], Span] = {}

    def started(self, event: CommandStartedEvent) -> None:
        if not trace.get_current_span().is_recording() or len(self._open) >= MAX_OPEN:
            return
        name, collection = event.command_name, event.command.get(event.command_name)
        if not isinstance(collection, str):
            collection = ""
        attributes = {
            "db.system.name": "mongodb",
            "db.operation.name": name,
            "db.namespace": event.database_name,
            "db.collection.name": collection,
        }
        span = tracing.tracer.start_span(f"{name} {collection}".strip(), kind=SpanKind.CLIENT, attributes=attributes)
        self._open[event.request_id, event.operation_id or 0] = span

    def succeeded(self, event: CommandSucceededEvent) -> None:
        if span := self._ended(event):
            span.end()

    def failed(self, event: CommandFailedEvent) -> None:
        if span := self._ended(event):
            tracing.fail(span, str(event.failure.get("codeName", "failed")))
            span.end()

    def _ended(self, event: CommandSucceededEvent | CommandFailedEvent) -> Span | None:
        return self._open.pop((event.request_id, event.operation_id or 0), None)
