"""The operator's own reference of a switch: changed in its place in the list, or on a page of its own."""

from __future__ import annotations

import secrets
from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, Header
from starlette.responses import Response

from config_svc.application import App
from config_svc.domain.model import Customer
from config_svc.pages.dependencies import ByHtmx, Layout, OperatorSession, submitted
from config_svc.pages.forms import SubmittedForm, check
from config_svc.pages.layout import CUSTOMERS, PortalLayout, PortalRoute, redirect_back
from config_svc.schemas.customers import ReferenceBody
from config_svc.texts.refusal_texts import texts
from shared.domain.rules import Refused
from shared.identity.portal_sign_in import own_path

router = APIRouter(route_class=PortalRoute, include_in_schema=False)
ReferenceForm = Annotated[SubmittedForm, Depends(submitted("reference"))]


@router.get("/customers/{id}/reference")
async def edit_reference(
    id: str,
    session: OperatorSession,
    application: App,
    layout: Layout,
    by_htmx: ByHtmx,
    back: str | None = None,
    show: str | None = None,
    hx_current_url: Annotated[str, Header()] = "",
) -> Response:
    """The form; in a list with `?show` the value again, for who changed their mind."""
    customer = (await application.customers.get(id)).state
    if customer.switch is None:
        raise Refused("no_switch", "There is no switch.")
    back = _back(back or _path(hx_current_url), customer)
    if by_htmx and show is not None:
        return _show(layout, "switch_reference_cell.html", customer, back)
    return _form(layout, customer, customer.switch.reference or "", back, in_place=by_htmx)


@router.post("/customers/{id}/reference")
async def save_reference(
    id: str, session: OperatorSession, form: ReferenceForm, application: App, layout: Layout, by_htmx: ByHtmx
) -> Response:
    values = {"switch": form.number("switch"), "reference": form.text("reference") or None}
    body, errors = check(ReferenceBody, values, layout.gettext)
    problem, status = errors.get("reference", ""), 422
    if body is not None:
        try:
            await application.customers.refer(id, body.switch, body.reference, session.actor, form.command)
        except Refused as refusal:
            problem, status = " ".join(texts(refusal, layout.gettext)), refusal.status
    customer = (await application.customers.get(id)).state
    back = _back(form.text("back"), customer)
    if body is None or problem:
        value = form.text("reference")
        return _form(layout, customer, value, back, in_place=by_htmx, problem=problem, status=status)
    if by_htmx:
        return _show(layout, "switch_reference_cell.html", customer, back)
    return redirect_back(form.text("back"), back, "referred")


def _form(
    layout: PortalLayout,
    customer: Customer,
    value: str,
    back: str,
    *,
    in_place: bool,
    problem: str = "",
    status: int = 200,
) -> Response:
    """In place every answer is shown, so it is a success to the script that asked."""
    template = "switch_reference_form.html" if in_place else "switch_reference.html"
    status, key = 200 if in_place else status, secrets.token_hex(16)
    return _show(layout, template, customer, back, status=status, value=value, problem=problem, new_key=key)


def _show(layout: PortalLayout, template: str, customer: Customer, back: str, **context: Any) -> Response:
    return layout.show(template, active="invitations", customer=customer, back=back, **context)


def _path(url: str) -> str:
    """The page that asks for a part of itself."""
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def _back(path: str | None, customer: Customer) -> str:
    return own_path(path) if path else f"{CUSTOMERS}/{customer.id}"
