"""The simulator's certificate authority, made once and kept; the server certificate, made at every start."""

from __future__ import annotations

import os
from pathlib import Path

import trustme


def certificate_authority(state: Path) -> Path:
    """Makes DIR/ca.pem and its key unless they are there; gives the path of the certificate."""
    certificate, key = state / "ca.pem", state / "ca-key.pem"
    if not (certificate.exists() and key.exists()):
        authority = trustme.CA(organization_name="Simulated Microsoft sign-in")
        _write(key, authority.private_key_pem.bytes())
        _write(certificate, authority.cert_pem.bytes())
    return certificate


def server_certificate(state: Path, *names: str) -> tuple[Path, Path]:
    """(chain, key) for localhost and these names, signed by the kept authority."""
    authority = trustme.CA.from_pem((state / "ca.pem").read_bytes(), (state / "ca-key.pem").read_bytes())
    leaf = authority.issue_cert(*dict.fromkeys(("localhost", "127.0.0.1", *names)))
    chain, key = state / "server.pem", state / "server-key.pem"
    _write(key, leaf.private_key_pem.bytes())
    _write(chain, b"".join(blob.bytes() for blob in leaf.cert_chain_pems))
    return chain, key


def _write(path: Path, content: bytes) -> None:
    """Atomic, and readable by the owner only."""
    fresh = path.with_suffix(".new")
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
    fresh.replace(path)
