"""Composes notify-svc: what it hears, and the mails that it owes."""

from __future__ import annotations

from mails.render import renderer
from notify_svc.domain import access, sending
from notify_svc.domain.access import AccessMails
from notify_svc.domain.model import OutgoingMails
from notify_svc.domain.texts import Texts
from notify_svc.jobs.access_mails import AccessMailJobs
from notify_svc.jobs.sending import MAIL, MailJobs
from notify_svc.mail.messages import MessageWriter, Provider
from notify_svc.mail.smtp import PART, Mailer, SmtpMailer
from notify_svc.settings import NotifySettings
from notify_svc.subscriptions import ACCESS_MAILS, OUTGOING_MAILS, SUBSCRIPTIONS, TEXTS
from shared.admin.keys import KeyFile
from shared.crypto.invitation_links import Links
from shared.crypto.vault import KeyRing
from shared.domain.rules import Clock, utc_now
from shared.service.service import Service


def build(settings: NotifySettings, *, mailer: Mailer | None = None, clock: Clock = utc_now) -> Service:
    """The service; `mailer` is a fake in tests."""
    service = Service("notify", settings, clock=clock)
    service.keys(KeyFile(kind="link", path=settings.link_keys_file))
    store = service.store(OUTGOING_MAILS, OutgoingMails, deadlines={MAIL: sending.next_deadline})
    access_mails = service.store(ACCESS_MAILS, AccessMails, deadlines={MAIL: access.next_deadline})
    texts = service.store(TEXTS, Texts)
    service.subscribe(SUBSCRIPTIONS)
    mailer = mailer or SmtpMailer(
        settings.smtp, settings.sender.domain, ca_file=settings.smtp_ca_file, seconds=settings.smtp_seconds
    )
    writer, lease = message_writer(settings), settings.mail_lease_seconds
    jobs = MailJobs(writer=writer, mailer=mailer, texts=texts, clock=clock)
    service.work(store, MAIL, jobs.execute, concurrency=settings.smtp_connections, lease_seconds=lease)
    access_jobs = AccessMailJobs(writer=writer, mailer=mailer, texts=texts, clock=clock)
    service.work(access_mails, MAIL, access_jobs.execute, lease_seconds=lease)
    service.probe(PART, mailer.probe)  # without a mail server there is nothing that this service can do
    return service


def message_writer(settings: NotifySettings) -> MessageWriter:
    provider = Provider(
        name=settings.provider_name,
        sender=settings.sender,
        portal_url=settings.portal_url,
        invite_url=settings.invite_url,
        ops_email=settings.ops_email,
        operator_language=settings.operator_language,
    )
    links = Links(KeyRing.from_file(settings.link_keys_file), settings.invite_url)
    return MessageWriter(provider, links, renderer())
