"""All pages of the portal. Their order counts where one path fits another's pattern."""

from __future__ import annotations

from fastapi import APIRouter

from config_svc.pages import (
    audit,
    authentication_status,
    customer,
    customers,
    event_stream,
    invitations,
    live,
    search,
    settings,
    switch_dialog,
    switch_references,
    timelines,
)
from config_svc.pages.bulk_operations import BulkSwitchPages, SelectionPages
from config_svc.pages.layout import Frame

ROUTERS = tuple(
    page.router
    for page in (
        customers,
        customer,
        switch_dialog,
        switch_references,
        timelines,
        event_stream,
        settings,
        invitations,
        search,
        authentication_status,
        live,
        audit,
    )
)


def bulk_routers(frame: Frame) -> APIRouter:
    router = APIRouter(include_in_schema=False)
    SelectionPages(frame).add_to(router)
    BulkSwitchPages(frame).add_to(router)
    return router
