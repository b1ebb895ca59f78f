"""A text that is being written, as part of an address: so a frame can show it, and nothing has to be kept for it."""

from __future__ import annotations

import json
import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass

from mails.texts import LONGEST_BODY, LONGEST_SUBJECT, Text
from shared.domain.rules import Refused

LONGEST_PACKED, LONGEST = 20_000, 40_000
"""What fits into an address, and what that may unpack to."""


@dataclass(frozen=True, slots=True)
class Draft:
    kind: str
    text: Text


def packed(draft: Draft) -> str:
    """What is too long to be saved is too long to be shown."""
    said = (draft.kind, draft.text.subject[:LONGEST_SUBJECT], draft.text.body[:LONGEST_BODY])
    return urlsafe_b64encode(zlib.compress(json.dumps(said).encode(), 9)).decode().rstrip("=")


def unpacked(text: str) -> Draft:
    """Raises: Refused."""
    try:
        if len(text) > LONGEST_PACKED:
            raise ValueError
        plain = zlib.decompressobj().decompress(urlsafe_b64decode(text + "=" * (-len(text) % 4)), LONGEST)
        kind, subject, body = (str(part) for part in json.loads(plain))
    except (ValueError, TypeError, zlib.error):
        raise Refused("draft", "This preview cannot be read; open it again from the settings.", status=404) from None
    return Draft(kind, Text(subject, body))
