"""What config-svc shows at /metrics beside the common measures."""

from __future__ import annotations

from prometheus_client import Gauge

STREAMS = Gauge("tokenswitch_event_streams", "Open streams of server-sent events.")
