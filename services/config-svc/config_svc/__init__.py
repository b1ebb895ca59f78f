"""config-svc."""
