"""The settings: reads and saves them for pages and API, says what a new switch takes, shows a mail beforehand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from config_svc.domain import settings as rules
from config_svc.domain.settings import ID, Settings, Terms, Values, Wording
from config_svc.schemas.settings import SettingsBody, TextBody
from mails.content import Content
from mails.render import Renderer
from mails.sample import Sample
from mails.texts import Text
from shared.contracts.events import Actor
from shared.domain.rules import Refused, Unavailable
from shared.http.idempotency import etag
from shared.observability.tracing import current_trace
from shared.store.store import Store
from shared.store.write_plan import MAX_UNSENT


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsCommands:
    """`usual` and `usual_sender`: what the environment says until somebody saves."""

    store: Store[Settings]
    usual: Terms
    usual_sender: str
    renderer: Renderer
    sample: Sample

    @property
    def languages(self) -> Sequence[str]:
        return self.renderer.languages

    async def read(self) -> Settings:
        """As they are now: whatever replica saved them."""
        found = await self.store.get(ID)
        return found.state if found else Settings()

    async def terms(self) -> Terms:
        return rules.in_force(await self.read(), self.usual)

    async def put(self, values: Values, expected: int, by: Actor) -> Settings:
        """Raises: Refused (412 where somebody else saved since), Unavailable."""
        document = await self.store.collection.get(ID)
        if document and len(document.get("outbox", ())) >= MAX_UNSENT:
            raise Unavailable("Kafka", "too many changes of the settings wait to be sent", retry_after=30)
        applied = await self.store.apply(ID, rules.put, values, expected, self.usual, by, trace=current_trace())
        return applied.state or Settings()

    # --- texts -----------------------------------------------------------------------------------------------------

    def standard(self, language: str) -> Text:
        return self.renderer.standard(language)

    def shown(self, settings: Settings, language: str) -> Text:
        """The text in force, as it may be edited."""
        own, standard = settings.values.texts.get(language, Wording()), self.standard(language)
        return Text(own.subject or standard.subject, own.body or standard.body)

    def wording(self, language: str, text: TextBody) -> Wording:
        """What is the standard text stays the standard text, also when that is improved one day."""
        standard = self.standard(language)
        return Wording(
            text.subject if text.subject != standard.subject else "", text.body if text.body != standard.body else ""
        )

    def preview(self, kind: str, language: str, text: Text, until: datetime, inviter: str) -> Content:
        return self.renderer.render(kind, language, self.sample.facts(until, inviter), text)


def worded(values: Values, language: str, wording: Wording) -> Values:
    return replace(values, texts={**values.texts, language: wording})


def values_of(settings: SettingsCommands, body: SettingsBody) -> Values:
    """The body as the rule takes it."""
    return Values(
        life_days=body.invitation_life_days,
        remind_after_days=body.remind_after_days,
        accepted_roles=body.accepted_roles or (),
        sender=body.sender_address,
        sender_name=body.sender_name,
        texts={language: settings.wording(language, text) for language, text in body.texts.items()},
    )


def expected(if_match: str | None) -> int:
    """The edition that the caller read. Without it two administrators would overwrite each other. Raises: Refused."""
    if if_match is None:
        raise Refused(
            "if_match_missing",
            "Send If-Match with the ETag of the settings as you read them.",
            status=428,
            field="If-Match",
        )
    tag = if_match.strip()
    number = tag.strip('"')
    known = number.isascii() and number.isdigit() and len(number) <= 10
    return int(number) if known and tag == etag(int(number)) else -1
