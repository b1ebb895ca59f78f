"""Composes config-svc: its stores, history, API, pages, and what it consumes. Nothing runs here."""

from __future__ import annotations

from functools import partial
from typing import Any

from config_svc import batches, bulks, index, jobs, pulse
from config_svc.api import routes
from config_svc.api.bulks import LARGEST, PATHS
from config_svc.api.common import CommandLine, Parts
from config_svc.batches import Batches
from config_svc.bulk_reads import Reads
from config_svc.bulks import Bulks
from config_svc.census import Counter, keep_counting
from config_svc.consumes import CONSUMES, COUNTS, CUSTOMERS, SETTINGS, TALLIES, TENANTS
from config_svc.desk import Desk
from config_svc.domain.batches import Batch
from config_svc.domain.bulks import Bulk, Part
from config_svc.domain.model import Customer, Tenant
from config_svc.domain.settings import Settings, Terms
from config_svc.domain.tallies import Tally
from config_svc.history import AUDIT_INDEXES, TIMELINE_INDEXES, History, audit_entry, timeline_entry
from config_svc.lists import Lists
from config_svc.pages.bulks import HERE
from config_svc.pages.events import EventDocs
from config_svc.pages.portal import Portal
from config_svc.settings import ConfigSettings
from config_svc.settings_desk import SettingsDesk
from config_svc.stream import Streams
from config_svc.views import API
from mails.render import renderer
from mails.sample import Sample
from shared import limits, sessions
from shared.auth import Bearer
from shared.change import Clock, utc_now
from shared.cursors import Cursors
from shared.i18n import PORTAL_LANGUAGES
from shared.keys import Keyed
from shared.limits import Limits
from shared.links import Links
from shared.oidc import Issuer
from shared.operators import Operators
from shared.seal import Sealer
from shared.service import Service
from shared.sessions import Sessions
from shared.settings import read_secret
from shared.vault import KeyRing
from shared.web import Pages

NAME = "config"
BODIES = dict.fromkeys((*(API + path for path in PATHS), HERE), LARGEST)
"""Paths that take whole files."""


def build(settings: ConfigSettings, *, issuer: Issuer | None = None, clock: Clock = utc_now, **fakes: Any) -> Service:
    """The service. `issuer`, `clock` and `streams` (heartbeat, life) are for tests."""
    service = Service(NAME, settings, public_url=settings.portal_url, clock=clock, bodies=BODIES)
    service.keys(Keyed("link", settings.link_keys_file))
    found = issuer or Issuer(settings.operator_issuer, settings.operator_ca_file)
    ring = KeyRing.from_file(settings.link_keys_file)
    parts = _parts(service, settings, found, ring, fakes)
    pages = Pages("config_svc", NAME, settings.portal_url, languages=PORTAL_LANGUAGES, clock=clock,
                  logo=settings.provider_logo_file)  # fmt: skip
    operators = Operators(
        found, Sessions(service.collection("sessions", sessions.INDEXES)), pages,
        client_id=settings.portal_client_id, client_secret=read_secret(settings.portal_client_secret_file),
        portal_url=settings.portal_url, proxies=settings.proxies, clock=clock,
    )  # fmt: skip
    service.consume((*CONSUMES, *COUNTS))
    service.due(parts.desk.customers, jobs.LANE, jobs.on_deadline)
    service.due(parts.batches.store, batches.LANE, parts.batches.work)
    service.due(parts.bulks.store, bulks.ASKING, parts.bulks.ask)
    service.due(parts.bulks.store, bulks.REMINDING, parts.bulks.remind_next)
    service.serve(routes.router(parts))
    service.loop("census", partial(keep_counting, parts.counter))
    service.serve(EventDocs(settings.topic).router())
    service.serve(Portal(parts, pages, operators).router())
    service.pages(pages)
    service.install(operators.install)
    service.probe("the sign-in service", found.probe, required=False)
    service.on_close(found.close)
    return service


def _parts(service: Service, settings: ConfigSettings, issuer: Issuer, ring: KeyRing, fakes: Any) -> Parts:
    clock = service.clock
    customers = service.store(CUSTOMERS, Customer, lanes=jobs.LANES, derived=index.derived, indexes=index.INDEXES)
    service.store(TENANTS, Tenant)
    tallies = service.store(TALLIES, Tally, derived=pulse.derived, indexes=pulse.INDEXES)
    cursors = Cursors(ring)
    desk = Desk(
        customers, Sealer.from_file(settings.seal_public_keys_file), Links(ring, settings.invite_url),
        Limits(service.collection("limits", limits.INDEXES)),
        _settings_desk(service, settings), settings.requests_per_hour, clock,
    )  # fmt: skip
    history = History(
        service.log("timeline", timeline_entry, TIMELINE_INDEXES), service.log("audit", audit_entry, AUDIT_INDEXES),
        cursors,
    )  # fmt: skip
    streams = Streams(service.cluster, service.stopping, settings.event_streams, **fakes.get("streams", {}))
    bearer = Bearer(issuer, settings.api_audience, proxies=settings.proxies, clock=clock)
    reader = Lists(customers, cursors)
    queued = service.store(batches.BATCHES, Batch, lanes=batches.LANES, indexes=batches.INDEXES)
    return Parts(
        desk, reader, history, streams, bearer, clock, Batches(queued, desk), _bulks(service, desk, reader),
        Counter(customers, clock), pulse.Pulse(tallies, clock),
        CommandLine(settings.operator_issuer, settings.api_audience, settings.cli_client_id or None),
    )  # fmt: skip


def _bulks(service: Service, desk: Desk, reader: Lists) -> Bulks:
    store = service.store(bulks.BULKS, Bulk, lanes=bulks.LANES, indexes=bulks.INDEXES)
    parts = service.store(bulks.PARTS, Part, indexes=bulks.PART_INDEXES)
    return Bulks(desk, Reads(store, parts, desk.customers, reader))


def _settings_desk(service: Service, settings: ConfigSettings) -> SettingsDesk:
    usual = Terms(settings.invitation_life, settings.remind_after, settings.roles)
    sample = Sample(settings.provider_name or "Tokenswitch", settings.invite_url)
    return SettingsDesk(service.store(SETTINGS, Settings), usual, settings.mail_from, renderer(), sample)
