"""What the settings page says: values as fields, roles as choices, changes in words. Pure functions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from config_svc.domain.settings import Settings, Terms
from config_svc.pages.forms import Filled
from config_svc.texts.event_texts import describe
from shared.contracts.roles import NAMES, role_name

Say = Callable[[str], str]
CHANGES = 10


def general(settings: Settings, usual: Terms) -> dict[str, Any]:
    """The values as they stand in the form; what is empty is as the environment says."""
    values = settings.values
    return {
        "sender_name": values.sender_name,
        "sender_address": values.sender,
        "invitation_life_days": _text(values.life_days),
        "remind_after_days": _text(values.remind_after_days),
        "accepted_roles": list(values.accepted_roles or usual.accepted_roles),
    }


def _text(number: int | None) -> str:
    return "" if number is None else str(number)


def role_choices(settings: Settings, usual: Terms) -> list[dict[str, str]]:
    """All roles that have a name here, and those that are accepted without one."""
    accepted = settings.values.accepted_roles or usual.accepted_roles
    ids = dict.fromkeys([*NAMES, *usual.accepted_roles, *accepted])
    return [{"value": id, "label": role_name(id), "hint": id if id not in NAMES else ""} for id in ids]


def edition_of(form: Filled) -> int:
    text = form.text("edition")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 10 else -1


def changes(rows: Iterable[Mapping[str, Any]], say: Say) -> list[dict[str, Any]]:
    found = []
    for row in rows:
        told = describe(row["action"], row["data"] | {"by": row["actor"] | {"address": row["address"]}}, say)
        found.append({"at": row["at"], "title": told.title, "text": told.text, "by": told.by})
    return found
