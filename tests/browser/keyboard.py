"""A person without a mouse: Tab to what has a name, Enter, Space, arrows. Every stop must be seen, none may hold."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from playwright.async_api import Page

from tests.screens.checks import PROBE

MOST = 120


@dataclass
class Keyboard:
    """`faults`: stops without a visible outline, covered ones (WCAG 2.4.7, 2.4.11), and traps (2.1.2)."""

    page: Page
    faults: list[str] = field(default_factory=list)

    async def to(self, name: str, kind: str = "") -> None:
        """Tab after Tab until the focus stands on what has this name, exactly. `kind`: its tag, where names repeat."""
        stops: list[str] = []
        before = ""
        await self.page.wait_for_load_state("load")
        for _ in range(MOST):
            await self.page.keyboard.press("Tab")
            stop = await self.stop()
            stops.append(str(stop["name"]))
            if stop["key"] and stop["key"] == before:
                self.faults.append(f"{self.page.url}: the focus does not leave {stop['key']}")
            before = stop["key"]
            if stop["name"] == name and kind in ("", stop["tag"]):
                return
        raise AssertionError(f"no {name!r} on {self.page.url}, only {stops}")

    async def stop(self) -> dict[str, Any]:
        """Where the focus stands; what is wrong there is noted."""
        await self.page.evaluate(PROBE)
        found: dict[str, Any] = await self.page.evaluate("probe.focus()")
        if found["key"] and not found["ring"]:
            self.faults.append(f"{self.page.url}: no outline at {found['key']}")
        if found["key"] and not found["seen"]:
            self.faults.append(f"{self.page.url}: covered: {found['key']}")
        return found

    async def press(self, name: str, kind: str = "", key: str = "Enter") -> None:
        await self.to(name, kind)
        await self.page.keyboard.press(key)

    async def follow(self, name: str, kind: str = "") -> None:
        """Enter on what leads to another page, and that page."""
        await self.to(name, kind)
        await self.enter()

    async def enter(self) -> None:
        async with self.page.expect_navigation():
            await self.page.keyboard.press("Enter")

    async def type(self, name: str, text: str) -> None:
        await self.to(name)
        await self.page.keyboard.press("ControlOrMeta+A")
        await self.page.keyboard.type(text)
