"""The stylesheet's colours reach WCAG 2.2 AA, in light and in dark."""

from __future__ import annotations

import re

import pytest

from shared.i18n.catalogs import SHARED

CSS = (SHARED / "static" / "app.css").read_text()
TONES = ("neutral", "info", "progress", "success", "warning", "danger")
TEXT = [
    *(("ink", ground) for ground in ("bg", "surface", "sunken")),
    *(("muted", ground) for ground in ("bg", "surface", "sunken")),
    *(("accent", ground) for ground in ("bg", "surface", "sunken")),
    *((tone, f"{tone}-soft") for tone in TONES),
    *(("ink", f"{tone}-soft") for tone in TONES),
    ("accent-ink", "accent"),
    ("accent-ink", "accent-strong"),
    ("accent-strong", "surface"),
    ("side-ink", "side"),
    ("side-muted", "side"),
    ("side-on-ink", "side-on"),
    ("side-ink", "side-on"),
    ("danger", "surface"),
    ("danger", "danger-soft"),
]
SHAPES = [("edge", "surface"), ("edge", "bg"), ("focus", "surface"), ("focus", "bg"), ("accent", "info-soft")]


def tokens(scheme: str) -> dict[str, str]:
    blocks = re.findall(r":root \{(.*?)\}", CSS, re.S)
    light, dark = (dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", block)) for block in blocks)
    return light if scheme == "light" else light | dark


def luminance(colour: str) -> float:
    parts = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_and_shapes_stand_out_from_their_ground(scheme: str) -> None:
    colour = tokens(scheme)
    pairs = [(pair, 4.5) for pair in TEXT] + [(pair, 3.0) for pair in SHAPES]
    found = {pair: round(contrast(colour[pair[0]], colour[pair[1]]), 2) for pair, _ in pairs}
    assert {pair: found[pair] for pair, least in pairs if found[pair] < least} == {}


def test_the_stylesheet_fetches_nothing() -> None:
    assert "@import" not in CSS
    assert all(url.startswith('"data:') for url in re.findall(r"url\(([^)]*)", CSS))
