"""What all routes of the API share: application, parameters, the problems that they may answer with."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Path

from config_svc.api.examples import PROBLEMS
from shared.http.problems import problem_shown

ID = r"^[A-Za-z0-9._~-]{1,64}$"
CustomerId = Annotated[str, Path(pattern=ID, description="The provider's id of the customer.", examples=["contoso"])]
Responses = dict[int | str, dict[str, Any]]


def problems(*statuses: int) -> Responses:
    """The refusals of a route, for the OpenAPI document."""
    return {status: _problem(status) for status in sorted({401, 403, *statuses, 422, 503})}


def _problem(status: int) -> dict[str, Any]:
    code, detail, field = PROBLEMS[status]
    return problem_shown(status, code, detail, _WHY[status], field=field)


_WHY = {
    400: "An Idempotency-Key, cursor or Last-Event-ID is missing or not valid.",
    401: "No bearer token, or one that does not count.",
    403: "The token's role does not suffice.",
    404: "There is no such thing; check the id.",
    409: "It does not fit the current state; `code` says why and `detail` what to do.",
    410: "The customer was removed.",
    412: "Somebody changed it since it was read.",
    415: "The body must be JSON.",
    422: "Something sent is not valid; `field` names it.",
    428: "If-Match is missing.",
    429: "Too many requests; `Retry-After` says when to try again.",
    503: "A part is away, or too many events wait for Kafka; `Retry-After` says when to try again.",
}
