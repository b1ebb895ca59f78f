"""Composes config-svc: its stores, history, API, pages, and what it consumes. Nothing runs here."""

from __future__ import annotations

from functools import partial
from typing import Any

from config_svc.api import routes
from config_svc.api.bulk_operations import LARGEST, PATHS
from config_svc.application import Application, CommandLine
from config_svc.commands import bulk_operations, deadlines
from config_svc.commands.bulk_operations import BulkCommands
from config_svc.commands.customers import CustomerCommands
from config_svc.commands.settings import SettingsCommands
from config_svc.domain.bulk_operations import BulkOperation, Part
from config_svc.domain.hourly_counts import HourlyCounts
from config_svc.domain.model import Customer, Tenant
from config_svc.domain.settings import Settings, Terms
from config_svc.pages import event_docs
from config_svc.pages.bulk_operations import HERE
from config_svc.pages.portal import ROUTERS
from config_svc.queries import bulk_operations as bulk_reads
from config_svc.queries import index, statistics
from config_svc.queries.bulk_operations import BulkReads
from config_svc.queries.customer_counts import CustomerCounter, keep_counting
from config_svc.queries.history import AUDIT_INDEXES, TIMELINE_INDEXES, History, audit_entry, timeline_entry
from config_svc.queries.lists import Lists
from config_svc.queries.statistics import Statistics
from config_svc.schemas.views import API
from config_svc.settings import ConfigSettings
from config_svc.stream.streams import Streams
from config_svc.subscriptions import COUNTS, CUSTOMERS, HOURLY_COUNTS, SETTINGS, SUBSCRIPTIONS, TENANTS
from mails.render import renderer
from mails.sample import Sample
from shared.admin.keys import KeyFile
from shared.crypto.invitation_links import Links
from shared.crypto.sealed_box import Sealer
from shared.crypto.vault import KeyRing
from shared.domain.rules import Clock, utc_now
from shared.http import rate_limits
from shared.http.pagination import Cursors
from shared.http.rate_limits import Limits
from shared.i18n.marks import PORTAL_LANGUAGES
from shared.identity import sessions
from shared.identity.bearer import Bearer
from shared.identity.oidc import Issuer
from shared.identity.portal_sign_in import Operators
from shared.identity.sessions import Sessions
from shared.service.service import Service
from shared.service.setting_types import read_secret
from shared.web.pages import Pages

NAME = "config"
BODY_LIMITS = dict.fromkeys((*(API + path for path in PATHS), HERE), LARGEST)
"""Paths that take whole files."""


def build(settings: ConfigSettings, *, issuer: Issuer | None = None, clock: Clock = utc_now, **fakes: Any) -> Service:
    """The service. `issuer`, `clock` and `streams` (heartbeat, life) are for tests."""
    service = Service(NAME, settings, public_url=settings.portal_url, clock=clock, body_limits=BODY_LIMITS)
    service.keys(KeyFile(kind="link", path=settings.link_keys_file))
    found = issuer or Issuer(settings.operator_issuer, settings.operator_ca_file)
    ring = KeyRing.from_file(settings.link_keys_file)
    application = _application(service, settings, ring, fakes)
    pages = Pages(
        "config_svc",
        NAME,
        settings.portal_url,
        languages=PORTAL_LANGUAGES,
        clock=clock,
        logo=settings.provider_logo_file,
    )
    operators = Operators(
        found,
        Sessions(service.collection("sessions", sessions.INDEXES)),
        pages,
        client_id=settings.portal_client_id,
        client_secret=read_secret(settings.portal_client_secret_file),
        portal_url=settings.portal_url,
        proxies=settings.proxies,
        clock=clock,
    )
    bearer = Bearer(found, settings.api_audience, proxies=settings.proxies, clock=clock)
    service.provide(application=application, bearer=bearer, operators=operators, topic=settings.topic)
    service.subscribe((*SUBSCRIPTIONS, *COUNTS))
    service.work(application.customers.store, deadlines.JOB, deadlines.on_deadline)
    service.work(application.bulk_operations.store, bulk_operations.JOB, application.bulk_operations.work)
    service.include_router(routes.router)
    service.loop("customer counts", partial(keep_counting, application.customer_counter))
    service.include_router(event_docs.router)
    for router in ROUTERS:
        service.include_router(router)
    service.pages(pages)
    service.install(operators.install)
    service.probe("the sign-in service", found.probe, required=False)
    service.on_close(found.close)
    return service


def _application(service: Service, settings: ConfigSettings, ring: KeyRing, fakes: Any) -> Application:
    clock = service.clock
    store = service.store(
        CUSTOMERS, Customer, deadlines=deadlines.DEADLINES, derived=index.derived, indexes=index.INDEXES
    )
    service.store(TENANTS, Tenant)
    hourly_counts = service.store(HOURLY_COUNTS, HourlyCounts, derived=statistics.derived, indexes=statistics.INDEXES)
    cursors = Cursors(ring)
    settings_commands = _settings_commands(service, settings)
    customers = CustomerCommands(
        store=store,
        sealer=Sealer.from_file(settings.seal_public_keys_file),
        links=Links(ring, settings.invite_url),
        limits=Limits(service.collection("limits", rate_limits.INDEXES)),
        settings=settings_commands,
        requests_per_hour=settings.requests_per_hour,
        clock=clock,
    )
    history = History(
        service.event_log("timeline", timeline_entry, TIMELINE_INDEXES),
        service.event_log("audit", audit_entry, AUDIT_INDEXES),
        cursors,
    )
    streams = Streams(
        cluster=service.cluster, stopping=service.stopping, most=settings.event_streams, **fakes.get("streams", {})
    )
    reader = Lists(store, cursors)
    return Application(
        customers=customers,
        settings=settings_commands,
        lists=reader,
        history=history,
        streams=streams,
        clock=clock,
        bulk_operations=_bulk_operations(service, customers, reader),
        customer_counter=CustomerCounter(store, clock),
        statistics=Statistics(hourly_counts, clock),
        command_line=CommandLine(settings.operator_issuer, settings.api_audience, settings.cli_client_id or None),
    )


def _bulk_operations(service: Service, customers: CustomerCommands, lists: Lists) -> BulkCommands:
    operations = service.store(
        bulk_reads.OPERATIONS,
        BulkOperation,
        deadlines=bulk_operations.DEADLINES,
        derived=bulk_reads.derived,
        indexes=bulk_reads.INDEXES,
    )
    parts = service.store(bulk_reads.PARTS, Part, indexes=bulk_reads.PART_INDEXES)
    reads = BulkReads(operations=operations, parts=parts, customers=customers.store, lists=lists)
    return BulkCommands(customers, reads)


def _settings_commands(service: Service, settings: ConfigSettings) -> SettingsCommands:
    usual = Terms(life=settings.invitation_life, remind_after=settings.remind_after, accepted_roles=settings.roles)
    sample = Sample(settings.provider_name or "Tokenswitch", settings.invite_url)
    return SettingsCommands(
        store=service.store(SETTINGS, Settings),
        usual=usual,
        usual_sender=settings.mail_from,
        renderer=renderer(),
        sample=sample,
    )
