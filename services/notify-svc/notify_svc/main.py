"""Composes notify-svc: what it hears, and the mails that it owes."""

from __future__ import annotations

from mails.render import renderer
from notify_svc import domain
from notify_svc.consumes import CONSUMES, NOTICES, TEXTS
from notify_svc.domain import Notices, Texts
from notify_svc.jobs import MAIL, MailJobs
from notify_svc.letters import Letters, Provider
from notify_svc.settings import NotifySettings
from notify_svc.smtp import PART, Mailer, SmtpMailer
from shared.change import Clock, utc_now
from shared.keys import Keyed
from shared.links import Links
from shared.service import Service
from shared.vault import KeyRing


def build(settings: NotifySettings, *, mailer: Mailer | None = None, clock: Clock = utc_now) -> Service:
    """The service; `mailer` is a fake in tests."""
    service = Service("notify", settings, clock=clock)
    service.keys(Keyed("link", settings.link_keys_file))
    store = service.store(NOTICES, Notices, lanes={MAIL: domain.deadline})
    texts = service.store(TEXTS, Texts)
    service.consume(CONSUMES)
    mailer = mailer or SmtpMailer(
        settings.smtp, settings.sender.domain, ca_file=settings.smtp_ca_file, seconds=settings.smtp_seconds
    )
    jobs = MailJobs(write_letters(settings), mailer, texts, clock)
    service.due(store, MAIL, jobs.execute, concurrency=settings.smtp_connections, lease=settings.mail_lease_seconds)
    service.probe(PART, mailer.probe)  # without a mail server there is nothing that this service can do
    return service


def write_letters(settings: NotifySettings) -> Letters:
    provider = Provider(
        settings.provider_name, settings.sender, settings.portal_url, settings.invite_url,
        settings.ops_email, settings.operator_language,
    )  # fmt: skip
    links = Links(KeyRing.from_file(settings.link_keys_file), settings.invite_url)
    return Letters(provider, links, renderer())
