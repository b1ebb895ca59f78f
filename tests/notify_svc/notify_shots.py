"""Pictures of every mail: python -m tests.notify_svc.notify_shots FOLDER [LANGUAGE ...] [KIND ...]."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from playwright.async_api import Browser, async_playwright

from notify_svc.domain.model import ADDRESSEE_OF, Kind
from notify_svc.domain.texts import Texts
from shared.i18n.marks import LANGUAGES
from tests.notify_svc.notify_kit import ADMIN, EVERY_FACT, document, letter, read, text_of
from tokenswitch_dev.walkthrough.browser import launch

LOOKS: tuple[tuple[Literal["light", "dark"], int], ...] = (("light", 390), ("dark", 390), ("light", 760), ("dark", 760))
OWN = Texts(
    version=1,
    subjects={},
    bodies={
        "en": "Dear {invitee},\n\n{provider} is moving {customer} to a safer way to sign in.\n"
        "Please answer until {until}; your usual contact is {inviter}.\n\nYou can also use {link}"
    },
    sender="",
    sender_name="",
)


async def shoot(browser: Browser, folder: Path, name: str, html: str) -> None:
    for scheme, width in LOOKS:
        page = await browser.new_page(viewport={"width": width, "height": 700}, color_scheme=scheme)
        await page.set_content(html)
        over = await page.evaluate("document.documentElement.scrollWidth - innerWidth")
        if over > 0:
            print(f"{name} {scheme} {width}: {over} px too wide")
        await page.screenshot(path=folder / f"{name}-{width}-{scheme}.png", full_page=True)
        await page.close()


async def main(folder: Path, languages: Sequence[str], kinds: Sequence[Kind]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    async with async_playwright() as playwright:
        browser = await launch(playwright)
        for language in languages:
            for kind in kinds:
                facts = replace(EVERY_FACT, account=ADMIN) if kind == "done" else EVERY_FACT
                message = read(letter(kind, facts=facts, language=language))
                await shoot(browser, folder, f"{kind}-{language}", text_of(message, "html"))
                (folder / f"{kind}-{language}.txt").write_text(text_of(message))
        own = read(letter("reminder", document(), texts=OWN))
        await shoot(browser, folder, "own-en", text_of(own, "html"))
        (folder / "own-en.txt").write_text(text_of(own))
        await browser.close()


if __name__ == "__main__":
    given = sys.argv[2:]
    asyncio.run(
        main(
            Path(sys.argv[1]),
            [word for word in given if word in LANGUAGES] or LANGUAGES,
            [kind for kind in ADDRESSEE_OF if kind in given] or tuple(ADDRESSEE_OF),
        )
    )
