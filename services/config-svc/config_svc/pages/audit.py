"""Audit: who did what, when and from where; filtered, paged and exported. Role operator, as in the API."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import AfterValidator, Field
from starlette.responses import Response

from config_svc.application import App
from config_svc.pages.addresses import ListQuery, Search, one_of
from config_svc.pages.dependencies import Layout, OperatorSession
from config_svc.pages.layout import PortalRoute
from config_svc.queries import csv_export
from config_svc.queries.history import DOERS, AuditFilter
from config_svc.schemas.customers import ID_PATTERN
from config_svc.texts.event_texts import EVENT_TEXTS, PLACES, describe
from shared.contracts.events import REGISTRY
from shared.store.operations import Document

PAGE = 50
HERE, CSV = "/audit", "/audit.csv"
ACTIONS = tuple(name for name, kind in REGISTRY.items() if any(doer in kind.cls.__dataclass_fields__ for doer in DOERS))

router = APIRouter(route_class=PortalRoute, include_in_schema=False)


def _midnight(day: str) -> datetime | None:
    """The beginning of a day in UTC; None for what is no day, or far away."""
    try:
        moment = datetime.combine(date.fromisoformat(day), time(), UTC)
    except ValueError:
        return None
    return moment if 2000 <= moment.year < 9000 else None


CustomerId = Annotated[Search, AfterValidator(lambda id: id if re.fullmatch(ID_PATTERN, id) else "")]
Day = Annotated[Search, AfterValidator(lambda day: day if _midnight(day) else "")]


class AuditQuery(ListQuery):
    """The days of the form are whole days in UTC, the last one included."""

    customer: CustomerId = ""
    actor: Search = ""
    action: Annotated[Search, one_of(ACTIONS)] = ""
    since: Day = Field("", alias="from")
    until: Day = Field("", alias="to")

    @property
    def filter(self) -> AuditFilter:
        last = _midnight(self.until)
        return AuditFilter(
            customer=self.customer or None,
            actor=self.actor or None,
            action=self.action or None,
            since=_midnight(self.since),
            until=last + timedelta(days=1) if last else None,
        )


Asked = Annotated[AuditQuery, Query()]


@router.get(HERE)
async def audit(session: OperatorSession, application: App, layout: Layout, query: Asked) -> Response:
    page = await application.history.audit(query.filter, PAGE, query.cursor)
    actions = sorted(((name, layout.gettext(EVENT_TEXTS[name].title)) for name in ACTIONS), key=lambda row: row[1])
    return layout.show(
        "audit.html",
        active="audit",
        rows=[_row(row, describe(row["action"], row["data"], layout.gettext)) for row in page.rows],
        wanted=query,
        actions=actions,
        filtered=any(query.filters.values()),
        next=query.page(HERE, page.next),
        first=query.address(HERE) if query.cursor else None,
        csv=query.address(CSV),
        people=sorted({row["actor"]["email"] or row["actor"]["id"] for row in page.rows}),
        only=lambda **more: query.address(HERE, **more),
    )


@router.get(CSV)
async def audit_csv(session: OperatorSession, application: App, layout: Layout, query: Asked) -> Response:
    return csv_export.audit(application.history.every(query.filter), layout.gettext)


def _row(row: Document, told: Any) -> dict[str, Any]:
    actor = row["actor"]
    return {
        "id": row["_id"],
        "at": row["at"],
        "told": told,
        "action": row["action"],
        "customer": row["customer"],
        "place": PLACES.get(row["customer"]),
        "switch": row["switch"],
        "name": actor["name"] or actor["email"] or actor["id"],
        "email": actor["email"],
        "actor": actor["email"] or actor["id"],
        "address": row["address"],
    }
