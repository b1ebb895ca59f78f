"""What the tests of notify-svc share: events, documents, letters, and the service's due work on a real database."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.header import decode_header, make_header
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import default
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from mails.render import renderer
from notify_svc.domain import access, sending
from notify_svc.domain.access import OPERATIONS, AccessMails, News
from notify_svc.domain.model import ADDRESSEE_OF, Kind, MailFacts, OutgoingMail, OutgoingMails
from notify_svc.domain.texts import Texts
from notify_svc.jobs.access_mails import AccessMailJobs
from notify_svc.jobs.sending import MAIL, MailJobs
from notify_svc.mail.messages import Message, MessageWriter, Provider
from notify_svc.mail.smtp import Mailer, SmtpMailer
from notify_svc.main import message_writer
from notify_svc.settings import NotifySettings
from notify_svc.subscriptions import ACCESS_MAILS, OUTGOING_MAILS, SUBSCRIPTIONS, TEXTS
from shared.contracts.events import Account, Actor, Event, InvitationCreated, Person, SettingsChanged, SwitchRequested
from shared.crypto.invitation_links import Links
from shared.crypto.secret import Secret
from shared.crypto.vault import KeyRing
from shared.domain.rules import Change
from shared.jobs.worker import Worker
from shared.store.mongo import Mongo
from shared.store.store import Store
from tokenswitch_dev.runner.keys import make_keys

NOW = datetime(2027, 3, 1, 12, 0, tzinfo=UTC)
WEEK = timedelta(days=7)
KINDS = tuple(ADDRESSEE_OF)
INVITEE = Person("admin@contoso.example", "Avery Admin")
OPERATOR = Actor(id="op-1", name="Otto Operator", email="otto@provider.example")
ADMIN = Account("admin@contoso.example", "oid-1", "Avery Admin")
OTHER = Account("someone@contoso.example", "oid-2", "Sam Someone")
EVERY_FACT = MailFacts(
    expires_at=NOW + WEEK,
    reason="blocked_by_policy",
    aadsts=53003,
    correlation_id="0f3c1e2d-55aa-4d1c-9a70-5be3a2f6d8c1",
    account=OTHER,
    method="device_code",
    days_left=14,
    expires_on="2027-03-15",
)
RING = KeyRing(current="k1", keys={"k1": Secret(b"k" * 32)})
LINKS = Links(RING, "https://invite.provider.example")
RENDERER = renderer()


def requested(**changed: Any) -> SwitchRequested:
    given: dict[str, Any] = {
        "customer": "contoso",
        "switch": 1,
        "to": "token",
        "renew": False,
        "customer_name": "Contoso Ltd",
        "tenant_id": "c0de0001-0001-4000-9abc-d00d00010000",
        "tenant_name": "contoso.example",
        "expires_at": NOW + WEEK,
        "methods": ("sign_in", "device_code", "app_registration"),
        "accepted_roles": (),
        "invitee": INVITEE,
        "locale": "en",
        "inviter": OPERATOR,
    }
    return SwitchRequested(**(given | changed))


def created(generation: int = 1) -> InvitationCreated:
    return InvitationCreated(customer="contoso", switch=1, generation=generation, created_at=NOW, expires_at=NOW + WEEK)


def settings_changed(version: int = 1, **changed: Any) -> SettingsChanged:
    given: dict[str, Any] = {
        "customer": "settings",
        "version": version,
        "subjects": {"en": f"Own subject {version}"},
        "bodies": {"en": f"Own words {version}"},
        "sender": "own@provider.example",
        "life_days": 7,
        "remind_after_days": 3,
        "accepted_roles": (),
        "sender_name": "Own Name",
    }
    return SettingsChanged(**(given | changed))


def hears(state: OutgoingMails | None, event: Event, now: datetime = NOW) -> Change[OutgoingMails] | None:
    """What the table of what is consumed makes of an event."""
    row = next(row for row in SUBSCRIPTIONS if row.event is type(event))
    change: Change[OutgoingMails] | None = row.rule(state, event, now)
    return change


def after(*events: Event, state: OutgoingMails | None = None, now: datetime = NOW) -> OutgoingMails:
    """The document after these events, one after the other."""
    for event in events:
        change = hears(state, event, now)
        state = change.state if change else state
    assert state is not None
    return state


def mailed(state: OutgoingMails, *kinds: Kind, now: datetime = NOW) -> OutgoingMails:
    """The document after these mails were sent."""
    for kind in kinds:
        owed_mail = state.mail(kind)
        assert owed_mail
        change = sending.mark_sent(state, kind, owed_mail.serial, now)
        assert change
        state = change.state
    return state


def states(outgoing: OutgoingMails) -> dict[str, str]:
    return {owed_mail.kind: owed_mail.state for owed_mail in outgoing.mails}


def document(**changed: Any) -> OutgoingMails:
    given: dict[str, Any] = {
        "id": "contoso/1",
        "customer": "contoso",
        "switch": 1,
        "customer_name": "Contoso Ltd",
        "tenant_name": "contoso.example",
        "invitee": INVITEE,
        "inviter": OPERATOR,
        "methods": ("sign_in", "device_code"),
        "expires_at": NOW + WEEK,
    }
    return OutgoingMails(**(given | changed))


def queued(kind: Kind, facts: MailFacts = EVERY_FACT, **changed: Any) -> OutgoingMail:
    return OutgoingMail(kind=kind, state="queued", queued_at=NOW, next=NOW, facts=facts, **changed)


def letters(ops_email: str = "ops@provider.example", language: str = "en", name: str = "Northstar") -> MessageWriter:
    provider = Provider(
        name=name,
        sender=Address(name, addr_spec="no-reply@provider.example"),
        portal_url="https://portal.provider.example",
        invite_url="https://invite.provider.example",
        ops_email=ops_email,
        operator_language=language,
    )
    return MessageWriter(provider, LINKS, RENDERER)


def letter(
    kind: Kind,
    outgoing: OutgoingMails | None = None,
    facts: MailFacts = EVERY_FACT,
    language: str = "en",
    texts: Texts | None = None,
) -> Message:
    found = outgoing or document(locale=language)
    return letters(language=language).write(found, queued(kind, facts), texts)


def read(letter: Message) -> EmailMessage:
    """The mail as its reader's program takes it apart."""
    message = message_from_bytes(letter.raw, policy=default)
    assert isinstance(message, EmailMessage)
    return message


def header(letter: Message, name: str) -> str:
    """A header as RFC 2047 reads it. (Python's newer parser keeps blanks between encoded words that are none.)"""
    raw = message_from_bytes(letter.raw)[name]
    return str(make_header(decode_header(raw)))


def text_of(message: EmailMessage, form: str = "plain") -> str:
    body = message.get_body((form,))
    assert body is not None
    return str(body.get_content())


def settings(folder: Path, smtp_url: str, **changed: Any) -> NotifySettings:
    given: dict[str, Any] = {
        "kafka_bootstrap": "127.0.0.1:1",
        "mongo_url": SecretStr("mongodb://127.0.0.1:1"),
        "port": 0,
        "portal_url": "http://localhost:8000",
        "invite_url": "http://localhost:8001",
        "smtp_url": SecretStr(smtp_url),
        "mail_from": "Northstar <no-reply@provider.example>",
        "ops_email": "ops@provider.example",
        "provider_name": "Northstar",
        "link_keys_file": make_keys(folder).link,
    }
    return NotifySettings(**(given | changed))


class Post:
    """The service's documents and its job `mail` on a real database, without Kafka; the clock is the test's."""

    def __init__(self, given: NotifySettings, mongo_url: str, database: str, mailer: Mailer | None = None) -> None:
        self.now = NOW
        self.mongo = Mongo(mongo_url, database)
        self.writer = message_writer(given)
        self.smtp = SmtpMailer(given.smtp, given.sender.domain, ca_file=given.smtp_ca_file, seconds=given.smtp_seconds)
        self.texts = Store(self.mongo.collection(TEXTS), Texts, "notify/texts", clock=self.clock)
        self.jobs = MailJobs(writer=self.writer, mailer=mailer or self.smtp, texts=self.texts, clock=self.clock)
        self.links = Links(KeyRing.from_file(given.link_keys_file), given.invite_url)
        self.store = self.new_store()
        self.due = Worker(store=self.store, job=MAIL, execute=self.jobs.execute)
        self.access_mails = Store(
            self.mongo.collection(ACCESS_MAILS),
            AccessMails,
            "notify/access_mails",
            deadlines={MAIL: access.next_deadline},
            clock=self.clock,
        )
        access_jobs = AccessMailJobs(writer=self.writer, mailer=mailer or self.smtp, texts=self.texts, clock=self.clock)
        self.access_due = Worker(store=self.access_mails, job=MAIL, execute=access_jobs.execute)

    def new_store(self) -> Store[OutgoingMails]:
        deadlines = {MAIL: sending.next_deadline}
        return Store(
            self.mongo.collection(OUTGOING_MAILS),
            OutgoingMails,
            "notify/outgoing_mails",
            deadlines=deadlines,
            clock=self.clock,
        )

    def clock(self) -> datetime:
        return self.now

    async def hears(self, *events: Event) -> None:
        stores: dict[str, Store[Any]] = {
            OUTGOING_MAILS: self.store,
            ACCESS_MAILS: self.access_mails,
            TEXTS: self.texts,
        }
        for event in events:
            for row in (row for row in SUBSCRIPTIONS if row.event is type(event)):
                rule = partial(lambda fact, event, state, now: fact(state, event, now), row.rule, event)
                await stores[row.store].apply(str(row.key(event)), rule)

    async def works(self, worker: Worker[Any] | None = None) -> None:
        """Sends all that is due now."""
        due = worker or self.due
        for _ in range(10):
            if not await due.once():
                return
            await due.settled()

    async def tells_operations(self, after: timedelta = access.QUIET) -> None:
        """Sends what was gathered about customers' access."""
        self.now += after
        await self.works(self.access_due)

    async def news(self) -> tuple[News, ...]:
        """What operations were not told yet."""
        found = await self.access_mails.get(OPERATIONS)
        return found.state.news if found else ()

    async def outgoing_mail(self, kind: Kind, id: str = "contoso/1") -> OutgoingMail:
        found = await self.store.get(id)
        owed_mail = found.state.mail(kind) if found else None
        assert owed_mail
        return owed_mail

    async def said(self, id: str = "contoso/1") -> list[tuple[str, str]]:
        """The types and bodies of the events in the outbox."""
        kept = await (self.access_mails if id == OPERATIONS else self.store).collection.get(id)
        return [(entry["type"], entry["body"]) for entry in kept["outbox"]] if kept else []

    async def close(self) -> None:
        await self.mongo.drop()
        self.mongo.close()


async def mails(mailbox: Any, to: str = "") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = await asyncio.to_thread(mailbox.messages, to)
    return found
