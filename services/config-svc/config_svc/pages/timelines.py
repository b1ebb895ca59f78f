"""A customer's timeline, page by page all the way back: below its settings, or as a page of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from config_svc.application import App, Application
from config_svc.pages.dependencies import ByHtmx, Layout, ViewerSession
from config_svc.pages.layout import PortalLayout, PortalRoute
from config_svc.texts.event_texts import describe
from shared.domain.rules import Refused

PAGE = 30

router = APIRouter(route_class=PortalRoute, include_in_schema=False)


@dataclass(frozen=True, slots=True)
class Timeline:
    """Entries in the reader's language, newest first; `next`: the cursor of older ones."""

    rows: Sequence[dict[str, Any]]
    next: str | None


async def timeline(
    application: Application,
    layout: PortalLayout,
    customer: str,
    limit: int = PAGE,
    *,
    cursor: str | None = None,
    until: str | None = None,
) -> Timeline:
    page = await application.history.timeline(customer, limit, cursor, until=until)
    rows = [
        {"id": row["_id"], "at": row["at"], **asdict(describe(row["type"], row["data"], layout.gettext))}
        for row in page.rows
    ]
    return Timeline(rows, page.next)


@router.get("/customers/{id}/timeline")
async def older_entries(
    id: str, session: ViewerSession, application: App, layout: Layout, by_htmx: ByHtmx, cursor: str | None = None
) -> Response:
    """For the script what comes below; otherwise a page. It stays when the customer is removed."""
    customer = await application.customers.find(id)
    if customer is None:
        raise Refused("customer_unknown", "There is no such customer.", status=404)
    entries = await timeline(application, layout, id, cursor=cursor)
    return layout.show(
        "timeline_more.html" if by_htmx else "timeline.html",
        active="customer",
        customer=customer.state,
        timeline=entries.rows,
        older=entries.next,
    )
