"""Short signed tokens under a key ring: version | key id | payload | HMAC-SHA256, in base64url. Nothing is stored.

Each purpose has a derived key of its own, so that a token of one purpose is nothing to another.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode

from shared.crypto.vault import KeyRing

VERSION = 1
MAX_TOKEN_CHARACTERS = 2048
_MAC_BYTES = 32
_NOBODY = bytes(32)


class Signer:
    """Signs with the ring's current key; reads what any of its keys signed."""

    def __init__(self, ring: KeyRing, purpose: str) -> None:
        self._ring = ring
        self._keys = {kid: key for kid in ring.keys if (key := ring.derive(kid, purpose))}

    def sign(self, payload: bytes) -> str:
        current = self._ring.sealing()
        kid = current.encode()
        signed = bytes([VERSION, len(kid)]) + kid + payload
        mac = hmac.digest(self._keys[current], signed, hashlib.sha256)
        return urlsafe_b64encode(signed + mac).rstrip(b"=").decode()

    def read(self, token: str) -> bytes | None:
        """The payload, or None whatever is wrong. A MAC is computed in any case, so that time tells nothing."""
        signed, mac = _decoded(token)
        length = signed[1] if len(signed) > 1 else 0
        key = self._keys.get(signed[2 : 2 + length].decode("ascii", "replace"))
        expected = hmac.digest(key or _NOBODY, signed, hashlib.sha256)
        same = hmac.compare_digest(mac, expected)
        return signed[2 + length :] if same and key is not None and signed[0] == VERSION else None


def _decoded(token: str) -> tuple[bytes, bytes]:
    """What is signed and its MAC; empty ones for what is no token. Only the one canonical spelling is read."""
    if len(token) > MAX_TOKEN_CHARACTERS or not token.isascii():
        return b"", b""
    text = token.encode()
    try:
        raw = urlsafe_b64decode(text + b"=" * (-len(text) % 4))
    except ValueError:
        return b"", b""
    if urlsafe_b64encode(raw).rstrip(b"=") != text or len(raw) < _MAC_BYTES + 2:
        return b"", b""
    return raw[:-_MAC_BYTES], raw[-_MAC_BYTES:]
