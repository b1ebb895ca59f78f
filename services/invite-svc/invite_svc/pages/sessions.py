"""The cookie of the one browser that goes on with an invitation: random, signed, kept only as its SHA-256."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass

from shared.crypto.signed_tokens import Signer
from shared.crypto.vault import KeyRing

_RANDOM, _GENERATION = 32, 4


@dataclass(frozen=True, slots=True)
class Session:
    """What a cookie of ours says. Whether it is still the one session is for the invitation to say, by `hashed`."""

    invitation_id: str
    generation: int
    hashed: str


class Sessions:
    """Makes and reads session cookies: 256 random bits, the generation of the link they began with, the invitation."""

    def __init__(self, ring: KeyRing) -> None:
        self._signer = Signer(ring, "invitation session")

    def begin(self, invitation_id: str, generation: int) -> str:
        payload = secrets.token_bytes(_RANDOM) + generation.to_bytes(_GENERATION, "big") + invitation_id.encode()
        return self._signer.sign(payload)

    def read(self, cookie: str | None) -> Session | None:
        payload = self._signer.read(cookie) if cookie else None
        if cookie is None or payload is None or len(payload) <= _RANDOM + _GENERATION:
            return None
        numbered = payload[_RANDOM:]
        generation = int.from_bytes(numbered[:_GENERATION], "big")
        return Session(numbered[_GENERATION:].decode("utf-8", "replace"), generation, hashed(cookie))


def hashed(cookie: str) -> str:
    return hashlib.sha256(cookie.encode()).hexdigest()
