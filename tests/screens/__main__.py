"""Pictures every screen: python -m tests.screens FOLDER [--language de] [--only wizard portal/switch] [--chosen]."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from playwright.async_api import async_playwright

from tests.screens.pictures import CHOSEN, picture_all, picture_chosen
from tokenswitch_dev.stack.mongo import EmbeddedMongo
from tokenswitch_dev.stack.process import free_port
from tokenswitch_dev.walkthrough.browser import launch


async def main(given: argparse.Namespace, mongo_url: str) -> str:
    """What was written; raises SystemExit where something is missing."""
    folder: Path = given.folder
    async with async_playwright() as playwright:
        browser = await launch(playwright)
        try:
            if not given.chosen:
                taken = await picture_all(browser, mongo_url, folder, given.language, given.only)
                return f"{len(taken)} pictures, to look through in {folder / 'index.html'}"
            if missing := await picture_chosen(browser, mongo_url, folder):
                sys.exit(f"not met on the way: {', '.join(missing)}")
            return f"{len(CHOSEN)} pictures in {folder}"
        finally:
            await browser.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--language", nargs="*", default=())
    parser.add_argument("--only", nargs="*", default=(), help="parts, screens, or both as portal/switch")
    parser.add_argument("--chosen", action="store_true", help="those of the README, small")
    with tempfile.TemporaryDirectory() as data, EmbeddedMongo(Path(data), free_port()) as server:
        print(asyncio.run(main(parser.parse_args(), server.url)))
