"""All pages of the portal. Their order counts where one path fits another's pattern."""

from __future__ import annotations

from config_svc.pages import (
    audit,
    authentication_status,
    bulk_operations,
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
        bulk_operations,
        search,
        authentication_status,
        live,
        audit,
    )
)
