"""The HTTP edge: problems, middleware, probes, idempotency, pagination, rate limits, static files."""
