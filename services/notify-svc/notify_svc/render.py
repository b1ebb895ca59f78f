"""From facts to the words of a mail: each is written once, and rendered as HTML and as text in each language."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment

from notify_svc.mail import Content, one_line
from shared.i18n import LANGUAGES, choose_language
from shared.web import environment

PACKAGE = Path(__file__).parent
TEXT_WIDTH = 76
_BLANKS = re.compile(r"\n{3,}")


class Renderer:
    """All mails in all languages. Text and HTML come from the same template, so neither says less than the other."""

    def __init__(self, languages: Sequence[str] = LANGUAGES) -> None:
        self._languages = tuple(languages)
        self._html = {language: environment(PACKAGE, language) for language in languages}
        self._text = {language: html.overlay(autoescape=False) for language, html in self._html.items()}

    def language(self, wanted: str) -> str:
        return choose_language(self._languages, invited=wanted)

    def render(self, kind: str, language: str, facts: Mapping[str, Any]) -> Content:
        html = self._page(self._html[language], kind, "html", facts)
        text = self._page(self._text[language], kind, "txt", facts)
        subject = self._block(self._text[language], kind, "subject", facts)
        return Content(language, one_line(subject), wrapped(text), html)

    def _page(self, environment: Environment, kind: str, form: str, facts: Mapping[str, Any]) -> str:
        names = {"layout": f"mail/layout.{form}", "parts": f"mail/parts.{form}"}
        return environment.get_template(f"mail/{kind}.html").render({**facts, **names})

    def _block(self, environment: Environment, kind: str, block: str, facts: Mapping[str, Any]) -> str:
        template = environment.get_template(f"mail/{kind}.html")
        return "".join(template.blocks[block](template.new_context(dict(facts))))


def wrapped(text: str) -> str:
    """Lines of a width that every mail program shows; addresses of pages stay whole."""
    lines = (line for long in text.splitlines() for line in _broken(long.rstrip()))
    return _BLANKS.sub("\n\n", "\n".join(lines)).strip() + "\n"


def _broken(line: str) -> Iterator[str]:
    if len(line) <= TEXT_WIDTH:
        yield line
        return
    hang = re.match(r"\s*(\d+\. |- )?", line)
    indent = " " * (hang.end() if hang else 0)
    yield from textwrap.wrap(line, TEXT_WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
