"""Customers: put, read, list, remove."""

# No postponed annotations here: FastAPI reads them, and the dependencies in them are local names.

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Header, Query
from pydantic_core import to_jsonable_python
from starlette.responses import JSONResponse, Response

from config_svc import inputs, lists, views
from config_svc.api import examples
from config_svc.api.common import CustomerId, Parts, problems
from config_svc.domain.model import Status
from config_svc.inputs import CustomerBody
from shared.auth import ADMIN, OPERATOR, VIEWER
from shared.change import Refused
from shared.commands import etag
from shared.cursors import CursorParam, Limit
from shared.events import Actor, InForce
from shared.store import Found

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
        return inputs.customer_id(id)
    except ValueError as error:
        raise Refused("invalid", str(error), status=422, field="id") from None


def router(parts: Parts) -> APIRouter:
    routes = APIRouter(tags=["Customers"])
    viewer, operator, admin = (Depends(parts.bearer.require(role)) for role in (VIEWER, OPERATOR, ADMIN))

    @routes.put(
        "/customers/{id}", summary="Register a customer, or change its master data", response_model=None,
        responses={201: examples.answered(examples.customer(), "Registered."),
                   200: examples.answered(examples.customer(), "Changed, or the same."),
                   **problems(409, 412, 415, 422)},
    )  # fmt: skip
    async def put_customer(
        id: CustomerId, body: CustomerBody, by: Annotated[Actor, operator], if_match: IfMatch = None
    ) -> Response:
        """Role: operator. The client secret is sealed at once for the service that uses it and never shown again."""
        applied = await parts.desk.put(checked(id), body, if_match, by)
        if applied.state is None:
            raise Refused("customer_unknown", "There is no such customer; check the id.", status=404)
        status = 201 if applied.changed and applied.version == 1 else 200
        return _one(Found(id, applied.version, applied.state), parts, status)

    @routes.get("/customers", summary="List customers by name",
                responses={200: examples.answered(examples.customers()), **problems(400, 422)})  # fmt: skip
    async def list_customers(
        by: Annotated[Actor, viewer], q: Search = None, method: InForce | None = None, status: Status | None = None,
        switch: SwitchFilter | None = None, limit: Limit = 50, cursor: CursorParam = None,
    ) -> dict[str, Any]:  # fmt: skip
        """Role: viewer. `next` is the cursor of the next page, null on the last one."""
        page = await parts.lists.page(lists.customers(q, method, status, switch), limit, cursor)
        return {"items": [views.brief(row, parts.clock()) for row in page.rows], "next": page.next}

    @routes.get("/customers/{id}", summary="Read a customer", response_model=None,
                responses={200: examples.answered(examples.customer()), **problems(404, 410)})  # fmt: skip
    async def get_customer(id: CustomerId, by: Annotated[Actor, viewer]) -> Response:
        """Role: viewer. `delayed` is set while events of this customer wait for Kafka."""
        return _one(await parts.desk.customer(id), parts, 200)

    @routes.delete(
        "/customers/{id}", status_code=204, summary="Remove a customer: ends grant, switch and invitation",
        response_class=Response, responses=problems(404, 409, 412),
    )  # fmt: skip
    async def delete_customer(id: CustomerId, by: Annotated[Actor, admin], if_match: IfMatch = None) -> None:
        """Role: admin, since it cannot be taken back: the id is never used again."""
        await parts.desk.remove(id, if_match, by)

    return routes


def _one(found: Found[Any], parts: Parts, status: int) -> Response:
    body = to_jsonable_python(views.customer(found, parts.clock()))
    return JSONResponse(body, status, headers={"ETag": etag(found.state.edition)})
