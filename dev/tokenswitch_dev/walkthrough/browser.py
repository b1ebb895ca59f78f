"""The machine's Chromium, and one window of a person in it, whose complaints are collected."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, field

from playwright.async_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Playwright,
    StorageState,
    ViewportSize,
    expect,
)

NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
"""The first is the same browser without windows, at about 60 % of the CPU time."""
ARGUMENTS = (
    "--no-sandbox",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
LAPTOP: ViewportSize = {"width": 1280, "height": 900}
PHONE: ViewportSize = {"width": 390, "height": 844}
TIMEOUT_MILLISECONDS = 40_000
NO_CHROMIUM = (
    "There is no Chromium here: install one (Debian: apt-get install chromium; macOS: brew install --cask "
    "chromium), or name it in CHROMIUM."
)


class NoChromium(Exception):
    """No browser to walk with; the message says what to do."""


def chromium() -> str:
    """CHROMIUM names another one than those usually installed."""
    named = os.environ.get("CHROMIUM", "")
    found = next((path for name in (named, *NAMES) if name and (path := shutil.which(name))), None)
    if found is None:
        raise NoChromium(NO_CHROMIUM)
    return found


async def launch(playwright: Playwright) -> Browser:
    expect.set_options(timeout=TIMEOUT_MILLISECONDS)
    return await playwright.chromium.launch(executable_path=chromium(), args=list(ARGUMENTS))


@dataclass
class Window:
    """One person's browser: cookies of its own. `complaints`: all that a developer's console would show in red."""

    context: BrowserContext
    complaints: list[str] = field(default_factory=list)

    async def page(self) -> Page:
        return await self.context.new_page()

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and "sandboxed" not in message.text:
            self.complaints.append(f"{message.type} at {message.location['url']}: {message.text}")

    def _broke(self, error: object) -> None:
        self.complaints.append(f"script: {error}")


async def open_window(
    browser: Browser, *, size: ViewportSize = LAPTOP, script: bool = True, known: StorageState | None = None
) -> Window:
    """`known`: the cookies of a window that was open before."""
    context = await browser.new_context(
        storage_state=known,
        viewport=size,
        java_script_enabled=script,
        locale="en-GB",
        timezone_id="Europe/London",
        permissions=["clipboard-read", "clipboard-write"],
    )
    context.set_default_timeout(TIMEOUT_MILLISECONDS)
    window = Window(context)
    context.on("console", window._heard)
    context.on("weberror", lambda error: window._broke(error.error))
    return window
