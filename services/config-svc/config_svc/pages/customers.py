"""Customers: the list, the forms to register and change one, removal."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from starlette.responses import RedirectResponse, Response

from config_svc.application import App
from config_svc.domain.model import Customer
from config_svc.pages.addresses import ListQuery, Search, one_of
from config_svc.pages.dependencies import AdminSession, Layout, OperatorSession, ViewerSession, submitted
from config_svc.pages.forms import SubmittedForm, check
from config_svc.pages.layout import CUSTOMERS, PortalLayout, PortalRoute
from config_svc.queries import lists
from config_svc.schemas.customers import CustomerBody, customer_id
from config_svc.texts.refusal_texts import TEXTS
from shared.domain.rules import Refused
from shared.i18n.marks import N_

PAGE = 50
METHODS = ("app_registration", "token", "none")
STATUSES = ("failed", "checking", "unknown", "successful")
SWITCHES = (
    "running",
    "requested",
    "invited",
    "opened",
    "authenticating",
    "completed",
    "cancelled",
    "expired",
    "failed",
    "none",
)
SECRET = "client_secret"

router = APIRouter(route_class=PortalRoute, include_in_schema=False)
CustomerForm = Annotated[SubmittedForm, Depends(submitted("customer"))]
RemoveForm = Annotated[SubmittedForm, Depends(submitted("remove"))]


class CustomersQuery(ListQuery):
    q: Search = ""
    method: Annotated[str, one_of(METHODS)] = ""
    status: Annotated[str, one_of(STATUSES)] = ""
    switch: Annotated[str, one_of(SWITCHES)] = ""


Asked = Annotated[CustomersQuery, Query()]


@router.get("/")
async def home(session: ViewerSession) -> Response:
    return RedirectResponse(CUSTOMERS, 303)


# --- the list --------------------------------------------------------------------------------------------------------


@router.get(CUSTOMERS)
async def list_customers(session: ViewerSession, application: App, layout: Layout, query: Asked) -> Response:
    return await _list(application, layout, query, CUSTOMERS, "customers")


@router.get("/m365")
async def choose_customer(session: ViewerSession, application: App, layout: Layout, query: Asked) -> Response:
    """M365 Configuration without a customer: choose one."""
    return await _list(application, layout, query, "/m365", "customer")


async def _list(application: App, layout: Layout, query: CustomersQuery, path: str, active: str) -> Response:
    wanted = lists.customers(query.q, query.method, query.status, query.switch)
    page = await application.lists.page(wanted, PAGE, query.cursor)
    return layout.show(
        "customers.html",
        active=active,
        rows=[row.state for row in page.rows],
        wanted=query,
        methods=METHODS,
        statuses=STATUSES,
        switches=SWITCHES,
        filtered=any(query.filters.values()),
        q=query.q,
        next=query.page(path, page.next),
        previous=query.page(path, page.previous),
    )


# --- forms -----------------------------------------------------------------------------------------------------------


@router.get("/add-customer")
async def new_customer(session: OperatorSession, layout: Layout) -> Response:
    return _form(layout, None, {})


@router.post("/add-customer")
async def add_customer(session: OperatorSession, form: CustomerForm, application: App, layout: Layout) -> Response:
    body, errors = check(CustomerBody, _values(form), layout.gettext)
    try:
        id = customer_id(form.text("id"))
    except ValueError as error:
        body, errors = None, {"id": layout.gettext(str(error))} | errors
    if body is None:
        return _form(layout, None, form.shown(SECRET), errors, status=422)
    if await application.customers.find(id) is not None:
        taken = {"id": " ".join(layout.gettext(text) for text in TEXTS["id_taken"])}
        return _form(layout, None, form.shown(SECRET), taken, status=409)
    await application.customers.put(id, body, None, session.actor)
    return RedirectResponse(f"{CUSTOMERS}/{id}?done=added", 303)


@router.get("/customers/{id}/edit")
async def edit_customer(id: str, session: OperatorSession, application: App, layout: Layout) -> Response:
    customer = (await application.customers.get(id)).state
    return _form(layout, customer, _present(customer))


@router.post("/customers/{id}/edit")
async def save_customer(
    id: str, session: OperatorSession, form: CustomerForm, application: App, layout: Layout
) -> Response:
    customer = (await application.customers.get(id)).state
    body, errors = check(CustomerBody, _values(form), layout.gettext)
    if body is None:
        return _form(layout, customer, form.shown(SECRET), errors, status=422)
    try:
        await application.customers.put(id, body, f'"{form.text("edition", "0")}"', session.actor)
    except Refused as refusal:
        customer = (await application.customers.get(id)).state
        values = form.shown(SECRET) | {"edition": customer.edition}
        return _form(layout, customer, values, refusal=refusal, beside=_beside(layout, customer, values))
    return RedirectResponse(f"{CUSTOMERS}/{id}?done=saved", 303)


def _form(
    layout: PortalLayout,
    customer: Customer | None,
    values: dict[str, Any],
    errors: dict[str, str] | None = None,
    **context: Any,
) -> Response:
    context = {"beside": {}} | context
    return layout.show(
        "customer_form.html", active="customers", customer=customer, values=values, errors=errors or {}, **context
    )


def _beside(layout: PortalLayout, customer: Customer, values: dict[str, Any]) -> dict[str, str]:
    """For each field that differs the value in force, as a hint beside it."""
    return {
        name: layout.gettext(N_("In force now: %(value)s")) % {"value": value or "–"}
        for name, value in _present(customer).items()
        if name in values and str(value) != str(values[name])
    }


def _present(customer: Customer) -> dict[str, Any]:
    return {
        "name": customer.name,
        "tenant": customer.tenant,
        "reference": customer.reference or "",
        "client_id": customer.client_id or "",
        "secret_expires_on": customer.secret_expires_on or "",
        "edition": customer.edition,
        "has_secret": customer.secret,
    }


def _values(form: SubmittedForm) -> dict[str, Any]:
    """The form as the API's body. An empty secret stays as it is; an empty application id means none."""
    values: dict[str, Any] = {
        "name": form.text("name"),
        "tenant": form.text("tenant"),
        "reference": form.text("reference") or None,
        "app_registration": None,
    }
    secret = form.text(SECRET)
    if form.text("client_id") or secret:
        registration: dict[str, Any] = {
            "client_id": form.text("client_id"),
            "secret_expires_on": form.text("secret_expires_on") or None,
        }
        if secret or form.text("forget_secret"):
            registration[SECRET] = secret or None
        values["app_registration"] = registration
    return values


# --- removal ---------------------------------------------------------------------------------------------------------


@router.get("/customers/{id}/remove")
async def confirm_removal(id: str, session: AdminSession, application: App, layout: Layout) -> Response:
    customer = (await application.customers.get(id)).state
    return layout.show("customer_remove.html", active="customers", customer=customer)


@router.post("/customers/{id}/remove")
async def remove_customer(id: str, session: AdminSession, form: RemoveForm, application: App) -> Response:
    await application.customers.remove(id, None, session.actor)
    return RedirectResponse(f"{CUSTOMERS}?done=removed", 303)
