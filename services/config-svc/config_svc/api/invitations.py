"""Pending Invitations: as pages, or all of them as CSV."""

from __future__ import annotations

from fastapi import APIRouter, Response

from config_svc.api import examples
from config_svc.api.dependencies import Search, Viewer, WantsCsv
from config_svc.api.problems import problems
from config_svc.application import App
from config_svc.queries import csv_export, lists
from config_svc.schemas.customers import InvitationState, Sort
from config_svc.schemas.views import InvitationView
from shared.http.pagination import CursorParam, Limit, Page

router = APIRouter(tags=["Switch"])


@router.get(
    "/invitations",
    summary="Pending Invitations",
    response_model=Page[InvitationView],
    responses=examples.json_or_csv(examples.page(examples.invitation()), csv_export.COLUMNS) | problems(400, 422),
)
async def list_invitations(
    by: Viewer,
    app: App,
    csv: WantsCsv,
    state: InvitationState = "all",
    q: Search = None,
    sort: Sort = "-created",
    limit: Limit = 50,
    cursor: CursorParam = None,
) -> Page[InvitationView] | Response:
    """Role: viewer. One row for each customer's current or last invitation; no row holds its link."""
    query = lists.invitations(state, q, sort)
    if csv:
        return csv_export.invitations(app.lists.every(query), app.clock)
    page = await app.lists.page(query, limit, cursor)
    return Page(items=[InvitationView.of(row, app.clock()) for row in page.rows], next=page.next)
