"""Pictures of screens: all of them with a sheet to look through, or the chosen ones that the README shows."""

from __future__ import annotations

import asyncio
import base64
import html
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from playwright.async_api import Browser, Page

from tests.screens.checks import HERE, hold, show, window
from tests.screens.table import DESKTOP, LOOKS, PARTS, PHONE, Look

FORCED = Look(DESKTOP, "dark", forced_colors=True)
FORCED_SCREENS = ("portal/m365-code", "portal/invitations", "wizard/code", "components/gallery")
"""Pictured with forced colours (Windows' high contrast) as well."""
LIGHT, PHONE_LIGHT, DARK, PHONE_DARK = LOOKS
SIZES = {DESKTOP: 800, PHONE: 844}
# The README's gallery: name of the file -> which screen, in which look.
CHOSEN: Mapping[str, tuple[str, Look]] = {
    "settings-completed": ("portal/m365-completed", LIGHT),
    "settings-signing-in": ("portal/m365-code", LIGHT),
    "settings-access-lost": ("portal/m365-lost", DARK),
    "switch-confirm": ("portal/confirm", LIGHT),
    "customers": ("portal/customers", DARK),
    "pending-invitations": ("portal/invitations", LIGHT),
    "authentication-status": ("portal/status", LIGHT),
    "mail-invitation": ("mails/mail-invitation", LIGHT),
    "wizard-device-code": ("wizard/code", LIGHT),
    "wizard-invitation": ("wizard/invitation", PHONE_LIGHT),
    "wizard-choose": ("wizard/choose", PHONE_DARK),
    "wizard-refused": ("wizard/failed", PHONE_LIGHT),
}
PALETTE = (HERE / "palette.js").read_text()


@dataclass(frozen=True)
class Picture:
    screen: str
    language: str
    look: Look

    @property
    def path(self) -> str:
        return f"{self.screen}-{self.language}-{self.look.name}.png"


async def picture_all(
    browser: Browser, mongo_url: str, folder: Path, languages: Collection[str], only: Collection[str]
) -> list[Picture]:
    """Each wanted screen in every look, in each of its languages that is wanted."""
    taken: list[Picture] = []

    async def walk(part: str, language: str) -> None:
        async def visit(page: Page, name: str) -> None:
            screen = f"{part}/{name}"
            if only and not {part, name, screen}.intersection(only):
                return
            await hold(page)
            for look in (*LOOKS, FORCED) if screen in FORCED_SCREENS else LOOKS:
                picture = Picture(screen, language, look)
                (folder / picture.path).parent.mkdir(parents=True, exist_ok=True)
                await show(page, look)
                await page.screenshot(path=folder / picture.path, full_page=True, animations="disabled")
                taken.append(picture)
            await show(page, LOOKS[0])

        async with window(browser, language) as context:
            await PARTS[part].walk(context, mongo_url, visit)

    wanted = [(part, language) for part, row in PARTS.items() for language in languages or row.languages]
    await asyncio.gather(*(walk(*one) for one in wanted))
    (folder / "index.html").write_text(sheet(taken))
    return taken


async def picture_chosen(browser: Browser, mongo_url: str, folder: Path) -> list[str]:
    """What of the chosen was not met on the way."""
    folder.mkdir(parents=True, exist_ok=True)
    missing = set(CHOSEN)

    async def walk(part: str) -> None:
        async def visit(page: Page, name: str) -> None:
            for file, (screen, look) in CHOSEN.items():
                if screen == f"{part}/{name}":
                    await show(page, look, SIZES[look.width])
                    await page.evaluate("scrollTo(0, 0)")
                    (folder / f"{file}.png").write_bytes(await small(browser, await page.screenshot()))
                    missing.discard(file)
            await show(page, LOOKS[0])

        async with window(browser, "en") as context:
            await PARTS[part].walk(context, mongo_url, visit)

    await asyncio.gather(*(walk(part) for part in sorted({screen.partition("/")[0] for screen, _ in CHOSEN.values()})))
    return sorted(missing)


async def small(browser: Browser, png: bytes) -> bytes:
    """The same with 256 colours."""
    page = await browser.new_page()
    packed = await page.evaluate(PALETTE, base64.b64encode(png).decode())
    await page.close()
    return base64.b64decode(packed)


# --- the sheet -------------------------------------------------------------------------------------------------------

STYLE = """
body { margin: 2rem; font: 16px/1.4 system-ui, sans-serif; background: #e9edf1; color: #15212e; }
h2 { margin: 2rem 0 .5rem; font-size: 1rem; } h2 small { font-weight: 400; color: #51606f; }
section > div { display: flex; flex-wrap: wrap; gap: .75rem; align-items: start; }
figure { margin: 0; } figcaption { font-size: .75rem; color: #51606f; }
img { display: block; height: 16rem; width: auto; max-width: 30rem; object-fit: cover; object-position: top; }
"""


def sheet(pictures: list[Picture]) -> str:
    return "\n".join(
        (
            '<!doctype html><html lang="en"><meta charset="utf-8"><title>Screens</title>',
            f"<style>{STYLE}</style>",
            f"<h1>{len({one.screen for one in pictures})} screens, {len(pictures)} pictures</h1>",
            *_sections(pictures),
        )
    )


def _sections(pictures: list[Picture]) -> Iterator[str]:
    order = list(PARTS)
    rank = {screen: at for at, screen in enumerate(dict.fromkeys(one.screen for one in pictures))}
    for screen in sorted(rank, key=lambda name: (order.index(name.partition("/")[0]), rank[name])):
        figures = (_figure(one) for one in pictures if one.screen == screen)
        yield f"<section><h2>{html.escape(screen)}</h2><div>{''.join(figures)}</div></section>"


def _figure(picture: Picture) -> str:
    at, label = html.escape(picture.path), html.escape(f"{picture.language} {picture.look.name}")
    image = f'<a href="{at}"><img src="{at}" alt="{label}" loading="lazy"></a>'
    return f"<figure>{image}<figcaption>{label}</figcaption></figure>"
