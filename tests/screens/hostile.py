"""A world in which every text that a person can choose is markup: in commands, events, states and mails."""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass, replace
from typing import Any

from shared.contracts import cloudevents
from shared.contracts.events import Account, Actor, Event, Person
from tests.config_svc.config_kit import Config
from tests.invite_svc.invite_kit import Wizard
from tests.notify_svc.notify_kit import EVERY_FACT, KINDS, document, letters, queued, read, text_of

MARK = "pwned"
MARKUP = f"=\"'><i id={MARK}></i><img src=x onerror={MARK}=1>{{{{7*7}}}}"
"""Leaves an attribute, makes an element, would run; and begins as a formula, for what is exported."""
# What people type, or are called at Microsoft. Ids, states and codes are checked where they come in.
TYPED = frozenset(
    {
        "name",
        "customer_name",
        "reference",
        "upn",
        "email",
        "tenant_name",
        "why",
        "correlation_id",
        "login_hint",
        "admin_name",
        "admin_email",
        "subject",
        "body",
        "text",
    }
)
KEPT = TYPED | {"tenant"}


def poisoned(value: Any, typed: frozenset[str] = TYPED, name: str = "") -> Any:
    """The same value with markup wherever somebody could have typed."""
    if isinstance(value, str):
        return MARKUP if name in typed else value
    if isinstance(value, dict):
        return {key: poisoned(one, typed, key) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(poisoned(one, typed, name) for one in value)
    if is_dataclass(value) and not isinstance(value, type):
        return replace(
            value, **{one.name: poisoned(getattr(value, one.name), typed, one.name) for one in fields(value)}
        )
    return value


class HostileConfig(Config):
    """Its events come with markup, its customers are made of it."""

    async def _take(self, key: bytes, value: bytes, headers: cloudevents.Headers) -> None:
        await super()._take(key, json.dumps(poisoned(json.loads(value))).encode(), headers)

    async def poison(self) -> None:
        """What the commands' checks kept out is put in all the same."""
        for found in await self.customers.collection.find({}, limit=200):
            await self.set(found["_id"], lambda state: poisoned(state, KEPT))


class HostileWizard(Wizard):
    async def hears(self, event: Event) -> None:
        await super().hears(poisoned(event))


def hostile_mails() -> dict[str, Any]:
    person, by = Person(MARKUP, MARKUP), Actor(id="op-1", name=MARKUP, email="otto@provider.example")
    facts = replace(EVERY_FACT, account=Account(MARKUP, "oid-2", MARKUP), correlation_id=MARKUP)
    outgoing = document(
        customer_name=MARKUP, tenant_name=MARKUP, inviter=by, invitee=replace(person, email="a@b.example")
    )

    def written(kind: Any) -> Any:
        owed_mail = queued(kind, facts)
        return lambda language: text_of(
            read(letters(language=language, name=MARKUP).write(replace(outgoing, locale=language), owed_mail)), "html"
        )

    return {f"mail-{kind}": written(kind) for kind in KINDS}
