"""Search from anywhere: what the field in the header offers while somebody types."""

from __future__ import annotations

from urllib.parse import urlencode

from fastapi import APIRouter
from starlette.responses import Response

from config_svc.application import App
from config_svc.pages.addresses import Search
from config_svc.pages.dependencies import Layout, ViewerSession
from config_svc.pages.layout import CUSTOMERS, PortalRoute
from config_svc.queries import lists

SHOWN = 8

router = APIRouter(route_class=PortalRoute, include_in_schema=False)


@router.get("/search")
async def search(session: ViewerSession, application: App, layout: Layout, q: Search = "") -> Response:
    """The options of the listbox. Enter without a choice leads to the list, as it does without script."""
    page = await application.lists.page(lists.customers(q), SHOWN) if q else None
    return layout.show(
        "search_results.html",
        active="",
        rows=[row.state for row in page.rows] if page else [],
        more=bool(page and page.next),
        everything=f"{CUSTOMERS}?{urlencode({'q': q})}",
    )
