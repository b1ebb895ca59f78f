"""The mails, as a mail program shows their HTML: every kind with all facts, and with none."""

from __future__ import annotations

from collections.abc import Callable

from playwright.async_api import BrowserContext

from notify_svc.domain.model import MailFacts
from tests.notify_svc.notify_kit import EVERY_FACT, KINDS, letter, read, text_of
from tests.screens.walking import Visit, language_of

Html = Callable[[str], str]


def _written(kind: str, facts: MailFacts) -> Html:
    """Its HTML in a language."""
    return lambda language: text_of(read(letter(kind, facts=facts, language=language)), "html")  # type: ignore[arg-type]


MAILS: dict[str, Html] = {
    **{f"mail-{kind}": _written(kind, EVERY_FACT) for kind in KINDS},
    "mail-invitation-bare": _written("invitation", MailFacts()),
}


async def walk(context: BrowserContext, mongo_url: str, visit: Visit, mails: dict[str, Html] = MAILS) -> None:
    page = await context.new_page()
    language = await language_of(page)
    for name, html in mails.items():
        await page.goto("about:blank")
        await page.set_content(html(language))
        await visit(page, name)
    await page.close()
