"""Authentication Status: every customer's, problems first; many are validated at once, outcomes come by themselves.

The page asks again and again for the rows that it shows, in their places: nothing jumps while somebody reads.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from config_svc.domain.model import Customer
from config_svc.pages.forms import KEY, Filled, filled
from config_svc.pages.layout import Frame
from config_svc.queries import authentication_status, csv_export, lists
from config_svc.texts import state_texts
from config_svc.texts.refusal_texts import texts
from shared.contracts.events import Actor
from shared.domain.rules import Refused
from shared.http.idempotency import command
from shared.identity.bearer import OPERATOR, VIEWER
from shared.identity.sessions import Session

PAGE = 30
TABS = ("", "failed", "expiring", "checking", "unknown", "successful")
AT_ONCE = 4
HERE = "/status"
Wanted = Mapping[str, str]


class StatusPages:
    def __init__(self, frame: Frame) -> None:
        self._frame, self._application, self._customers = frame, frame.application, frame.application.customers

    def add_to(self, router: APIRouter) -> None:
        add = self._frame.add
        add(router, HERE, self.page, VIEWER)
        add(router, f"{HERE}/rows", self.rows, VIEWER)
        add(router, f"{HERE}.csv", self.csv, VIEWER)
        add(router, f"{HERE}/validate", self.validate, OPERATOR, form="validate-many")

    # --- reading -------------------------------------------------------------------------------------------------

    async def page(self, request: Request, session: Session) -> Response:
        wanted, cursor = _wanted(request.query_params), request.query_params.get("cursor")
        page = await self._application.lists.page(_query(wanted), PAGE, cursor)
        customers = [row.state for row in page.rows]
        return self._frame.show(
            request,
            session,
            "status.html",
            active="status",
            said=self._said(request),
            next=_address(wanted, page.next),
            previous=_address(wanted, page.previous),
            csv=_address(wanted, path=f"{HERE}.csv"),
            cursor=cursor or "",
            form_key=secrets.token_hex(16),
            **await self._context(request, wanted, customers),
        )

    async def rows(self, request: Request, session: Session) -> Response:
        """The same rows as they are now, in the same places."""
        ids = request.query_params.getlist("id")[:PAGE]
        found = await self._customers.store.find({"_id": {"$in": ids}}, limit=PAGE)
        by_id = {row.id: row.state for row in found if not row.state.removed}
        customers = [by_id[id] for id in ids if id in by_id]
        context = await self._context(request, _wanted(request.query_params), customers)
        return self._frame.show(request, session, "status_rows.html", active="status", **context)

    async def csv(self, request: Request, session: Session) -> Response:
        rows = self._application.lists.every(_query(_wanted(request.query_params)))
        return csv_export.status(rows, self._application.clock, self._frame.say(request))

    async def _context(self, request: Request, wanted: Wanted, customers: Sequence[Customer]) -> dict[str, Any]:
        say, now = self._frame.say(request), self._application.clock()
        total = await self._application.customer_counter.counts()
        counts = {**total.status, "expiring": total.expiring, "": total.customers}
        live = urlencode([*_given(wanted).items(), *(("id", customer.id) for customer in customers)])
        return {
            "rows": [_row(customer, now, say) for customer in customers],
            "wanted": wanted,
            "tabs": [(tab, _address({**wanted, "status": tab}), counts[tab]) for tab in TABS],
            "checking": counts["checking"] or 0,
            "checking_here": sum(customer.status == "checking" for customer in customers),
            "live_url": f"{HERE}/rows?{live}",
        }

    # --- validating ----------------------------------------------------------------------------------------------

    async def validate(self, request: Request, session: Session) -> Response:
        """One, those selected, or all shown that can be and are not being checked already."""
        form = await filled(request)
        gate = asyncio.Semaphore(AT_ONCE)
        asked = [self._ask(id, form.text(KEY), session.actor, gate) for id in await self._chosen(form)]
        outcomes = await asyncio.gather(*asked)
        left = [code for code in outcomes if code]
        more = {"begun": str(len(outcomes) - len(left))}
        more |= {"left": str(len(left)), "why": left[0]} if left else {}
        address = _address(_wanted({name: form.text(name) for name in form.values}), form.text("cursor"), **more)
        return RedirectResponse(address or HERE, 303)

    async def _chosen(self, form: Filled) -> Iterable[str]:
        if form.text("only"):
            return [form.text("only")]
        if form.text("which") != "all":
            return list(dict.fromkeys(form.many("pick")))[:PAGE]
        shown = form.many("shown")[:PAGE]
        found = await self._customers.store.find({"_id": {"$in": shown}}, limit=PAGE)
        return [row.id for row in found if _can(row.state) and row.state.status != "checking"]

    async def _ask(self, id: str, key: str, by: Actor, gate: asyncio.Semaphore) -> str | None:
        """The code of its refusal. The form sent twice asks once: each customer has a key made of the form's."""
        async with gate:
            try:
                sent = command(f"{key}:{id}" if key else None, f"POST {HERE}/validate", id.encode(), by.id)
                await self._customers.validate(id, by, sent)
            except Refused as error:
                return error.code
        return None

    def _said(self, request: Request) -> dict[str, Any] | None:
        """What the form led to; the numbers stand in the address, so that it is said after the redirect."""
        asked = request.query_params
        begun, left = _number(asked.get("begun")), _number(asked.get("left")) or 0
        if begun is None:
            return None
        what, todo = texts(Refused(asked.get("why", ""), ""), self._frame.say(request)) if left else ("", "")
        return {"begun": begun, "left": left, "what": what, "todo": todo}


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 4 else None


def _can(customer: Customer) -> bool:
    return not customer.removed and state_texts.can(customer, customer.running)["validate"]


def _row(customer: Customer, now: Any, say: state_texts.Say) -> dict[str, Any]:
    failure = customer.failure if customer.status == "failed" else None
    left = authentication_status.secret_left(customer, now)
    return {
        "customer": customer,
        "can": _can(customer),
        "failure": failure,
        "problem": state_texts.problem(failure.reason, say) if failure else None,
        "since": customer.since or customer.checked_at,
        "secret_left": left,
        "secret_step": authentication_status.step(left),
        "look": authentication_status.next_check(customer, now),
    }


# --- addresses -------------------------------------------------------------------------------------------------------


def _wanted(asked: Mapping[str, str]) -> Wanted:
    status = asked.get("status", "")
    return {"status": status if status in TABS else "", "q": asked.get("q", "")[:200].strip()}


def _query(wanted: Wanted) -> lists.Query:
    return lists.health(wanted["status"] or None, wanted["q"])


def _given(wanted: Wanted) -> dict[str, str]:
    return {name: text for name, text in wanted.items() if text}


def _address(wanted: Wanted, cursor: str | None = "", *, path: str = HERE, **more: str) -> str | None:
    if cursor is None:
        return None
    said = _given({**wanted, "cursor": cursor, **more})
    return f"{path}?{urlencode(said)}" if said else path
