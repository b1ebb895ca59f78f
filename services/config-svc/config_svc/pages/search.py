"""Search from anywhere: what the field in the header offers while somebody types."""

from __future__ import annotations

from urllib.parse import urlencode

from fastapi import APIRouter, Request
from starlette.responses import Response

from config_svc.pages.layout import HOME, Frame
from config_svc.queries import lists
from shared.identity.bearer import VIEWER
from shared.identity.sessions import Session

SHOWN = 8


class SearchPages:
    def __init__(self, frame: Frame) -> None:
        self._frame, self._lists = frame, frame.application.lists

    def add_to(self, router: APIRouter) -> None:
        self._frame.add(router, "/search", self.search, VIEWER)

    async def search(self, request: Request, session: Session) -> Response:
        """The options of the listbox. Enter without a choice leads to the list, as it does without script."""
        q = request.query_params.get("q", "")[:200].strip()
        page = await self._lists.page(lists.customers(q), SHOWN) if q else None
        return self._frame.show(
            request,
            session,
            "search_results.html",
            active="",
            rows=[row.state for row in page.rows] if page else [],
            more=bool(page and page.next),
            everything=f"{HOME}?{urlencode({'q': q})}",
        )
