"""All pages of the portal, composed."""

from __future__ import annotations

from fastapi import APIRouter

from config_svc.application import Application
from config_svc.pages.audit import AuditPages
from config_svc.pages.authentication_status import StatusPages
from config_svc.pages.batches import BatchPages
from config_svc.pages.bulk_operations import BulkPages
from config_svc.pages.customer import M365Pages
from config_svc.pages.customers import CustomerPages
from config_svc.pages.event_stream import OverviewPages
from config_svc.pages.invitations import InvitationPages
from config_svc.pages.layout import Frame
from config_svc.pages.live import LivePages
from config_svc.pages.search import SearchPages
from config_svc.pages.settings import SettingsPages
from config_svc.pages.switch_dialog import SwitchPages
from config_svc.pages.switch_references import ReferencePages
from config_svc.pages.timelines import TimelinePages
from shared.identity.portal_sign_in import Operators
from shared.web.pages import Pages


class Portal:
    def __init__(self, application: Application, pages: Pages, operators: Operators) -> None:
        self._frame = Frame(application, pages, operators)

    def router(self) -> APIRouter:
        router = APIRouter(include_in_schema=False)
        m365 = M365Pages(self._frame)
        for part in (
            CustomerPages(self._frame),
            m365,
            SwitchPages(self._frame, m365),
            OverviewPages(self._frame),
            SettingsPages(self._frame),
        ):
            part.add_to(router)
        rooms = (
            InvitationPages,
            BatchPages,
            BulkPages,
            ReferencePages,
            SearchPages,
            TimelinePages,
            StatusPages,
            LivePages,
            AuditPages,
        )
        for room in rooms:
            room(self._frame).add_to(router)
        return router
