"""auth-svc."""
