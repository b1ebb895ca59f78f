"""Composes invite-svc: the wizard, what it consumes, its deadlines."""

from __future__ import annotations

from invite_svc import domain, jobs
from invite_svc.consumes import CONSUMES, INVITATIONS
from invite_svc.desk import Desk, place
from invite_svc.domain import Invitation
from invite_svc.guidance import GuidancePage
from invite_svc.pages import LinkPages
from invite_svc.returns import ReturnPage
from invite_svc.sessions import Sessions
from invite_svc.settings import InviteSettings
from invite_svc.starts import StartPages
from invite_svc.wizard import WizardPages
from shared.change import Clock, utc_now
from shared.keys import Keyed
from shared.limits import INDEXES, Limits
from shared.links import Links
from shared.seal import Opener, Sealer
from shared.service import Service
from shared.vault import KeyRing
from shared.web import Pages


def build(settings: InviteSettings, *, clock: Clock = utc_now) -> Service:
    service = Service("invite", settings, public_url=settings.invite_url, clock=clock)
    seal = Keyed("seal", settings.seal_keys_file, settings.seal_public_keys_file, "invite")
    service.keys(Keyed("link", settings.link_keys_file), seal)
    store = service.store(INVITATIONS, Invitation, lanes={jobs.DEADLINES: domain.deadline})
    service.consume(CONSUMES)
    service.due(store, jobs.DEADLINES, jobs.on_deadline)
    ring = KeyRing.from_file(settings.link_keys_file)
    pages = Pages(
        "invite_svc", "invite", settings.invite_url, clock=clock, defaults={"brand": settings.provider_name},
        logo=settings.provider_logo_file, place=place,
    )  # fmt: skip
    desk = Desk(
        settings, store, pages, Sessions(ring), Links(ring, settings.invite_url),
        Sealer.from_file(settings.seal_public_keys_file), Opener.from_file(settings.seal_keys_file),
        Limits(service.collection("limits", INDEXES)), clock,
    )  # fmt: skip
    service.pages(pages)
    for part in (LinkPages(desk), WizardPages(desk), StartPages(desk), ReturnPage(desk), GuidancePage(desk)):
        service.serve(part.router())
    return service
