"""invite-svc composed: the wizard, what it hears, its deadlines."""

from __future__ import annotations

from invite_svc.domain import invitations
from invite_svc.domain.model import Invitation
from invite_svc.jobs import deadlines
from invite_svc.pages import guidance, link, sign_in_return, start, wizard
from invite_svc.pages.layout import form_page
from invite_svc.pages.limits import WizardLimits
from invite_svc.pages.repository import InvitationRepository
from invite_svc.pages.sessions import Sessions
from invite_svc.settings import InviteSettings
from invite_svc.subscriptions import INVITATIONS, SUBSCRIPTIONS
from shared.admin.keys import KeyFile
from shared.crypto.invitation_links import Links
from shared.crypto.sealed_box import Opener, Sealer
from shared.crypto.vault import KeyRing
from shared.domain.rules import Clock, utc_now
from shared.http import rate_limits
from shared.http.rate_limits import Limits
from shared.service.service import Service
from shared.web.pages import Pages


def build(settings: InviteSettings, *, clock: Clock = utc_now) -> Service:
    """The service; `clock` is another one in tests."""
    service = Service("invite", settings, public_url=settings.invite_url, clock=clock)
    service.keys(
        KeyFile(kind="link", path=settings.link_keys_file),
        KeyFile(kind="seal", path=settings.seal_keys_file, public=settings.seal_public_keys_file, reader="invite"),
    )
    store = service.store(INVITATIONS, Invitation, deadlines={deadlines.DEADLINES: invitations.next_deadline})
    service.subscribe(SUBSCRIPTIONS)
    service.work(store, deadlines.DEADLINES, deadlines.on_deadline)
    link_keys = KeyRing.from_file(settings.link_keys_file)
    pages = Pages(
        "invite_svc",
        "invite",
        settings.invite_url,
        clock=clock,
        defaults={"brand": settings.provider_name},
        logo=settings.provider_logo_file,
        place=form_page,
    )
    service.pages(pages)
    service.provide(
        settings=settings,
        repository=InvitationRepository(store),
        sessions=Sessions(link_keys),
        links=Links(link_keys, settings.invite_url),
        sealer=Sealer.from_file(settings.seal_public_keys_file),
        opener=Opener.from_file(settings.seal_keys_file),
        limits=WizardLimits(Limits(service.collection("limits", rate_limits.INDEXES)), settings, clock),
        clock=clock,
    )
    for module in (link, wizard, start, sign_in_return, guidance):
        service.include_router(module.router)
    return service
