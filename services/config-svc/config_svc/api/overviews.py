"""What is read across customers: Pending Invitations, timeline, audit, the event stream."""

# No postponed annotations here: FastAPI reads them, and the dependencies in them are local names.

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Request
from pydantic import AwareDatetime
from pydantic_core import to_jsonable_python
from starlette.responses import JSONResponse, Response

from config_svc.api import examples
from config_svc.api.common import ID, CustomerId, problems
from config_svc.api.customers import Search
from config_svc.application import Application
from config_svc.queries import csv_export, lists
from config_svc.queries.history import AuditFilter
from config_svc.schemas import views
from config_svc.schemas.customers import InvitationState, Sort
from config_svc.stream.sse import EventStream
from config_svc.texts.event_texts import describe, doer
from shared.contracts.events import Actor
from shared.http.pagination import CursorParam, Limit
from shared.identity.bearer import OPERATOR, VIEWER, require
from shared.store.operations import Document

CSV_TOO, CSV_HEAD = "A page; with `Accept: text/csv` all rows.", "id,customer,...\r\n"
CustomerQuery = Annotated[str | None, Query(pattern=ID)]


class Streamed(Response):
    """For the document: what the stream is. The answer is an EventStream."""

    media_type = EventStream.media_type


def router(application: Application) -> APIRouter:
    routes = APIRouter()
    viewer, operator = (Depends(require(role)) for role in (VIEWER, OPERATOR))

    @routes.get(
        "/invitations",
        tags=["Switch"],
        summary="Pending Invitations",
        response_model=None,
        responses={200: examples.answered(examples.invitations(), CSV_TOO, csv=CSV_HEAD), **problems(400, 422)},
    )
    async def list_invitations(
        request: Request,
        by: Annotated[Actor, viewer],
        state: InvitationState = "all",
        q: Search = None,
        sort: Sort = "-created",
        limit: Limit = 50,
        cursor: CursorParam = None,
    ) -> Response:
        """Role: viewer. One row for each customer's current or last invitation; no row holds its link."""
        query = lists.invitations(state, q, sort)
        if "text/csv" in request.headers.get("accept", ""):
            return csv_answer(application, query)
        page = await application.lists.page(query, limit, cursor)
        rows = [views.invitation(row, application.clock()) for row in page.rows]
        return JSONResponse(to_jsonable_python({"items": rows, "next": page.next}))

    @routes.get(
        "/customers/{id}/timeline",
        tags=["History"],
        summary="What happened to a customer, newest first",
        responses={
            200: examples.answered(examples.page(timeline_item(examples.event_row()))),
            **problems(400, 404, 422),
        },
    )
    async def get_timeline(
        id: CustomerId, by: Annotated[Actor, viewer], limit: Limit = 50, cursor: CursorParam = None
    ) -> dict[str, Any]:
        """Role: viewer. It stays when the customer is removed."""
        page = await application.history.timeline(id, limit, cursor)
        if not page.rows and cursor is None and await application.customers.find(id) is None:
            await application.customers.get(id)
        return {"items": [timeline_item(row) for row in page.rows], "next": page.next}

    @routes.get(
        "/audit",
        tags=["History"],
        summary="Who did what, newest first",
        response_model=None,
        responses={
            200: examples.answered(examples.page(audit_item(examples.event_row())), CSV_TOO, csv=CSV_HEAD),
            **problems(400, 422),
        },
    )
    async def get_audit(
        request: Request,
        by: Annotated[Actor, operator],
        customer: CustomerQuery = None,
        actor: Annotated[str | None, Query(max_length=200, description="Id, e-mail or name of who did it.")] = None,
        action: Annotated[str | None, Query(pattern=r"^[A-Za-z]{1,60}$", examples=["SwitchRequested"])] = None,
        since: Annotated[AwareDatetime | None, Query(alias="from", description="From this moment on.")] = None,
        until: Annotated[AwareDatetime | None, Query(alias="to", description="Before this moment.")] = None,
        limit: Limit = 50,
        cursor: CursorParam = None,
    ) -> Response:
        """Role: operator."""
        asked = AuditFilter(customer=customer, actor=actor, action=action, since=since, until=until)
        if "text/csv" in request.headers.get("accept", ""):
            return csv_export.audit(application.history.every(asked), str)
        page = await application.history.audit(asked, limit, cursor)
        items = [audit_item(row) for row in page.rows]
        return JSONResponse(to_jsonable_python({"items": items, "next": page.next}))

    @routes.get(
        "/events",
        tags=["History"],
        summary="Every event as it happens (server-sent events)",
        response_model=None,
        response_class=Streamed,
        responses={
            200: examples.answered(examples.events(), "A stream of CloudEvents in JSON.", "text/event-stream"),
            **problems(400, 422, 429),
        },
    )
    async def get_events(
        by: Annotated[Actor, viewer],
        customer: CustomerQuery = None,
        last_event_id: Annotated[str | None, Header(max_length=100_000)] = None,
    ) -> Response:
        """Role: viewer. Without `Last-Event-ID` from now on; with it, at any replica, from there without a gap. A
        `reset` event says that the log no longer holds what follows it; `end` says that the connection is to be made
        anew (hourly, since the sign-in is then checked again)."""
        return EventStream(application.streams.events(last_event_id, customer, by.id))

    return routes


def csv_answer(application: Application, query: lists.Query) -> Response:
    return csv_export.answer(csv_export.export(application.lists.every(query), application.clock), "invitations")


def timeline_item(row: Document) -> dict[str, Any]:
    told = describe(row["type"], row["data"], str)
    names = ("customer", "at", "type", "service", "switch")
    known = {name: row[name] for name in names}
    more = {name: row["data"].get(name) for name in ("generation", "attempt")}
    return {"id": row["_id"], **known, **more, "summary": told.summary, "by": told.by or None, "data": row["data"]}


def audit_item(row: Document) -> dict[str, Any]:
    names = ("customer", "at", "action", "actor", "address", "switch", "data")
    told = describe(row["action"], row["data"], str)
    who = doer({"by": row["actor"] | {"address": row["address"]}}, str)
    return {"id": row["_id"], **{name: row[name] for name in names}, "summary": told.summary, "who": who}
