"""The refusals that routes of the API document, each with an example."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.http.problems import problem_shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """The example of a status: its code, detail and field, and why it is answered at all."""

    code: str
    detail: str
    why: str
    field: str | None = None


PROBLEMS: Mapping[int, Refusal] = {
    400: Refusal(
        code="idempotency_key_missing",
        detail="Send an Idempotency-Key header: a new one for each request, the same one on a retry.",
        field="Idempotency-Key",
        why="An Idempotency-Key, cursor or Last-Event-ID is missing or not valid.",
    ),
    401: Refusal(
        code="token_missing",
        detail="Send an access token: Authorization: Bearer <token>.",
        why="No bearer token, or one that does not count.",
    ),
    403: Refusal(
        code="role_missing",
        detail="This needs the role operator; yours: viewer. Ask an administrator of the issuer for it.",
        why="The token's role does not suffice.",
    ),
    404: Refusal(
        code="customer_unknown",
        detail="There is no such customer; check the id.",
        why="There is no such thing; check the id.",
    ),
    409: Refusal(
        code="switch_running",
        detail="Switch 1 is still running; cancel or resend it.",
        why="It does not fit the current state; `code` says why and `detail` what to do.",
    ),
    410: Refusal(
        code="removed",
        detail="This customer was removed; its timeline is kept.",
        why="The customer was removed.",
    ),
    412: Refusal(
        code="edition_changed",
        detail="Somebody changed it since you read it; read it again, then repeat your change.",
        field="If-Match",
        why="Somebody changed it since it was read.",
    ),
    415: Refusal(
        code="content_type",
        detail="Send application/json.",
        field="Content-Type",
        why="The body must be JSON.",
    ),
    422: Refusal(
        code="invalid",
        detail="Enter an address like name@example.com.",
        field="admin_email",
        why="Something sent is not valid; `field` names it.",
    ),
    428: Refusal(
        code="if_match_missing",
        detail='Send If-Match with the ETag of the settings as you read them, like "3".',
        field="If-Match",
        why="If-Match is missing.",
    ),
    429: Refusal(
        code="too_many_requests",
        detail="There were too many requests for this customer in the last hour; try again later.",
        why="Too many requests; `Retry-After` says when to try again.",
    ),
    503: Refusal(
        code="unavailable",
        detail="MongoDB is away; try again in 5 seconds.",
        why="A part is away, or too many events wait for Kafka; `Retry-After` says when to try again.",
    ),
}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The refusals of a route, for the OpenAPI document; every route has some."""
    return {status: _shown(status, PROBLEMS[status]) for status in sorted({401, 403, *statuses, 422, 503})}


def _shown(status: int, refusal: Refusal) -> dict[str, Any]:
    return problem_shown(status, refusal.code, refusal.detail, refusal.why, field=refusal.field)
