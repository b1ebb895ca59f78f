"""Authentication Status: every customer's, problems first; many are validated at once, outcomes come by themselves.

The page asks again and again for the rows that it shows, in their places: nothing jumps while somebody reads.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query
from pydantic import BeforeValidator, Field
from starlette.responses import RedirectResponse, Response

from config_svc.application import App, Application
from config_svc.domain.model import Customer
from config_svc.pages.addresses import ListQuery, Search, one_of
from config_svc.pages.dependencies import Layout, OperatorSession, ViewerSession, submitted
from config_svc.pages.forms import KEY, SubmittedForm
from config_svc.pages.layout import PortalLayout, PortalRoute
from config_svc.queries import authentication_status, csv_export, lists
from config_svc.texts import state_texts
from config_svc.texts.refusal_texts import texts
from shared.contracts.events import Actor
from shared.domain.rules import Refused
from shared.http.idempotency import command

PAGE = 30
TABS = ("", "failed", "expiring", "checking", "unknown", "successful")
AT_ONCE = 4
HERE, ROWS, CSV = "/status", "/status/rows", "/status.csv"

router = APIRouter(route_class=PortalRoute, include_in_schema=False)
ValidateForm = Annotated[SubmittedForm, Depends(submitted("validate-many"))]


def _count(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 4 else None


Count = Annotated[int | None, BeforeValidator(_count)]


class StatusQuery(ListQuery):
    """`id`: the rows that are shown. `begun`, `left`, `why`: what the form led to, said after the redirect."""

    status: Annotated[str, one_of(TABS)] = ""
    q: Search = ""
    id: list[str] = Field([], exclude=True)
    begun: Count = Field(None, exclude=True)
    left: Count = Field(None, exclude=True)
    why: str = Field("", exclude=True)

    @property
    def wanted(self) -> lists.Query:
        return lists.health(self.status or None, self.q)


Asked = Annotated[StatusQuery, Query()]


# --- reading ---------------------------------------------------------------------------------------------------------


@router.get(HERE)
async def status(session: ViewerSession, application: App, layout: Layout, query: Asked) -> Response:
    page = await application.lists.page(query.wanted, PAGE, query.cursor)
    return layout.show(
        "authentication_status.html",
        active="status",
        validated=_validated(query, layout),
        next=query.page(HERE, page.next),
        previous=query.page(HERE, page.previous),
        csv=query.address(CSV),
        cursor=query.cursor or "",
        form_key=secrets.token_hex(16),
        **await _context(application, layout, query, [row.state for row in page.rows]),
    )


@router.get(ROWS)
async def rows(session: ViewerSession, application: App, layout: Layout, query: Asked) -> Response:
    """The same rows as they are now, in the same places."""
    by_id = await _customers(application, query.id)
    customers = [by_id[id] for id in query.id[:PAGE] if id in by_id and not by_id[id].removed]
    context = await _context(application, layout, query, customers)
    return layout.show("authentication_status_rows.html", active="status", **context)


@router.get(CSV)
async def csv(session: ViewerSession, application: App, layout: Layout, query: Asked) -> Response:
    return csv_export.status(application.lists.every(query.wanted), application.clock, layout.gettext)


async def _customers(application: Application, ids: Sequence[str]) -> dict[str, Customer]:
    rows = await application.customers.store.find({"_id": {"$in": ids[:PAGE]}}, limit=PAGE)
    return {row.id: row.state for row in rows}


async def _context(
    application: Application, layout: PortalLayout, query: StatusQuery, customers: Sequence[Customer]
) -> dict[str, Any]:
    now = application.clock()
    counts = await application.customer_counter.counts()
    by_tab = {**counts.status, "expiring": counts.expiring, "": counts.customers}
    filters = [(name, text) for name, text in query.filters.items() if text]
    return {
        "rows": [_row(customer, now, layout) for customer in customers],
        "wanted": query,
        "tabs": [(tab, query.address(HERE, status=tab), by_tab[tab]) for tab in TABS],
        "counts": counts,
        "checking": by_tab["checking"] or 0,
        "checking_here": sum(customer.status == "checking" for customer in customers),
        "live_url": f"{ROWS}?{urlencode([*filters, *(('id', customer.id) for customer in customers)])}",
    }


def _row(customer: Customer, now: datetime, layout: PortalLayout) -> dict[str, Any]:
    failure = customer.failure if customer.status == "failed" else None
    left = authentication_status.secret_left(customer, now)
    return {
        "customer": customer,
        "can": _can(customer),
        "failure": failure,
        "problem": state_texts.problem(failure.reason, layout.gettext) if failure else None,
        "waiting": state_texts.problem(customer.waiting.reason if customer.waiting else None, layout.gettext),
        "since": customer.since or customer.checked_at,
        "secret_left": left,
        "secret_step": authentication_status.step(left),
        "look": authentication_status.next_check(customer, now),
    }


def _can(customer: Customer) -> bool:
    return not customer.removed and state_texts.can(customer, customer.running)["validate"]


def _validated(query: StatusQuery, layout: PortalLayout) -> dict[str, Any] | None:
    """What came of the form: how many were begun, how many were left out and why."""
    if query.begun is None:
        return None
    what, todo = texts(Refused(query.why, ""), layout.gettext) if query.left else ("", "")
    return {"begun": query.begun, "left": query.left or 0, "what": what, "todo": todo}


# --- validating ------------------------------------------------------------------------------------------------------


@router.post(f"{HERE}/validate")
async def validate(session: OperatorSession, form: ValidateForm, application: App) -> Response:
    """One, those selected, or all shown that can be and are not being checked already."""
    gate = asyncio.Semaphore(AT_ONCE)
    ids = await _chosen(application, form)
    outcomes = await asyncio.gather(*(_ask(application, id, form.text(KEY), session.actor, gate) for id in ids))
    left = [code for code in outcomes if code]
    outcome = {"begun": str(len(outcomes) - len(left))}
    outcome |= {"left": str(len(left)), "why": left[0]} if left else {}
    query = StatusQuery.model_validate({name: form.text(name) for name in ("status", "q", "cursor")})
    return RedirectResponse(query.address(HERE, cursor=query.cursor, **outcome), 303)


async def _chosen(application: Application, form: SubmittedForm) -> Iterable[str]:
    if form.text("only"):
        return [form.text("only")]
    if form.text("which") != "all":
        return list(dict.fromkeys(form.many("pick")))[:PAGE]
    customers = await _customers(application, form.many("shown"))
    return [id for id, customer in customers.items() if _can(customer) and customer.status != "checking"]


async def _ask(application: Application, id: str, key: str, by: Actor, gate: asyncio.Semaphore) -> str | None:
    """The code of its refusal. The form sent twice asks once: each customer has a key made of the form's."""
    async with gate:
        try:
            sent = command(f"{key}:{id}" if key else None, f"POST {HERE}/validate", id.encode(), by.id)
            await application.customers.validate(id, by, sent)
        except Refused as refusal:
            return refusal.code
    return None
