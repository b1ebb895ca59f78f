"""What config-svc shows at /metrics beside the common measures.

The gauges of customers are of the whole system: every replica shows the same. Take `max`, not `sum`.
"""

from __future__ import annotations

from prometheus_client import Gauge

STREAMS = Gauge("tokenswitch_event_streams", "Open streams of server-sent events.")
CUSTOMERS = Gauge("tokenswitch_customers", "Customers by authentication status.", ["status"])
METHODS = Gauge("tokenswitch_customers_by_method", "Customers by the method in force.", ["method"])
SWITCHES = Gauge("tokenswitch_switches", "Customers by the state of their current or last switch.", ["state"])
GRANTS = Gauge("tokenswitch_grants", "Delegated tokens in force, healthy or lost.", ["health"])
EXPIRING = Gauge("tokenswitch_secrets_expiring", "Client secrets in use that expire within 30 days, or have expired.")
COUNTED = Gauge("tokenswitch_customers_counted_timestamp_seconds", "When customers were counted last.")
