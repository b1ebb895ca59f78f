"""Every screen and state of portal, wizard and mails: one table, walked by what pictures them and by what checks them.

A part walks past its screens in one browser context, whose language the caller chose, and calls `visit` at each with
its name. Its service is real, on a database of its own; states are put in by folding real events.

To add a screen or a state: one line in PAGES of tests/config_svc/config_shots.py (portal), one `shoot` in the walk of
tests/invite_svc/invite_shots.py (wizard), one line in MAILS of tests/screens/mail_screens.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from tests.screens import components, mail_screens, portal, wizard
from tests.screens.walking import Walk

Scheme = Literal["light", "dark"]


@dataclass(frozen=True)
class Look:
    width: int
    scheme: Scheme
    forced_colors: bool = False

    @property
    def name(self) -> str:
        return f"{self.width}-{'forced' if self.forced_colors else self.scheme}"


@dataclass(frozen=True)
class Part:
    """One face of the product. `languages`: the two that pictures and checks take; there may be more."""

    walk: Walk
    languages: Sequence[str]


DESKTOP, PHONE = 1280, 390
LOOKS = (Look(DESKTOP, "light"), Look(PHONE, "light"), Look(DESKTOP, "dark"), Look(PHONE, "dark"))
PARTS: Mapping[str, Part] = {
    "portal": Part(portal.walk, ("en", "de")),
    "wizard": Part(wizard.walk, ("en", "fr")),
    "mails": Part(mail_screens.walk, ("en", "ja")),
    "components": Part(components.walk, ("en",)),
}
LOCALES = {"en": "en-GB", "de": "de-DE", "fr": "fr-FR", "es": "es-ES", "ja": "ja-JP"}
