"""What is asked of every screen by machine, on the open page: axe, reflow, text size and spacing, motion, weight.

Each screen is loaded once per language and looked at in place: the window changes its size, the theme its colours.
Of the four looks (desktop and phone, light and dark) a language takes two, the other language the other two, so each
screen is seen in every one. What depends on neither words nor colours (structure, weight) is asked in the first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, BrowserContext, CDPSession, Page

from tests.screens.table import DESKTOP, LOCALES, LOOKS, Look, Part
from tokenswitch_dev.walkthrough.browser import TIMEOUT_MILLISECONDS

HERE = Path(__file__).parent
AXE_FILE = HERE / "vendor" / "axe-core-4.14.1.min.js"
AXE, PROBE = AXE_FILE.read_text(), (HERE / "probe.js").read_text()
DEMANDED = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa")
ADVISED = "best-practice"
AGAIN = ("color-contrast", "target-size", "html-has-lang", "html-lang-valid", "valid-lang", "link-in-text-block")
"""Rules whose answer words and colours can change."""
INSPECT = """async ([kind, values]) => {
  const found = await axe.run(document, {
    runOnly: { type: kind, values: values }, resultTypes: ["violations"], preload: false, iframes: false,
    ...(kind === "tag" ? { rules: { "target-size": { enabled: true } } } : {}),
  });
  const nodes = (rule) => rule.nodes.map((node) => node.target.flat().join(" "));
  return [found.violations.map((rule) => [rule.id, rule.tags, nodes(rule)]), probe.all()];
}"""
MEASURE = """(css) => {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(css);
  document.adoptedStyleSheets = css ? [sheet] : [];
  return probe.all();
}"""
SPACING = (
    "* { line-height: 1.5 !important; letter-spacing: .12em !important; word-spacing: .16em !important; }"
    "p { margin-block-end: 2em !important; }"
)
HEIGHT = 844


@dataclass(frozen=True, kw_only=True)
class Finding:
    kind: str
    screen: str
    look: str
    what: str

    def __str__(self) -> str:
        return f"{self.screen} {self.look}: {self.what}"


@dataclass
class Seen:
    """All that was found on the walks, and what was seen at all."""

    findings: list[Finding] = field(default_factory=list)
    looks: Counter[tuple[str, str]] = field(default_factory=Counter)
    weights: dict[str, int] = field(default_factory=dict)

    def of(self, kind: str) -> list[str]:
        return [str(one) for one in self.findings if one.kind == kind]

    def add(self, kind: str, screen: str, look: str, found: Sequence[str]) -> None:
        self.findings += [Finding(kind=kind, screen=screen, look=look, what=what) for what in found]


@asynccontextmanager
async def window(browser: Browser, language: str, **more: Any) -> AsyncIterator[BrowserContext]:
    given: dict[str, Any] = {"locale": LOCALES[language], "reduced_motion": "reduce", "timezone_id": "Europe/London"}
    context = await browser.new_context(**(given | more))
    context.set_default_timeout(TIMEOUT_MILLISECONDS)
    yield context
    await context.close()


async def hold(page: Page) -> None:
    """A page that is to load itself again in some seconds stays as it is."""
    if await page.evaluate("document.querySelector('head > meta[http-equiv=refresh]') !== null"):
        await page.evaluate("window.stop()")


async def show(page: Page, look: Look, height: int = HEIGHT) -> None:
    await page.set_viewport_size({"width": look.width, "height": height})
    await page.emulate_media(color_scheme=look.scheme, forced_colors="active" if look.forced_colors else "none")


def looks_of(part: Part, language: str) -> tuple[Look, Look]:
    """The first language sees the phone dark and the desktop light, the second one the others. The desktop comes last:
    there the walk goes on.
    """
    desktop_light, phone_light, desktop_dark, phone_dark = LOOKS
    first = part.languages.index(language) % 2 == 0
    return (phone_dark, desktop_light) if first else (phone_light, desktop_dark)


async def check(browser: Browser, part: str, row: Part, language: str, mongo_url: str, seen: Seen) -> None:
    """One walk of one part in one language."""
    first = language == row.languages[0]
    async with window(browser, language) as context:
        await context.add_init_script(f"{PROBE};{AXE}")
        _listen(context, part, seen)
        scales: dict[Page, Scale] = {}

        async def visit(page: Page, name: str) -> None:
            screen = f"{part}/{name}"
            if first and part != "mails":
                seen.weights[screen] = await weigh(page, scales)
            await hold(page)
            await stretch(page, screen, language, seen)
            for look in looks_of(row, language):
                await show(page, look)
                await inspect(page, screen, f"{language} {look.name}", seen, first)
                seen.looks[screen, look.name] += 1

        await row.walk(context, mongo_url, visit)


async def inspect(page: Page, screen: str, look: str, seen: Seen, whole: bool) -> None:
    rules = ["tag", [*DEMANDED, ADVISED]] if whole else ["rule", AGAIN]
    violations, measured = await page.evaluate(INSPECT, rules)
    for rule, tags, nodes in violations:
        demanded = not {ADVISED}.intersection(tags)
        seen.add("axe" if demanded else "advice", screen, look, [f"{rule}: {', '.join(nodes[:4])}"])
    note(measured, screen, look, seen)


async def stretch(page: Page, screen: str, language: str, seen: Seen) -> None:
    """Zoom 400 % and 200 % of a desktop window, and text spaced as WCAG 1.4.12 says, the first of them at once.
    The last one leaves the page in its own style.
    """
    for width, css, look in (
        (DESKTOP, SPACING, "spaced"),
        (DESKTOP // 4, SPACING, "400 %, spaced"),
        (DESKTOP // 2, "", "200 %"),
    ):
        await page.set_viewport_size({"width": width, "height": HEIGHT})
        note(await page.evaluate(MEASURE, css), screen, f"{language} {look}", seen)
    await page.evaluate(MEASURE, "")


def note(measured: dict[str, list[str]], screen: str, look: str, seen: Seen) -> None:
    for kind, found in measured.items():
        seen.add(kind, screen, look, found)


def _listen(context: BrowserContext, part: str, seen: Seen) -> None:
    context.on("console", lambda said: _complain(seen, part, said.text) if said.type in ("error", "warning") else None)
    context.on("weberror", lambda error: _complain(seen, part, str(error.error)))


def _complain(seen: Seen, part: str, text: str) -> None:
    # A page that answers 4xx is a screen of the table; a frame without rights must not even hold our own probe.
    if not any(known in text for known in ("Failed to load resource", "sandboxed")) and part != "components":
        seen.add("complaint", part, "", [text])


# --- the weight of a page --------------------------------------------------------------------------------------------


@dataclass
class Scale:
    """Sums what came over the wire since the page's document was asked for, with an empty cache."""

    frame: str
    kinds: dict[str, str] = field(default_factory=dict)
    bytes: int = 0

    @classmethod
    async def under(cls, page: Page) -> Scale:
        session = await page.context.new_cdp_session(page)
        tree = await session.send("Page.getFrameTree")
        scale = cls(tree["frameTree"]["frame"]["id"])
        await session.send("Network.enable")
        await session.send("Network.setCacheDisabled", {"cacheDisabled": True})
        scale._hear(session)
        return scale

    def _hear(self, session: CDPSession) -> None:
        session.on("Network.requestWillBeSent", self._asked)
        session.on("Network.loadingFinished", self._came)

    def _asked(self, said: dict[str, Any]) -> None:
        kind = str(said.get("type"))
        if kind == "Document" and said.get("frameId") == self.frame and "redirectResponse" not in said:
            self.bytes = 0
        self.kinds[said["requestId"]] = kind

    def _came(self, said: dict[str, Any]) -> None:
        if self.kinds.get(said["requestId"]) not in ("XHR", "Fetch", "Ping"):
            self.bytes += int(said["encodedDataLength"])


async def weigh(page: Page, scales: dict[Page, Scale]) -> int:
    """The first page of a tab is loaded again: the scale comes under it late."""
    if page not in scales:
        scales[page] = await Scale.under(page)
        await page.reload()
    await page.wait_for_load_state("load")
    return scales[page].bytes
