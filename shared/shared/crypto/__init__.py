"""Secrets: the type that cannot be printed, sealing at rest and between services, signed tokens, invitation links."""
