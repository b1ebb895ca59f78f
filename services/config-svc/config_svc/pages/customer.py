"""M365 Configuration: the page of one customer, its live part, and its buttons."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header
from starlette.responses import JSONResponse, Response

from config_svc.application import App, Application
from config_svc.domain.model import Customer
from config_svc.pages.dependencies import Layout, OperatorSession, ViewerSession, submitted
from config_svc.pages.forms import SubmittedForm, check
from config_svc.pages.layout import CUSTOMERS, PortalLayout, PortalRoute, redirect_back
from config_svc.pages.timelines import timeline
from config_svc.schemas.customers import ResendBody
from config_svc.schemas.views import CustomerView
from config_svc.texts import state_texts
from shared.domain.rules import Refused
from shared.identity.portal_sign_in import own_path
from shared.store.store import StoredDocument

LIVE_TIMELINE = 200
GONE, STOP_ASKING = 410, 286

router = APIRouter(route_class=PortalRoute, include_in_schema=False)
ValidateForm = Annotated[SubmittedForm, Depends(submitted("validate"))]
ResendForm = Annotated[SubmittedForm, Depends(submitted("resend"))]
CancelForm = Annotated[SubmittedForm, Depends(submitted("cancel"))]
LinkForm = Annotated[SubmittedForm, Depends(submitted("link"))]


# --- reading ---------------------------------------------------------------------------------------------------------


@router.get("/customers/{id}")
async def customer(id: str, session: ViewerSession, application: App, layout: Layout) -> Response:
    customer = await application.customers.find(id)
    if customer is None or not customer.state.removed:
        return await show_customer(id, application, layout)
    entries = await timeline(application, layout, id)
    return layout.show(
        "customer_removed.html",
        active="customers",
        status=GONE,
        customer=customer.state,
        timeline=entries.rows,
        older=entries.next,
    )


@router.get("/customers/{id}/state")
async def customer_state(
    id: str, session: ViewerSession, application: App, layout: Layout, until: str | None = None
) -> Response:
    """The part that moves by itself. The status 286 ends the asking once nothing moves any more."""
    customer = await application.customers.find(id)
    if customer is None or customer.state.removed:
        return Response(status_code=204, headers={"HX-Refresh": "true"})
    entries = await timeline(application, layout, id, LIVE_TIMELINE, until=until)
    if entries.next:  # so much has happened that the page would have a gap
        return Response(status_code=204, headers={"HX-Refresh": "true"})
    context = _context(customer, application, layout)
    status = 200 if context["moving"] else STOP_ASKING
    return layout.show("customer_state.html", active="customer", status=status, timeline=entries.rows, **context)


async def show_customer(
    id: str, application: Application, layout: PortalLayout, refusal: Refused | None = None
) -> Response:
    """The page; after a refusal with its message on top."""
    customer = await application.customers.get(id)
    entries = await timeline(application, layout, id)
    return layout.show(
        "customer.html",
        active="customer",
        refusal=refusal,
        timeline=entries.rows,
        older=entries.next,
        **_context(customer, application, layout),
    )


def _context(found: StoredDocument[Customer], application: Application, layout: PortalLayout) -> dict[str, Any]:
    customer, now, gettext = found.state, application.clock(), layout.gettext
    switch, failure = customer.switch, customer.failure
    return {
        "customer": customer,
        "view": CustomerView.of(found, now),
        "switch": switch,
        "running": customer.running,
        "can": state_texts.can(customer, customer.running),
        "steps": state_texts.steps(switch, gettext) if switch else [],
        "status_problem": state_texts.problem(failure.reason if failure else None, gettext),
        "waiting_problem": state_texts.problem(customer.waiting.reason if customer.waiting else None, gettext),
        "tenant_problem": state_texts.problem(customer.tenant_reason, gettext),
        "attempt_problem": state_texts.attempt_problem(switch, gettext),
        "ended": state_texts.ENDED.get(switch.state) if switch else None,
        "tenant_state": gettext(state_texts.TENANTS[customer.tenant_state]),
        "secret_note": state_texts.secret_note(customer, now),
        "delayed": state_texts.is_delayed(found.delayed, now),
        "moving": state_texts.moving(customer, found.delayed, now),
    }


# --- buttons ---------------------------------------------------------------------------------------------------------


@router.post("/customers/{id}/validate")
async def validate(id: str, session: OperatorSession, form: ValidateForm, application: App, layout: Layout) -> Response:
    try:
        await application.customers.validate(id, session.actor, form.command)
    except Refused as refusal:
        return await _refused(id, application, layout, refusal)
    return redirect_back(form.text("back"), f"{CUSTOMERS}/{id}", "validating")


@router.get("/customers/{id}/resend")
async def ask_to_resend(id: str, session: OperatorSession, application: App, layout: Layout) -> Response:
    """Send again, perhaps to another address."""
    customer = (await application.customers.get(id)).state
    refusal = _not_running(customer)
    if refusal is None and customer.switch and customer.switch.invitee is None:
        refusal = Refused("no_invitation", "This switch has no invitation.")
    if refusal:
        return await show_customer(id, application, layout, refusal)
    return _resend_form(layout, customer, {}, {})


@router.post("/customers/{id}/resend")
async def resend(id: str, session: OperatorSession, form: ResendForm, application: App, layout: Layout) -> Response:
    values = {
        "switch": form.number("switch"),
        "admin_email": form.text("admin_email") or None,
        "admin_name": form.text("admin_name"),
    }
    body, errors = check(ResendBody, values, layout.gettext)
    if body is None:
        customer = (await application.customers.get(id)).state
        return _resend_form(layout, customer, form.shown(), errors, status=422)
    try:
        answer = await application.customers.resend(id, body, session.actor, form.command)
    except Refused as refusal:
        return await _refused(id, application, layout, refusal)
    done = "resent" if answer["switch"] == body.switch else "readdressed"
    return redirect_back(form.text("back"), f"{CUSTOMERS}/{id}", done)


def _resend_form(
    layout: PortalLayout, customer: Customer, values: dict[str, Any], errors: dict[str, str], status: int = 200
) -> Response:
    return layout.show(
        "customer_resend.html",
        active="customer",
        status=status,
        customer=customer,
        running=customer.running,
        values=values,
        errors=errors,
    )


@router.get("/customers/{id}/cancel")
async def confirm_cancel(
    id: str, session: OperatorSession, application: App, layout: Layout, back: str | None = None
) -> Response:
    customer = (await application.customers.get(id)).state
    if refusal := _not_running(customer):
        return await show_customer(id, application, layout, refusal)
    return layout.show(
        "customer_cancel.html",
        active="customer",
        customer=customer,
        running=customer.running,
        back=own_path(back) if back else "",
    )


@router.post("/customers/{id}/cancel")
async def cancel(id: str, session: OperatorSession, form: CancelForm, application: App, layout: Layout) -> Response:
    command = form.command
    try:
        await application.customers.cancel(id, form.number("switch"), session.actor, command)
    except Refused as refusal:
        return await _refused(id, application, layout, refusal)
    return redirect_back(form.text("back"), f"{CUSTOMERS}/{id}", "cancelled")


@router.post("/customers/{id}/link")
async def link(
    id: str,
    session: OperatorSession,
    form: LinkForm,
    application: App,
    layout: Layout,
    accept: Annotated[str, Header()] = "",
) -> Response:
    """The invitation's address: to the page's script, which copies it, or as a page of its own."""
    command = form.command
    try:
        _, link = await application.customers.link(id, form.number("switch"), session.actor, command)
    except Refused as refusal:
        return await _refused(id, application, layout, refusal)
    if "application/json" in accept:
        return JSONResponse({"link": link.reveal()})
    customer = (await application.customers.get(id)).state
    return layout.show("invitation_link.html", active="customer", customer=customer, link=link.reveal())


async def _refused(id: str, application: Application, layout: PortalLayout, refusal: Refused) -> Response:
    """On the customer's page, if there is one."""
    customer = await application.customers.find(id)
    if customer is None or customer.state.removed:
        raise refusal
    return await show_customer(id, application, layout, refusal)


def _not_running(customer: Customer) -> Refused | None:
    """For pages that ask about a running switch: it may have ended since the button was shown."""
    if customer.running:
        return None
    if customer.switch:
        return Refused("switch_ended", "This switch has ended.")
    return Refused("no_switch", "There is no switch.")
