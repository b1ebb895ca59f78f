"""Composes invite-svc: the wizard, what it consumes, its deadlines."""

from __future__ import annotations

from invite_svc import domain
from invite_svc.domain import Invitation
from invite_svc.jobs import deadlines
from invite_svc.pages.guidance import GuidancePage
from invite_svc.pages.layout import Desk, place
from invite_svc.pages.link import LinkPages
from invite_svc.pages.sessions import Sessions
from invite_svc.pages.sign_in_return import ReturnPage
from invite_svc.pages.start import StartPages
from invite_svc.pages.wizard import WizardPages
from invite_svc.settings import InviteSettings
from invite_svc.subscriptions import CONSUMES, INVITATIONS
from shared.admin.keys import Keyed
from shared.crypto.invitation_links import Links
from shared.crypto.sealed_box import Opener, Sealer
from shared.crypto.vault import KeyRing
from shared.domain.rules import Clock, utc_now
from shared.http.rate_limits import INDEXES, Limits
from shared.service.service import Service
from shared.web.pages import Pages


def build(settings: InviteSettings, *, clock: Clock = utc_now) -> Service:
    service = Service("invite", settings, public_url=settings.invite_url, clock=clock)
    seal = Keyed(kind="seal", path=settings.seal_keys_file, public=settings.seal_public_keys_file, reader="invite")
    service.keys(Keyed(kind="link", path=settings.link_keys_file), seal)
    store = service.store(INVITATIONS, Invitation, lanes={deadlines.DEADLINES: domain.deadline})
    service.consume(CONSUMES)
    service.due(store, deadlines.DEADLINES, deadlines.on_deadline)
    ring = KeyRing.from_file(settings.link_keys_file)
    pages = Pages(
        "invite_svc",
        "invite",
        settings.invite_url,
        clock=clock,
        defaults={"brand": settings.provider_name},
        logo=settings.provider_logo_file,
        place=place,
    )
    desk = Desk(
        settings=settings,
        store=store,
        pages=pages,
        sessions=Sessions(ring),
        links=Links(ring, settings.invite_url),
        sealer=Sealer.from_file(settings.seal_public_keys_file),
        opener=Opener.from_file(settings.seal_keys_file),
        limits=Limits(service.collection("limits", INDEXES)),
        clock=clock,
    )
    service.pages(pages)
    for part in (LinkPages(desk), WizardPages(desk), StartPages(desk), ReturnPage(desk), GuidancePage(desk)):
        service.serve(part.router())
    return service
