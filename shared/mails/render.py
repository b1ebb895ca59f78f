"""From facts to the words of a mail: each is written once, and rendered as HTML and as text in each language."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment
from markupsafe import Markup, escape

from mails.content import Content, one_line
from mails.lines import wrap
from mails.texts import PLACEHOLDERS, Text, fill_in, normalized, paragraphs
from shared.i18n.catalogs import choose_language
from shared.i18n.marks import LANGUAGES
from shared.web.pages import environment

PACKAGE = Path(__file__).parent
STANDARD = Text()
"""No words of the provider's own."""
LINK = Markup('<a class="link" href="{0}" style="color:#0b5cad;word-break:break-all;">{0}</a>')
BREAK = Markup("<br>\n")


class Renderer:
    """All mails in all languages. Text and HTML come from the same template, so neither says less than the other."""

    def __init__(self, languages: Sequence[str] = LANGUAGES) -> None:
        self.languages = tuple(languages)
        self._made: dict[str, tuple[Environment, Environment]] = {}

    def _environments(self, language: str) -> tuple[Environment, Environment]:
        """For HTML, for text; made when first needed: a catalog and its templates take a megabyte."""
        if language not in self._made:
            html = environment(PACKAGE, language)
            self._made[language] = html, html.overlay(autoescape=False)
        return self._made[language]

    def language(self, wanted: str) -> str:
        return choose_language(self.languages, invited=wanted)

    def render(self, kind: str, language: str, facts: Mapping[str, Any], own: Text = STANDARD) -> Content:
        """`own`: the provider's words for an invitation; facts, button, steps and warning stay ours."""
        for_html, for_text = self._environments(language)
        places = self._places(language, facts)
        more = {**facts, "own_subject": one_line(fill_in(own.subject, places | {"link": ""}))}
        plain = {**more, "own_body": paragraphs(fill_in(own.body, places))}
        return Content(
            language=language,
            subject=one_line(self._block(for_text, kind, "subject", plain)),
            text=wrap(self._page(for_text, kind, "txt", plain)),
            html=self._page(for_html, kind, "html", {**more, "own_body": _as_html(own.body, places)}),
        )

    def standard(self, language: str) -> Text:
        """The standard invitation to sign in, as if somebody had written it with placeholders."""
        names = {name: f"{{{name}}}" for name in PLACEHOLDERS}
        facts = {**names, "to": "token", "renew": False, "own_subject": "", "own_body": ()}
        texts = self._environments(language)[1]
        subject = self._block(texts, "invitation", "subject", facts)
        return Text(one_line(subject), normalized(texts.get_template("mail/standard.txt").render(facts)))

    def _places(self, language: str, facts: Mapping[str, Any]) -> dict[str, str]:
        """What the placeholders stand for; what is not known is said by what comes nearest."""
        long = self._environments(language)[1].filters["datetime"]
        known = {name: str(facts.get(name) or "") for name in PLACEHOLDERS}
        until = facts.get("until")
        return known | {
            "tenant": known["tenant"] or known["customer"],
            "invitee": known["invitee"] or str(facts.get("invitee_email") or ""),
            "inviter": known["inviter"] or known["provider"],
            "until": str(long(until, "long")) if until else "–",
        }

    def _page(self, environment: Environment, kind: str, form: str, facts: Mapping[str, Any]) -> str:
        names = {"layout": f"mail/layout.{form}", "parts": f"mail/parts.{form}"}
        return environment.get_template(f"mail/{kind}.html").render({**facts, **names})

    def _block(self, environment: Environment, kind: str, block: str, facts: Mapping[str, Any]) -> str:
        template = environment.get_template(f"mail/{kind}.html")
        return "".join(template.blocks[block](template.new_context(dict(facts))))


@cache
def renderer() -> Renderer:
    """The one of this process: templates are compiled once."""
    return Renderer()


def _as_html(body: str, places: Mapping[str, str]) -> list[Markup]:
    """Paragraphs with all that was written and all that was put in escaped; only the link is one."""
    known = {name: str(escape(value)) for name, value in places.items()}
    if places["link"]:
        known["link"] = str(LINK.format(places["link"]))
    return [Markup(fill_in(str(escape(part)), known)).replace("\n", BREAK) for part in paragraphs(body)]
