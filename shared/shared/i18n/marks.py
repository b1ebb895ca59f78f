"""How a text is marked for the catalogs, and which languages they are in; needs no library."""

from __future__ import annotations

SOURCE_LANGUAGE = "en"
LANGUAGES = ("en", "de", "fr", "es", "ja")
"""For invitees: the wizard, the mails, and all that is shared."""
PORTAL_LANGUAGES = ("en", "de")


def N_(text: str) -> str:
    """Mark a text for the catalogs where it is written; it is translated where it is shown."""
    return text
