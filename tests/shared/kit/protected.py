"""An application as it meets the network, without a whole service around it."""

from __future__ import annotations

from starlette.types import ASGIApp

from shared.http.middleware import MAX_BYTES, BodyLimit, SecurityHeaders, TrustedHost, allowed_hosts


def protect(app: ASGIApp, public_url: str | None, max_bytes: int = MAX_BYTES) -> ASGIApp:
    """Wrapped whole: the application's own 500 is made outside its middleware."""
    inner: ASGIApp = BodyLimit(app, max_bytes)
    if public_url:
        inner = TrustedHost(inner, allowed_hosts(public_url))
    return SecurityHeaders(inner, public_url)
