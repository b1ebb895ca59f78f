"""Customers: put, read, list, remove."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Response

from config_svc.api import examples
from config_svc.api.dependencies import Admin, CustomerId, IfMatch, Operator, Search, Viewer
from config_svc.api.problems import problems
from config_svc.application import App
from config_svc.domain.model import Status
from config_svc.queries import lists
from config_svc.schemas import customers
from config_svc.schemas.customers import CustomerBody
from config_svc.schemas.views import CustomerSummary, CustomerView
from shared.contracts.events import InForce
from shared.domain.rules import Refused
from shared.http.idempotency import etag
from shared.http.pagination import CursorParam, Limit, Page
from shared.store.store import StoredDocument

SwitchFilter = Literal[
    "running", "none", "requested", "invited", "opened", "authenticating", "completed", "cancelled", "expired", "failed"
]
router = APIRouter(tags=["Customers"])


@router.put(
    "/customers/{id}",
    summary="Register a customer, or change its master data",
    responses=examples.answer(examples.customer(), "Changed, or the same.")
    | examples.answer(examples.customer(), "Registered.", status=201, model=CustomerView)
    | problems(409, 412, 415, 422),
)
async def put_customer(
    id: CustomerId, body: CustomerBody, by: Operator, app: App, response: Response, if_match: IfMatch = None
) -> CustomerView:
    """Role: operator. The client secret is sealed at once for the service that uses it and never shown again."""
    try:
        customers.customer_id(id)  # a few ids cannot be used
    except ValueError as error:
        raise Refused("invalid", str(error), status=422, field="id") from None
    applied = await app.customers.put(id, body, if_match, by)
    if applied.state is None:
        raise Refused("customer_unknown", "There is no such customer; check the id.", status=404)
    response.status_code = 201 if applied.changed and applied.version == 1 else 200
    response.headers["ETag"] = etag(applied.state.edition)
    return CustomerView.of(StoredDocument(id=id, version=applied.version, state=applied.state), app.clock())


@router.get(
    "/customers",
    summary="List customers by name",
    responses=examples.answer(examples.page(examples.customer_summary())) | problems(400, 422),
)
async def list_customers(
    by: Viewer,
    app: App,
    q: Search = None,
    method: InForce | None = None,
    status: Status | None = None,
    switch: SwitchFilter | None = None,
    limit: Limit = 50,
    cursor: CursorParam = None,
) -> Page[CustomerSummary]:
    """Role: viewer."""
    page = await app.lists.page(lists.customers(q, method, status, switch), limit, cursor)
    return Page(items=[CustomerSummary.of(row, app.clock()) for row in page.rows], next=page.next)


@router.get(
    "/customers/{id}",
    summary="Read a customer",
    responses=examples.answer(examples.customer()) | problems(404, 410),
)
async def get_customer(id: CustomerId, by: Viewer, app: App, response: Response) -> CustomerView:
    """Role: viewer. `delayed` is set while events of this customer wait for Kafka."""
    customer = await app.customers.get(id)
    response.headers["ETag"] = etag(customer.state.edition)
    return CustomerView.of(customer, app.clock())


@router.delete(
    "/customers/{id}",
    status_code=204,
    summary="Remove a customer: ends grant, switch and invitation",
    response_class=Response,
    responses=problems(404, 409, 412),
)
async def delete_customer(id: CustomerId, by: Admin, app: App, if_match: IfMatch = None) -> None:
    """Role: admin, since it cannot be taken back: the id is never used again."""
    await app.customers.remove(id, if_match, by)
