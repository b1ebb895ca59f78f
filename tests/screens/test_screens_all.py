"""Every screen of the table, in each width and theme and in two languages: what a machine can see of it is in order."""

from __future__ import annotations

import asyncio
import hashlib
import re

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page

from tests.screens.checks import AXE_FILE, PROBE, Seen, check, window
from tests.screens.table import LOOKS, PARTS

LIMIT = 150_000
pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(900)]


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def seen(chromium: Browser, mongo_url: str) -> Seen:
    """All walks, side by side: the browser computes while the services answer."""
    found = Seen()
    walks = [(name, part, language) for name, part in PARTS.items() for language in part.languages]
    await asyncio.gather(
        *(
            check(chromium, name, row=part, language=language, mongo_url=mongo_url, seen=found)
            for name, part, language in walks
        )
    )
    return found


def none(found: list[str]) -> None:
    assert not found, "\n".join(["", *sorted(set(found))])


async def test_every_screen_was_seen_in_every_look(seen: Seen) -> None:
    screens = {screen for screen, _ in seen.looks}
    assert len(screens) > 70
    missing = [
        f"{screen} {look.name}"
        for screen in screens
        if not screen.startswith("components/")
        for look in LOOKS
        if not seen.looks[screen, look.name]
    ]
    none(missing)


async def test_axe_finds_nothing_at_wcag_2_2_aa(seen: Seen) -> None:
    for advice in sorted(set(seen.of("advice"))):
        print("advice:", advice)
    none(seen.of("axe"))


async def test_nothing_scrolls_sideways_down_to_320_px_and_with_large_or_spaced_text(seen: Seen) -> None:
    none(seen.of("reflow"))


async def test_no_text_is_cut_off_or_leaves_its_box(seen: Seen) -> None:
    none(seen.of("cut"))


async def test_nothing_moves_for_who_wants_no_motion(seen: Seen) -> None:
    none(seen.of("motion"))


async def test_for_all_others_what_is_being_worked_on_does_move(chromium: Browser, mongo_url: str) -> None:
    moving: dict[str, list[str]] = {}

    async def visit(page: Page, name: str) -> None:
        moving[name] = await page.evaluate("probe.moving()")

    async with window(chromium, "en", reduced_motion="no-preference") as context:
        await context.add_init_script(PROBE)
        await PARTS["components"].walk(context, mongo_url, visit)
    assert moving["gallery"]


async def test_no_page_complains(seen: Seen) -> None:
    none(seen.of("complaint"))


async def test_the_first_load_of_every_page_weighs_less_than_150_kb(seen: Seen) -> None:
    assert min(seen.weights.values()) > 20_000, "a page without its style and scripts was weighed"
    none([f"{name}: {weight} bytes" for name, weight in seen.weights.items() if weight >= LIMIT])


async def test_axe_is_the_one_that_was_recorded() -> None:
    readme = (AXE_FILE.parent / "README.md").read_text()
    recorded = re.findall(rf"^\| {re.escape(AXE_FILE.name)} \|.*\| ([0-9a-f]{{64}}) \|$", readme, re.M)
    assert recorded == [hashlib.sha256(AXE_FILE.read_bytes()).hexdigest()]
