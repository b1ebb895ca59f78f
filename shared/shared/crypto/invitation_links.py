"""Invitation links: derived from invitation and generation, never stored, the same in every service with the ring."""

from __future__ import annotations

from dataclasses import dataclass

from shared.crypto.secret import Secret
from shared.crypto.signed_tokens import Signer
from shared.crypto.vault import KeyRing

PURPOSE = "link"
_GENERATION_BYTES = 4


@dataclass(frozen=True, slots=True)
class Link:
    """What a validly signed link says; whether it still counts is for the invitation's document to say."""

    invitation_id: str
    generation: int


class Links:
    """Makes and reads links. The token is version | key id | generation | invitation id | HMAC-SHA256."""

    def __init__(self, ring: KeyRing, base_url: str) -> None:
        self._signer, self._base_url = Signer(ring, PURPOSE), base_url.rstrip("/")

    def address(self, invitation_id: str, generation: int) -> Secret[str]:
        """The address for the invitee. Who has it counts as the invitee: a secret until a mail or a page shows it."""
        payload = generation.to_bytes(_GENERATION_BYTES, "big") + invitation_id.encode()
        return Secret(f"{self._base_url}/i/{self._signer.sign(payload)}")

    def read(self, token: str) -> Link | None:
        """What the token of `/i/{token}` says, or None: the same answer whatever is wrong. Never raises."""
        payload = self._signer.read(token)
        if payload is None or len(payload) <= _GENERATION_BYTES:
            return None
        invitation_id = payload[_GENERATION_BYTES:].decode("utf-8", "replace")
        return Link(invitation_id, int.from_bytes(payload[:_GENERATION_BYTES], "big"))
