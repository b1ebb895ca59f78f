"""What those who run a service do beside serving: `python -m <service> dead|keys|reindex|indexes`."""
