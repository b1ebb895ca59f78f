"""What all routes of the API share: parts, parameters, the problems that they may answer with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Path

from config_svc.api.examples import PROBLEMS
from config_svc.batches import Batches
from config_svc.bulks import Bulks
from config_svc.census import Counter
from config_svc.desk import Desk
from config_svc.history import History
from config_svc.lists import Lists
from config_svc.pulse import Pulse
from config_svc.stream import Streams
from shared.auth import Bearer
from shared.change import Clock, Refused
from shared.http import problem_shown

ID = r"^[A-Za-z0-9._~-]{1,64}$"
CustomerId = Annotated[str, Path(pattern=ID, description="The provider's id of the customer.", examples=["contoso"])]
Responses = dict[int | str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class CommandLine:
    """What the command line signs in with; no client id where none was made."""

    issuer: str
    audience: str
    client_id: str | None

    @property
    def told(self) -> dict[str, Any]:
        """Raises: Refused (404)."""
        if not self.client_id:
            raise Refused(
                "no_sign_in", "This portal has no sign-in for the command line: its operator sets CLI_CLIENT_ID. "
                "A token may be given in TOKENSWITCH_TOKEN.", status=404,
            )  # fmt: skip
        authority = self.issuer.rstrip("/").removesuffix("/v2.0")
        return {"authority": authority, "client_id": self.client_id, "scopes": [f"{self.audience}/.default"]}


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
    bulks: Bulks
    counter: Counter
    pulse: Pulse
    command_line: CommandLine


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
