"""invite-svc."""
