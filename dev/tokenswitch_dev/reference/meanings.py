"""What is read from the environment by no settings class, and what each means."""

from __future__ import annotations

from collections.abc import Mapping

PLAIN: Mapping[str, tuple[str, str]] = {
    "OTEL_SERVICE_NAME": ("the service's own", "Its name in traces."),
    "OTEL_TRACES_EXPORTER": ("none", "`otlp` or `console`; with it, or with an endpoint, traces are on."),
    "OTEL_EXPORTER_OTLP_ENDPOINT": (
        "",
        "Where traces are sent; the other `OTEL_...` variables hold as well, see [telemetry](telemetry.md).",
    ),
    "OTEL_SDK_DISABLED": ("false", "`true`: no traces, whatever else is set."),
    "LOG_LEVEL": ("INFO", "From which level on lines are written."),
    "LOG_FORMAT": ("json (text at a terminal)", "`json`: one JSON object a line. `text`: for people."),
}
"""Read from the environment itself, by every service: name -> default, meaning."""
