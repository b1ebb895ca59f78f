"""The provider's settings: what a new switch begins with, and how its invitation is worded. One document."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from datetime import datetime, timedelta

from shared.contracts.events import Actor, SettingsChanged
from shared.domain.rules import Change, Refused

ID = "settings"
DAY = timedelta(days=1)
LONGEST_LIFE_DAYS = 90


@dataclass(frozen=True, slots=True)
class Wording:
    """Own words of one language; what is empty is the standard text."""

    subject: str = ""
    body: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Values:
    """What an administrator sets. None or empty: as the environment says. `remind_after_days` 0: no reminder."""

    life_days: int | None = None
    remind_after_days: int | None = None
    accepted_roles: tuple[str, ...] = ()
    sender: str = ""
    sender_name: str = ""
    texts: dict[str, Wording] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """`edition` counts what was saved, and names the texts' version; 0: nothing yet."""

    edition: int = 0
    values: Values = field(default_factory=Values)
    changed_at: datetime | None = None
    changed_by: Actor | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a new switch takes from the settings, and keeps to its end."""

    life: timedelta
    remind_after: timedelta | None
    accepted_roles: tuple[str, ...]
    texts_version: int = 0


def in_force(settings: Settings, usual: Terms) -> Terms:
    """`usual`: what the environment says."""
    return replace(_terms(settings.values, usual), texts_version=settings.edition)


def _terms(values: Values, usual: Terms) -> Terms:
    life = usual.life if values.life_days is None else values.life_days * DAY
    remind = usual.remind_after
    if values.remind_after_days is not None:
        remind = values.remind_after_days * DAY or None
    return Terms(life=life, remind_after=remind, accepted_roles=values.accepted_roles or usual.accepted_roles)


def put(
    settings: Settings | None, values: Values, expected: int, usual: Terms, by: Actor, now: datetime
) -> Change[Settings] | None:
    """Replaces all values, if nobody else did since `expected` was read."""
    present = settings or Settings()
    if expected != present.edition:
        raise Refused(
            "settings_changed",
            "Somebody changed the settings meanwhile; read them again and repeat.",
            status=412,
            field="If-Match",
        )
    values = replace(values, texts={name: text for name, text in sorted(values.texts.items()) if text != Wording()})
    changed = _changed(present.values, values)
    if not changed:
        return None
    terms = _terms(values, usual)
    if {"life", "reminder"} & set(changed) and terms.remind_after and terms.remind_after >= terms.life:
        raise Refused(
            "remind_late",
            "The reminder must come before the invitation ends; choose fewer days.",
            status=422,
            field="remind_after_days",
        )
    edition = present.edition + 1
    event = SettingsChanged(
        customer=ID,
        version=edition,
        subjects={name: text.subject for name, text in values.texts.items() if text.subject},
        bodies={name: text.body for name, text in values.texts.items() if text.body},
        sender=values.sender,
        life_days=_days(terms.life),
        remind_after_days=_days(terms.remind_after),
        accepted_roles=terms.accepted_roles,
        by=by,
        sender_name=values.sender_name,
        changed=changed,
    )
    return Change(Settings(edition=edition, values=values, changed_at=now, changed_by=by), (event,))


_NAMES = {
    "life_days": "life",
    "remind_after_days": "reminder",
    "accepted_roles": "accepted_roles",
    "sender": "sender",
    "sender_name": "sender",
}


def _changed(old: Values, new: Values) -> tuple[str, ...]:
    plain = [
        _NAMES[part.name]
        for part in fields(Values)
        if part.name in _NAMES and getattr(old, part.name) != getattr(new, part.name)
    ]
    languages = sorted(old.texts.keys() | new.texts.keys())
    texts = [f"texts.{name}" for name in languages if old.texts.get(name) != new.texts.get(name)]
    return tuple(dict.fromkeys([*plain, *texts]))


def _days(span: timedelta | None) -> int:
    return -(-span // DAY) if span else 0
