"""A text that is being written, as part of an address: so a frame can show it, and nothing has to be kept for it."""

from __future__ import annotations

import json
import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass

from mails.texts import MAX_BODY_CHARACTERS, MAX_SUBJECT_CHARACTERS, Text
from shared.domain.rules import Refused

LONGEST_PACKED, LONGEST = 20_000, 40_000
"""What fits into an address, and what that may unpack to."""


@dataclass(frozen=True, slots=True)
class Draft:
    kind: str
    text: Text

    def pack(self) -> str:
        """What is too long to be saved is too long to be shown."""
        fields = (self.kind, self.text.subject[:MAX_SUBJECT_CHARACTERS], self.text.body[:MAX_BODY_CHARACTERS])
        return urlsafe_b64encode(zlib.compress(json.dumps(fields).encode(), 9)).decode().rstrip("=")

    @classmethod
    def unpack(cls, text: str) -> Draft:
        """Raises: Refused (404)."""
        try:
            if len(text) > LONGEST_PACKED:
                raise ValueError
            plain = zlib.decompressobj().decompress(urlsafe_b64decode(text + "=" * (-len(text) % 4)), LONGEST)
            kind, subject, body = (str(field) for field in json.loads(plain))
        except (ValueError, TypeError, zlib.error):
            detail = "This preview cannot be read; open it again from the settings."
            raise Refused("draft", detail, status=404) from None
        return cls(kind, Text(subject, body))
