"""A customer's timeline, page by page all the way back: below its settings, or as a page of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from config_svc.pages.layout import Frame
from config_svc.texts.event_texts import describe
from shared.domain.rules import Refused
from shared.identity.bearer import VIEWER
from shared.identity.sessions import Session

PAGE = 30


@dataclass(frozen=True, slots=True)
class Told:
    """Entries in the reader's language, newest first; `next`: the cursor of older ones."""

    rows: Sequence[dict[str, Any]]
    next: str | None


class Timelines:
    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    async def read(
        self, request: Request, customer: str, limit: int = PAGE, cursor: str | None = None, until: str | None = None
    ) -> Told:
        say = self._frame.say(request)
        page = await self._frame.application.history.timeline(customer, limit, cursor, until=until)
        told = [(row, describe(row["type"], row["data"], say)) for row in page.rows]
        return Told(
            [
                {
                    "id": row["_id"],
                    "at": row["at"],
                    "title": one.title,
                    "text": one.text,
                    "tone": one.tone,
                    "by": one.by,
                }
                for row, one in told
            ],
            page.next,
        )


class TimelinePages:
    def __init__(self, frame: Frame) -> None:
        self._frame, self._customers, self._timelines = frame, frame.application.customers, Timelines(frame)

    def add_to(self, router: APIRouter) -> None:
        self._frame.add(router, "/customers/{id}/timeline", self.older, VIEWER)

    async def older(self, request: Request, session: Session) -> Response:
        """For the script what comes below; otherwise a page. It stays when the customer is removed."""
        id = request.path_params["id"]
        found = await self._customers.find(id)
        if found is None:
            raise Refused("customer_unknown", "There is no such customer.", status=404)
        told = await self._timelines.read(request, id, cursor=request.query_params.get("cursor"))
        template = "timeline_more.html" if request.headers.get("hx-request") == "true" else "timeline.html"
        return self._frame.show(
            request,
            session,
            template,
            active="m365",
            customer=found.state,
            timeline=told.rows,
            older=told.next,
        )
