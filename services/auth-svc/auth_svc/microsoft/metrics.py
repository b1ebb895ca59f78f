"""What auth-svc shows at /metrics beside the common measures."""

from __future__ import annotations

from prometheus_client import Counter, Histogram

from shared.contracts.reasons import TABLE

CALLS = Counter("tokenswitch_entra_calls_total", "Calls to Microsoft, by endpoint and outcome.", ["call", "outcome"])
SECONDS = Histogram(
    "tokenswitch_entra_call_duration_seconds",
    "Answers of Microsoft, by endpoint.",
    ["call"],
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2, 3, 5),
)
FAILED = Counter("tokenswitch_sign_ins_failed_total", "Sign-ins that failed, by reason.", ["reason"])
for _reason in TABLE:
    if _reason.who == "operator":
        FAILED.labels(_reason.code)  # at 0 from the start, so that the first one is a rise
