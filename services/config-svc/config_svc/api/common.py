"""What all routes of the API share: parts, parameters, the problems that they may answer with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Path

from config_svc.batches import Batches
from config_svc.census import Counter
from config_svc.desk import Desk
from config_svc.history import History
from config_svc.lists import Lists
from config_svc.pulse import Pulse
from config_svc.stream import Streams
from shared.auth import Bearer
from shared.change import Clock

ID = r"^[A-Za-z0-9._~-]{1,64}$"
CustomerId = Annotated[str, Path(pattern=ID, description="The provider's id of the customer.", examples=["contoso"])]
Responses = dict[int | str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Parts:
    """What routes are made of. `bearer` says who calls."""

    desk: Desk
    lists: Lists
    history: History
    streams: Streams
    bearer: Bearer
    clock: Clock
    batches: Batches
    counter: Counter
    pulse: Pulse


def problems(*statuses: int) -> Responses:
    """The refusals of a route, for the OpenAPI document."""
    shape = {"application/problem+json": {"example": {
        "type": "about:blank", "title": "Conflict", "status": 409, "code": "switch_running",
        "detail": "Switch 1 is still running; cancel or resend it.",
        "instance": "urn:trace:0af7651916cd43dd8448eb211c80319c",
    }}}  # fmt: skip
    return {status: {"description": _WHY[status], "content": shape} for status in (401, 403, *statuses, 503)}


_WHY = {
    400: "An Idempotency-Key, cursor or Last-Event-ID is missing or not valid.",
    401: "No bearer token, or one that does not count.",
    403: "The token's role does not suffice.",
    404: "There is no such customer.",
    409: "It does not fit the current state; `code` says why and `detail` what to do.",
    410: "The customer was removed.",
    412: "Somebody changed it since it was read.",
    415: "The body must be JSON.",
    422: "Something sent is not valid; `field` names it.",
    428: "If-Match is missing.",
    429: "Too many requests; `Retry-After` says when to try again.",
    503: "A part is away, or too many events wait for Kafka; `Retry-After` says when to try again.",
}
