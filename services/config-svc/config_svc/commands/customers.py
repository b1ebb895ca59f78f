"""All that an operator or a program may ask for of a customer, for pages and API alike. Decides nothing itself."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from config_svc.commands.settings import SettingsCommands
from config_svc.domain import customers, references, switches
from config_svc.domain.customers import CustomerInput, RegistrationInput
from config_svc.domain.model import Customer, SwitchTerms
from config_svc.domain.settings import Terms
from config_svc.schemas.customers import CustomerBody, RegistrationBody, ResendBody, SwitchBody
from shared.contracts.events import Actor
from shared.crypto.invitation_links import Links
from shared.crypto.sealed_box import Sealer
from shared.crypto.secret import Secret
from shared.domain.rules import Change, Clock, Facts, Refused, Rule, Unavailable
from shared.http.rate_limits import Limits
from shared.observability.tracing import current_trace, new_trace
from shared.store.store import Applied, Store, StoredDocument
from shared.store.write_plan import MAX_UNSENT, Command

HOUR = timedelta(hours=1)
_TAG = re.compile(r'"(\d{1,10})"')


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerCommands:
    store: Store[Customer]
    sealer: Sealer
    links: Links
    limits: Limits
    settings: SettingsCommands
    requests_per_hour: int
    clock: Clock

    # --- reading ---------------------------------------------------------------------------------------------------

    async def find(self, id: str) -> StoredDocument[Customer] | None:
        return await self.store.get(id)

    async def get(self, id: str) -> StoredDocument[Customer]:
        """Raises: Refused (404, or 410 for one that was removed)."""
        found = await self.store.get(id)
        if found is None:
            raise Refused("customer_unknown", "There is no such customer; check the id.", status=404)
        if found.state.removed:
            raise Refused("removed", "This customer was removed; its timeline is kept.", status=410)
        return found

    # --- master data -----------------------------------------------------------------------------------------------

    async def put(self, id: str, body: CustomerBody, if_match: str | None, by: Actor) -> Applied[Customer]:
        secret, expected = self._sealed(id, body.app_registration), editions(if_match)
        await self._room(id)
        return await self.store.apply(id, _put, id, body, secret, expected, by, trace=current_trace())

    def _sealed(self, id: str, body: RegistrationBody | None) -> str | None:
        """The secret for auth-svc alone; sealed here, kept nowhere."""
        if body is None or body.client_secret is None:
            return None
        value = {"client_secret": body.client_secret.get_secret_value()}
        return self.sealer.seal(
            "auth", value, customer=id, event="Registration", attempt=None, now=self.clock(), lifetime=None
        )

    async def remove(self, id: str, if_match: str | None, by: Actor) -> None:
        expected = editions(if_match)
        await self._room(id)
        await self.store.apply(id, _remove, id, by, expected, trace=current_trace())

    async def _room(self, id: str) -> None:
        """For what has no idempotency key: the store counts what is unsent only for commands. Raises: Unavailable."""
        document = await self.store.collection.get(id)
        if document and len(document.get("outbox", ())) >= MAX_UNSENT:
            raise Unavailable("Kafka", "too many events of this customer wait to be sent", retry_after=30)

    # --- commands ----------------------------------------------------------------------------------------------------

    async def validate(self, id: str, by: Actor, command: Command) -> Mapping[str, Any]:
        request = secrets.token_hex(16)
        await self._count("validations", id)
        return await self._apply(id, command, customers.request_validation, request, by)

    async def switch(
        self, id: str, body: SwitchBody, by: Actor, command: Command, bulk: str | None = None
    ) -> Mapping[str, Any]:
        asked = self.asked(body, by, await self.settings.terms(), bulk)
        await self._count("switches", id)
        return await self._apply(id, command, switches.request, asked)

    def asked(self, body: SwitchBody, by: Actor, terms: Terms, bulk: str | None = None) -> SwitchTerms:
        return SwitchTerms(
            to=body.to,
            inviter=by,
            life_seconds=int(terms.life.total_seconds()),
            accepted_roles=terms.accepted_roles,
            invitee=body.invitee,
            locale=body.locale,
            reference=body.reference,
            methods=body.methods,
            renew=body.renew,
            remind_after_seconds=int(terms.remind_after.total_seconds()) if terms.remind_after else None,
            texts_version=terms.texts_version,
            bulk=bulk,
        )

    async def resend(self, id: str, body: ResendBody, by: Actor, command: Command) -> Mapping[str, Any]:
        await self._count("switches", id)
        return await self._apply(id, command, switches.resend, body.switch, body.invitee, by)

    async def cancel(self, id: str, number: int, by: Actor, command: Command | None = None) -> Mapping[str, Any]:
        if command is None:
            await self._room(id)
        await self._apply(id, command, switches.cancel, number, by)
        return {"switch": number}

    async def refer(
        self, id: str, number: int, reference: str | None, by: Actor, command: Command
    ) -> Mapping[str, Any]:
        return await self._apply(id, command, references.refer, number, reference, by)

    async def link(self, id: str, number: int, by: Actor, command: Command) -> tuple[Mapping[str, Any], Secret[str]]:
        """The invitation's address: derived now, never kept; that somebody took it is said by an event."""
        await self._count("links", id)
        answer = await self._apply(id, replace(command, status=200), switches.copy_link, number, by)
        return answer, self.links.address(f"{id}/{answer['switch']}", answer["generation"])

    async def _apply(
        self, id: str, command: Command | None, rule: Rule[Customer, *Facts], *facts: *Facts
    ) -> Mapping[str, Any]:
        trace = current_trace() or new_trace()
        return (await self.store.apply(id, rule, *facts, command=command, trace=trace)).answer

    async def _count(self, what: str, id: str) -> None:
        """Raises: Refused (429), so that a program gone wild does not flood an administrator."""
        await self.limits.check(what, id, self.requests_per_hour, HOUR, self.clock())


# --- master data as the rules take it --------------------------------------------------------------------------------


def editions(if_match: str | None) -> frozenset[int] | None:
    """The editions that If-Match names: None without the header, 0 stands for `*` (any that exists)."""
    if if_match is None:
        return None
    tags = [tag.strip() for tag in if_match.split(",")]
    return frozenset(0 if tag == "*" else int(found[1]) if (found := _TAG.fullmatch(tag)) else -1 for tag in tags)


def _put(
    customer: Customer | None,
    id: str,
    body: CustomerBody,
    secret: str | None,
    expected: frozenset[int] | None,
    by: Actor,
    now: datetime,
) -> Change[Customer] | None:
    return customers.put(customer, id, _input(customer, body, secret, _edition(customer, expected)), by, now)


def _remove(
    customer: Customer | None, id: str, by: Actor, expected: frozenset[int] | None, now: datetime
) -> Change[Customer]:
    return customers.remove(customer, id, by, now, _edition(customer, expected))


def _edition(customer: Customer | None, expected: frozenset[int] | None) -> int | None:
    """The edition that the rule is to compare: the present one if it is among those expected."""
    if expected is None:
        return None
    if customer and (0 in expected or customer.edition in expected):
        return customer.edition
    return -1


def _input(customer: Customer | None, body: CustomerBody, secret: str | None, edition: int | None) -> CustomerInput:
    said = "app_registration" in body.model_fields_set
    put = body.app_registration
    registration = _registration(customer, put, secret) if put else None
    reference = body.reference if "reference" in body.model_fields_set or not customer else customer.reference
    return CustomerInput(
        name=body.name,
        tenant=body.tenant,
        reference=reference,
        registration=registration,
        keep_registration=not said,
        edition=edition,
    )


def _registration(customer: Customer | None, body: RegistrationBody, secret: str | None) -> RegistrationInput:
    fields = body.model_fields_set
    expires = body.secret_expires_on.isoformat() if body.secret_expires_on else None
    if secret:
        return RegistrationInput(
            client_id=body.client_id, secret_change="set", secret=secret, secret_expires_on=expires
        )
    if "client_secret" in fields:
        return RegistrationInput(client_id=body.client_id, secret_change="removed")
    if "secret_expires_on" not in fields and customer:
        expires = customer.secret_expires_on
    return RegistrationInput(client_id=body.client_id, secret_change="kept", secret=None, secret_expires_on=expires)
