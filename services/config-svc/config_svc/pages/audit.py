"""Audit: who did what, when and from where; filtered, paged and exported. Role operator, as in the API."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from starlette.responses import Response

from config_svc.api.common import ID
from config_svc.pages.layout import Frame
from config_svc.queries import csv_export
from config_svc.queries.history import DOERS, AuditFilter
from config_svc.texts.event_texts import EVENT_TEXTS, PLACES, describe
from shared.contracts.events import REGISTRY
from shared.identity.bearer import OPERATOR
from shared.identity.sessions import Session
from shared.store.mongo import Document

PAGE = 50
HERE = "/audit"
DAY = timedelta(days=1)
ACTIONS = tuple(name for name, kind in REGISTRY.items() if any(doer in kind.cls.__dataclass_fields__ for doer in DOERS))
FIELDS = ("customer", "actor", "action", "from", "to")
_ID = re.compile(ID)
Wanted = Mapping[str, str]


class AuditPages:
    def __init__(self, frame: Frame) -> None:
        self._frame, self._history = frame, frame.application.history

    def add_to(self, router: APIRouter) -> None:
        self._frame.add(router, HERE, self.page, OPERATOR)
        self._frame.add(router, f"{HERE}.csv", self.csv, OPERATOR)

    async def page(self, request: Request, session: Session) -> Response:
        wanted, say = _wanted(request), self._frame.say(request)
        cursor = request.query_params.get("cursor")
        found = await self._history.audit(_filter(wanted), PAGE, cursor)
        rows = [_row(row, describe(row["action"], row["data"], say)) for row in found.rows]
        actions = sorted(((name, say(EVENT_TEXTS[name].title)) for name in ACTIONS), key=lambda row: row[1])
        return self._frame.show(
            request,
            session,
            "audit.html",
            active="audit",
            rows=rows,
            wanted=wanted,
            actions=actions,
            filtered=any(wanted.values()),
            next=_address(wanted, cursor=found.next),
            first=_address(wanted) if cursor else None,
            csv=_address(wanted, path=f"{HERE}.csv"),
            people=sorted({row["actor"]["email"] or row["actor"]["id"] for row in found.rows}),
            only=lambda **more: _address({**wanted, **more}),
        )

    async def csv(self, request: Request, session: Session) -> Response:
        return csv_export.audit(self._history.every(_filter(_wanted(request))), self._frame.say(request))


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


def _wanted(request: Request) -> Wanted:
    """What can be looked for; the rest of an address is left out, and the fields then show what counts."""
    given = {name: request.query_params.get(name, "").strip()[:200] for name in FIELDS}
    return {
        "customer": given["customer"] if _ID.fullmatch(given["customer"]) else "",
        "actor": given["actor"],
        "action": given["action"] if given["action"] in ACTIONS else "",
        **{name: given[name] if _day(given[name]) else "" for name in ("from", "to")},
    }


def _filter(wanted: Wanted) -> AuditFilter:
    """The days of the form are whole days in UTC, the last one included."""
    last = _day(wanted["to"])
    return AuditFilter(
        customer=wanted["customer"] or None,
        actor=wanted["actor"] or None,
        action=wanted["action"] or None,
        since=_day(wanted["from"]),
        until=last + DAY if last else None,
    )


def _day(text: str) -> datetime | None:
    try:
        found = datetime.combine(date.fromisoformat(text), time(), UTC)
    except ValueError:
        return None
    return found if 2000 <= found.year < 9000 else None


def _address(wanted: Wanted, *, path: str = HERE, cursor: str | None = "") -> str | None:
    if cursor is None:
        return None
    said = {name: text for name, text in {**wanted, "cursor": cursor}.items() if text}
    return f"{path}?{urlencode(said)}" if said else path
