"""A mail before it travels: its language, subject, text and HTML."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field

MAX_SUBJECT_CHARACTERS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What a mail says, in one language: the same as text and as HTML."""

    language: str
    subject: str
    """One line."""
    text: str = field(repr=False)
    """In lines of `lines.MAX_COLUMNS` at most."""
    html: str = field(repr=False)


def one_line(text: str, longest: int = MAX_SUBJECT_CHARACTERS) -> str:
    """Without line breaks, control characters and marks that turn the direction of writing."""
    plain = "".join(" " if unicodedata.category(letter)[0] in "CZ" else letter for letter in text)
    joined = " ".join(plain.split())
    harmless = joined.replace("=?", "= ?")  # what begins like this would be decoded, line breaks and all
    return harmless if len(harmless) <= longest else harmless[: longest - 1] + "…"
