"""Markup in every field that a person can fill, on every screen and in every mail: it stays text everywhere.

A page is found out by an element that no template writes, by a script that ran, by a dialog, and by what the browser
reports of its content security policy: it stops the script, but the hole would be there.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, field

import pytest
from playwright.async_api import Browser, BrowserContext, Page

from tests.config_svc.config_shots import PAGES, everyone
from tests.screens import mail_screens, portal, wizard
from tests.screens.checks import PROBE, window
from tests.screens.hostile import MARKUP, HostileConfig, HostileWizard, hostile_mails

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(900)]
FORMULA = ("=", "+", "-", "@", "\t", "\r")
FIELDS = "input:not([type=hidden], [type=radio], [type=checkbox], [type=date], [type=file]), textarea"
TEXT = "document.body.innerText + [...document.querySelectorAll('input, textarea')].map((one) => one.value)"
EXPORTS = "[...document.querySelectorAll('a[href*=csv]')].map((one) => one.href)"
FORMS = """(fields) => {
  const forms = [...document.querySelectorAll("main form")].filter((form) => form.querySelector(fields));
  return forms.map((form, at) => { form.setAttribute("data-form", at); return form.action; });
}"""
SEND = """([at, fields, text]) => {
  const form = document.querySelector(`[data-form="${at}"]`);
  for (const one of form.querySelectorAll(fields)) {
    for (const limit of ["maxlength", "readonly", "pattern"]) one.removeAttribute(limit);
    if (one.type !== "password") one.type = "text";
    one.value = text;
  }
  form.noValidate = true;
  form.requestSubmit();
}"""


@dataclass(kw_only=True)
class Watch:
    """What got through, and where the markup stood as text."""

    holes: list[str] = field(default_factory=list)
    shown: set[str] = field(default_factory=set)
    screens: set[str] = field(default_factory=set)
    exports: set[str] = field(default_factory=set)
    exported: int = 0
    forms: set[str] = field(default_factory=set)

    def listen(self, context: BrowserContext) -> None:
        context.on("console", lambda said: self._heard(said.text))
        context.on("dialog", lambda dialog: self.holes.append(f"a dialog: {dialog.message}"))

    def _heard(self, text: str) -> None:
        if "Content Security Policy" in text or "Content-Security-Policy" in text:
            self.holes.append(text)

    async def look(self, page: Page, screen: str) -> None:
        self.screens.add(screen)
        await page.evaluate(PROBE)
        self.holes += [f"{screen}: {found}" for found in await page.evaluate("probe.injected()")]
        values = await page.evaluate(TEXT)
        if MARKUP in values:
            self.shown.add(screen)
        self.exports |= set(await page.evaluate(EXPORTS))

    async def fill(self, page: Page, screen: str) -> None:
        """Every form of the page with markup in every field, in a tab beside; each address once."""
        found = await page.evaluate(FORMS, FIELDS)
        for at, action in enumerate(found):
            if action in self.forms:
                continue
            self.forms.add(action)
            tab = await page.context.new_page()
            await tab.goto(page.url)
            await tab.evaluate(FORMS, FIELDS)
            async with tab.expect_navigation():
                await tab.evaluate(SEND, [at, FIELDS, MARKUP])
            await self.look(tab, f"{screen}, form {at} sent")
            await tab.close()


async def test_on_every_screen_of_the_portal_and_in_every_export(chromium: Browser, mongo_url: str) -> None:
    watch = Watch()
    async with window(chromium, "en") as context:
        watch.listen(context)

        async def visit(page: Page, name: str) -> None:
            await watch.look(page, f"portal/{name}")
            if name in PAGES:
                await watch.fill(page, f"portal/{name}")
            if name == list(PAGES)[-1]:
                await exports(page, watch)

        async def poison(config: HostileConfig) -> None:
            await everyone(config)
            await config.poison()

        await portal.walk(context, mongo_url, visit, HostileConfig, poison)
    assert watch.holes == []
    assert len(watch.shown) > 0.7 * len(watch.screens), watch.screens - watch.shown
    assert len(watch.forms) >= 6 and watch.exported > 10


async def exports(page: Page, watch: Watch) -> None:
    for address in watch.exports:
        answer = await page.request.get(address)
        cells = [cell for row in csv.reader(io.StringIO(await answer.text())) for cell in row]
        watch.exported += sum(MARKUP in cell for cell in cells)
        watch.holes += [f"{address}: {cell}" for cell in cells if cell.startswith(FORMULA)]


async def test_on_every_screen_of_the_wizard(chromium: Browser, mongo_url: str) -> None:
    watch = Watch()
    async with window(chromium, "en") as context:
        watch.listen(context)

        async def visit(page: Page, name: str) -> None:
            await watch.look(page, f"wizard/{name}")
            if name in ("device", "trouble"):
                await watch.fill(page, f"wizard/{name}")

        await wizard.walk(context, mongo_url, visit, HostileWizard, provider_name=MARKUP)
    assert watch.holes == []
    assert len(watch.shown) > 0.7 * len(watch.screens), watch.screens - watch.shown


async def test_in_every_mail(chromium: Browser, mongo_url: str) -> None:
    watch = Watch()
    async with window(chromium, "en") as context:
        watch.listen(context)
        await mail_screens.walk(context, mongo_url, watch.look, hostile_mails())
    assert watch.holes == []
    assert watch.shown == watch.screens
