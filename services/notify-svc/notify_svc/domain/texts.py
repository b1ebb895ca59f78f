"""The provider's settings for mails: one document for each version, and one for the newest that is known."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from shared.contracts.events import SettingsChanged
from shared.domain.rules import Change

NEWEST = "newest"


@dataclass(frozen=True, slots=True, kw_only=True)
class Texts:
    """One version. A language without words of its own, and an empty sender, are as without settings."""

    version: int
    subjects: dict[str, str] = field(default_factory=dict)
    bodies: dict[str, str] = field(default_factory=dict)
    sender: str = ""
    sender_name: str = ""


def version_id(event: SettingsChanged) -> str:
    return str(event.version)


def newest_id(event: SettingsChanged) -> str:
    return NEWEST


def keep(texts: Texts | None, event: SettingsChanged, now: datetime) -> Change[Texts] | None:
    """A version is kept as it came first, and the newest is the highest: one that comes late changes nothing."""
    if texts is not None and texts.version >= event.version:
        return None
    return Change(
        Texts(
            version=event.version,
            subjects=event.subjects,
            bodies=event.bodies,
            sender=event.sender,
            sender_name=event.sender_name,
        )
    )
