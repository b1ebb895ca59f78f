"""TLS towards other servers: which authorities are trusted."""

from __future__ import annotations

import ssl
from pathlib import Path


def tls_context(ca_file: str | Path | None) -> ssl.SSLContext:
    """A client context that trusts the system's authorities, or only `ca_file`. Raises: OSError, ssl.SSLError."""
    return ssl.create_default_context(cafile=ca_file)
