"""Customers: put, read, list, remove."""

# No postponed annotations here: FastAPI reads them, and the dependencies in them are local names.

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Header, Query
from pydantic_core import to_jsonable_python
from starlette.responses import JSONResponse, Response

from config_svc.api import examples
from config_svc.api.common import CustomerId, problems
from config_svc.application import Application
from config_svc.domain.model import Status
from config_svc.queries import lists
from config_svc.schemas import customers, views
from config_svc.schemas.customers import CustomerBody
from shared.contracts.events import Actor, InForce
from shared.domain.rules import Refused
from shared.http.idempotency import etag
from shared.http.pagination import CursorParam, Limit
from shared.identity.bearer import ADMIN, OPERATOR, VIEWER, require
from shared.store.store import StoredDocument

SwitchFilter = Literal[
    "running", "none", "requested", "invited", "opened", "authenticating", "completed", "cancelled", "expired", "failed"
]
IfMatch = Annotated[str | None, Header(description='The ETag of the customer as you read it, like "3".')]
Search = Annotated[
    str | None, Query(max_length=200, description="Beginnings of words: id, name, tenant, reference, e-mail.")
]


def checked(id: str) -> str:
    """Raises: Refused (422) for the few ids that cannot be used."""
    try:
        return customers.customer_id(id)
    except ValueError as error:
        raise Refused("invalid", str(error), status=422, field="id") from None


def router(application: Application) -> APIRouter:
    routes = APIRouter(tags=["Customers"])
    viewer, operator, admin = (Depends(require(role)) for role in (VIEWER, OPERATOR, ADMIN))

    @routes.put(
        "/customers/{id}",
        summary="Register a customer, or change its master data",
        response_model=None,
        responses={
            201: examples.answered(examples.customer(), "Registered."),
            200: examples.answered(examples.customer(), "Changed, or the same."),
            **problems(409, 412, 415, 422),
        },
    )
    async def put_customer(
        id: CustomerId, body: CustomerBody, by: Annotated[Actor, operator], if_match: IfMatch = None
    ) -> Response:
        """Role: operator. The client secret is sealed at once for the service that uses it and never shown again."""
        applied = await application.customers.put(checked(id), body, if_match, by)
        if applied.state is None:
            raise Refused("customer_unknown", "There is no such customer; check the id.", status=404)
        status = 201 if applied.changed and applied.version == 1 else 200
        return _one(StoredDocument(id=id, version=applied.version, state=applied.state), application, status)

    @routes.get(
        "/customers",
        summary="List customers by name",
        responses={200: examples.answered(examples.customers()), **problems(400, 422)},
    )
    async def list_customers(
        by: Annotated[Actor, viewer],
        q: Search = None,
        method: InForce | None = None,
        status: Status | None = None,
        switch: SwitchFilter | None = None,
        limit: Limit = 50,
        cursor: CursorParam = None,
    ) -> dict[str, Any]:
        """Role: viewer. `next` is the cursor of the next page, null on the last one."""
        page = await application.lists.page(lists.customers(q, method, status, switch), limit, cursor)
        return {"items": [views.brief(row, application.clock()) for row in page.rows], "next": page.next}

    @routes.get(
        "/customers/{id}",
        summary="Read a customer",
        response_model=None,
        responses={200: examples.answered(examples.customer()), **problems(404, 410)},
    )
    async def get_customer(id: CustomerId, by: Annotated[Actor, viewer]) -> Response:
        """Role: viewer. `delayed` is set while events of this customer wait for Kafka."""
        return _one(await application.customers.get(id), application, 200)

    @routes.delete(
        "/customers/{id}",
        status_code=204,
        summary="Remove a customer: ends grant, switch and invitation",
        response_class=Response,
        responses=problems(404, 409, 412),
    )
    async def delete_customer(id: CustomerId, by: Annotated[Actor, admin], if_match: IfMatch = None) -> None:
        """Role: admin, since it cannot be taken back: the id is never used again."""
        await application.customers.remove(id, if_match, by)

    return routes


def _one(found: StoredDocument[Any], application: Application, status: int) -> Response:
    body = to_jsonable_python(views.customer(found, application.clock()))
    return JSONResponse(body, status, headers={"ETag": etag(found.state.edition)})
