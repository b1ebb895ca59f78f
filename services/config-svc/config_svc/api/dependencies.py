"""What the API's routes depend on: what the service provides (`Service.provide`), who calls, and common parameters."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Header, Path, Query, Request

from config_svc.schemas.customers import ID_PATTERN
from shared.contracts.events import Actor
from shared.http.idempotency import idempotency
from shared.identity.bearer import ADMIN, OPERATOR, VIEWER, RequiredRole
from shared.store.write_plan import Command


async def _wants_csv(request: Request) -> bool:
    return "text/csv" in request.headers.get("accept", "")


Viewer = Annotated[Actor, Depends(RequiredRole(VIEWER))]
Operator = Annotated[Actor, Depends(RequiredRole(OPERATOR))]
Admin = Annotated[Actor, Depends(RequiredRole(ADMIN))]
IdempotentCommand = Annotated[Command, Depends(idempotency)]
"""Stands behind the caller in a route's parameters: whose key it is must be known."""
WantsCsv = Annotated[bool, Depends(_wants_csv)]
CustomerId = Annotated[
    str, Path(pattern=ID_PATTERN, description="The provider's id of the customer.", examples=["contoso"])
]
CustomerQuery = Annotated[str | None, Query(pattern=ID_PATTERN)]
Search = Annotated[
    str | None, Query(max_length=200, description="Beginnings of words: id, name, tenant, reference, e-mail.")
]
IfMatch = Annotated[str | None, Header(description='The ETag as you read it, like "3".')]
