"""The measures that every service shows at /metrics, in Prometheus form."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

UNREADABLE, REFUSED, RAISED = DEAD_REASONS = ("unreadable", "refused by the database", "rule raised")
"""Why a record is put aside: as its reason begins."""

HANDLED = Counter("tokenswitch_events_handled_total", "Events taken in, by type and outcome.", ["type", "outcome"])
RELAYED = Counter("tokenswitch_events_relayed_total", "Events published from outboxes, by type.", ["type"])
OUTBOX_AGE = Gauge("tokenswitch_outbox_age_seconds", "Age of the oldest event that Kafka has not got.", ["store"])
REFUSED_RECORDS = Counter("tokenswitch_records_refused_total", "Records that the broker refuses, by type.", ["type"])
DEAD_LETTERS = Counter("tokenswitch_dead_letters_total", "Records put aside, by reason.", ["reason"])
for _reason in DEAD_REASONS:
    DEAD_LETTERS.labels(_reason)  # at 0 from the start: a counter that begins at 1 has not risen for Prometheus
LAG = Gauge("tokenswitch_consumer_lag_records", "Records not yet taken in, by partition.", ["partition"])
DUE_LATENESS = Histogram(
    "tokenswitch_due_lateness_seconds",
    "Start of due work after its deadline.",
    ["lane"],
    buckets=(0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300),
)
HTTP_SECONDS = Histogram(
    "tokenswitch_http_request_duration_seconds",
    "Answering a request, by route (as declared) and status.",
    ["method", "route", "status"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
DUE_DONE = Counter("tokenswitch_due_done_total", "Due work finished, by lane and outcome.", ["lane", "outcome"])
