"""The internal API for the provider's back-end jobs: a fresh access token of one customer, never more.

The POST changes nothing of ours that a caller could want twice or not twice, and its answer is a secret that must not
be kept; so it takes no Idempotency-Key: a retry simply gets a token.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request
from pydantic import BaseModel
from starlette.responses import Response

from auth_svc.api.token_reader import AccessLostRefusal, TokenReader
from auth_svc.settings import EVERYONE
from shared.contracts.reasons import explain
from shared.domain.rules import Refused
from shared.http.problems import problem, problem_shown
from shared.identity.bearer import TOKEN_READ, Identity, RequiredRole

log = logging.getLogger(__name__)
CustomerId = Annotated[str, Path(max_length=100, description="The customer's id, as config-svc knows it.")]


class AccessToken(BaseModel):
    """`kind`: delegated, for the administrator who signed in, or app, for the customer's app registration."""

    access_token: str
    expires_at: datetime
    scopes: list[str]
    tenant: str
    kind: str


EXAMPLE = {
    "access_token": "<a token for Graph>",
    "expires_at": "2026-11-23T13:27:30Z",
    "scopes": ["User.Read"],
    "tenant": "11111111-2222-4333-8444-555555555555",
    "kind": "delegated",
}
ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/json": {"example": EXAMPLE}}},
    401: problem_shown(401, "token_missing", "Send an access token: Authorization: Bearer <token>."),
    403: problem_shown(
        403,
        "reader_not_listed",
        "This caller may not read this customer's tokens; add it to TOKEN_READERS of auth-svc.",
    ),
    404: problem_shown(404, "not_found", "There is no such customer; check the id."),
    409: problem_shown(409, "access_lost", explain("revoked").sentence, reason="revoked"),
    422: problem_shown(422, "invalid", "The id has 100 characters at most.", field="customer"),
    503: problem_shown(503, "unavailable", "Microsoft Entra ID is away; try again in 5 seconds."),
}


router = APIRouter(prefix="/internal/v1", tags=["access tokens"], dependencies=[Depends(RequiredRole(TOKEN_READ))])


async def token_reader(request: Request) -> TokenReader:
    reader: TokenReader = request.app.state.token_reader
    return reader


async def allowed_customers(request: Request) -> Mapping[str, frozenset[str]]:
    """By the client ids of callers, the customers they may read; empty: the role alone decides."""
    allowed: Mapping[str, frozenset[str]] = request.app.state.allowed_customers
    return allowed


@router.post("/customers/{customer}/access-token", response_model=AccessToken, responses=ANSWERS)
async def access_token(
    request: Request,
    response: Response,
    customer: CustomerId,
    reader: Annotated[TokenReader, Depends(token_reader)],
    allowed: Annotated[Mapping[str, frozenset[str]], Depends(allowed_customers)],
) -> Any:
    """A token for Microsoft Graph by the method in force, refreshed if need be; good for some minutes
    at least."""
    identity: Identity = request.state.identity
    try:
        demand_reader(identity, customer, allowed)
        served = await reader.read(customer)
    except AccessLostRefusal as error:
        _log(identity, customer, error.reason)
        return problem(error.status, error.code, error.detail, reason=error.reason)
    except Refused as error:
        _log(identity, customer, error.code)
        raise
    _log(identity, customer, "served")
    response.headers["Cache-Control"] = "no-store"
    return AccessToken(
        access_token=served.value.reveal(),
        expires_at=served.expires_at,
        scopes=list(served.scopes),
        tenant=served.tenant,
        kind=served.kind,
    )


def demand_reader(identity: Identity, customer: str, allowed: Mapping[str, frozenset[str]]) -> None:
    """Raises: Refused (403), the same whether there is such a customer or not."""
    if not allowed:
        return
    customers = allowed.get((identity.app or "").lower(), frozenset())
    if customer in customers or EVERYONE in customers:
        return
    detail = "This caller may not read this customer's tokens; add it to TOKEN_READERS of auth-svc."
    raise Refused("reader_not_listed", detail, status=403)


def _log(identity: Identity, customer: str, outcome: str) -> None:
    who = identity.app or identity.actor.id
    log.info("access token for %s: %s", who, outcome, extra={"customer": customer})
