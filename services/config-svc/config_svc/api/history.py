"""What happened: a customer's timeline, the audit, and events as they happen."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Query, Response
from pydantic import AwareDatetime

from config_svc.api import examples
from config_svc.api.dependencies import CustomerId, CustomerQuery, Operator, Viewer, WantsCsv
from config_svc.api.problems import problems
from config_svc.application import App
from config_svc.queries import csv_export
from config_svc.queries.history import AuditFilter
from config_svc.schemas.history import AuditEntry, TimelineEntry
from config_svc.stream.sse import EventStream
from config_svc.texts.event_texts import describe, doer
from shared.http.pagination import CursorParam, Limit, Page
from shared.store.operations import Document

router = APIRouter(tags=["History"])
EVENT = examples.event_row()


class Streamed(Response):
    """For the document: what the stream is. The answer is an EventStream."""

    media_type = EventStream.media_type


def timeline_entry(row: Document) -> TimelineEntry:
    data = row["data"]
    description = describe(row["type"], data, str)
    more = {"generation": data.get("generation"), "attempt": data.get("attempt")}
    words = {"summary": description.summary, "by": description.by or None}
    return TimelineEntry.model_validate({**row, "id": row["_id"], **more, **words})


def audit_entry(row: Document) -> AuditEntry:
    words = {
        "summary": describe(row["action"], row["data"], str).summary,
        "who": doer({"by": row["actor"] | {"address": row["address"]}}, str),
    }
    return AuditEntry.model_validate({**row, "id": row["_id"], **words})


@router.get(
    "/customers/{id}/timeline",
    summary="What happened to a customer, newest first",
    responses=examples.answer(examples.page(timeline_entry(EVENT))) | problems(400, 404, 422),
)
async def get_timeline(
    id: CustomerId, by: Viewer, app: App, limit: Limit = 50, cursor: CursorParam = None
) -> Page[TimelineEntry]:
    """Role: viewer. It stays when the customer is removed."""
    page = await app.history.timeline(id, limit, cursor)
    if not page.rows and cursor is None and await app.customers.find(id) is None:
        await app.customers.get(id)
    return Page(items=[timeline_entry(row) for row in page.rows], next=page.next)


@router.get(
    "/audit",
    summary="Who did what, newest first",
    response_model=Page[AuditEntry],
    responses=examples.json_or_csv(examples.page(audit_entry(EVENT)), csv_export.AUDIT) | problems(400, 422),
)
async def get_audit(
    by: Operator,
    app: App,
    csv: WantsCsv,
    customer: CustomerQuery = None,
    actor: Annotated[str | None, Query(max_length=200, description="Id, e-mail or name of who did it.")] = None,
    action: Annotated[str | None, Query(pattern=r"^[A-Za-z]{1,60}$", examples=["SwitchRequested"])] = None,
    since: Annotated[AwareDatetime | None, Query(alias="from", description="From this moment on.")] = None,
    until: Annotated[AwareDatetime | None, Query(alias="to", description="Before this moment.")] = None,
    limit: Limit = 50,
    cursor: CursorParam = None,
) -> Page[AuditEntry] | Response:
    """Role: operator."""
    wanted = AuditFilter(customer=customer, actor=actor, action=action, since=since, until=until)
    if csv:
        return csv_export.audit(app.history.every(wanted), str)
    page = await app.history.audit(wanted, limit, cursor)
    return Page(items=[audit_entry(row) for row in page.rows], next=page.next)


@router.get(
    "/events",
    summary="Every event as it happens (server-sent events)",
    response_class=Streamed,
    responses=examples.answer(examples.EVENTS, "A stream of CloudEvents in JSON.", kind=EventStream.media_type)
    | problems(400, 422, 429),
)
async def get_events(
    by: Viewer,
    app: App,
    customer: CustomerQuery = None,
    last_event_id: Annotated[str | None, Header(max_length=100_000)] = None,
) -> Response:
    """Role: viewer. Without `Last-Event-ID` from now on; with it, at any replica, from there without a gap. A `reset`
    event says that the log no longer holds what follows it; `end` says that the connection is to be made anew (hourly,
    since the sign-in is then checked again)."""
    return EventStream(app.streams.events(last_event_id, customer, by.id))
