"""A span for each command to the database inside of work that is traced: name and collection, never its content."""

from __future__ import annotations

from pymongo.monitoring import CommandFailedEvent, CommandListener, CommandStartedEvent, CommandSucceededEvent

from shared.observability import tracing
from shared.observability.logs import current_trace

MOST = 10_000


class Commands(CommandListener):
    """Idle polling has no current trace, so it makes no spans."""

    def __init__(self) -> None:
        self._open: dict[tuple[int, int], tracing.Span] = {}

    def started(self, event: CommandStartedEvent) -> None:
        if current_trace() is None or len(self._open) >= MOST:
            return
        name, collection = event.command_name, event.command.get(event.command_name)
        where = collection if isinstance(collection, str) else ""
        self._open[event.request_id, event.operation_id or 0] = tracing.begin(
            f"{name} {where}".strip(),
            "client",
            db__system__name="mongodb",
            db__operation__name=name,
            db__namespace=event.database_name,
            db__collection__name=where,
        )

    def succeeded(self, event: CommandSucceededEvent) -> None:
        self._end(event)

    def failed(self, event: CommandFailedEvent) -> None:
        self._end(event, str(event.failure.get("codeName", "failed")))

    def _end(self, event: CommandSucceededEvent | CommandFailedEvent, failed: str = "") -> None:
        found = self._open.pop((event.request_id, event.operation_id or 0), None)
        if found is None:
            return
        if failed:
            found.fail(failed)
        found.end()
