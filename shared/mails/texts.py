"""The provider's own wording of an invitation: plain text with named placeholders, and nothing else.

A placeholder is a name in braces. There is no expression, no format, no attribute, and what a placeholder stands for is
never looked at again: a customer called `{link}` stays one.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

PLACEHOLDERS = ("customer", "tenant", "provider", "invitee", "inviter", "until", "link")
IN_BODY = PLACEHOLDERS
IN_SUBJECT = tuple(name for name in PLACEHOLDERS if name != "link")
"""Subjects are shown and logged in many places: the link is not to be in one."""
MAX_SUBJECT_CHARACTERS, MAX_BODY_CHARACTERS = 150, 2000

_PLACES = re.compile(r"\{([^{}\n]*)\}|[{}]")
_BREAKS = re.compile(r"\n{3,}")
_MAX_SHOWN_CHARACTERS = 30


@dataclass(frozen=True, slots=True)
class Text:
    """Own words for one language; what is empty is the standard text."""

    subject: str = ""
    body: str = ""


@dataclass(frozen=True, slots=True)
class TextError:
    """Why a text cannot be used."""

    kind: Literal["unknown", "brace", "control", "long"]
    places: Mapping[str, object]
    """What a sentence about it says: line and column, found, allowed, or length and most."""


def normalized(text: str) -> str:
    """The same text whatever typed it: line ends of one kind, no blanks at the ends of lines, no gaps."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return _BREAKS.sub("\n\n", "\n".join(line.rstrip() for line in lines)).strip()


def find_error(text: str, allowed: tuple[str, ...], most: int) -> TextError | None:
    """The first thing that is wrong, and where it stands; `most`: characters."""
    if len(text) > most:
        return TextError("long", {"length": len(text), "most": most})
    control = next((at for at, letter in enumerate(text) if letter != "\n" and _is_control(letter)), None)
    if control is not None:
        return TextError("control", _where(text, control))
    names = ", ".join(f"{{{name}}}" for name in allowed)
    for place in _PLACES.finditer(text):
        if place[1] is None:
            return TextError("brace", _where(text, place.start()) | {"allowed": names})
        if place[1] not in allowed:
            shown = place[0] if len(place[0]) <= _MAX_SHOWN_CHARACTERS else f"{place[0][:_MAX_SHOWN_CHARACTERS]}…"
            return TextError("unknown", _where(text, place.start()) | {"found": shown, "allowed": names})
    return None


def _is_control(letter: str) -> bool:
    return unicodedata.category(letter) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")


def _where(text: str, at: int) -> dict[str, object]:
    before = text[:at]
    return {"line": before.count("\n") + 1, "column": at - (before.rfind("\n") + 1) + 1}


def fill_in(text: str, values: Mapping[str, str]) -> str:
    """The text with what its placeholders stand for; a name that is not known stays as it is written."""
    return _PLACES.sub(lambda place: values.get(place[1], place[0]) if place[1] else place[0], text)


def paragraphs(text: str) -> list[str]:
    return [part for part in text.split("\n\n") if part]
