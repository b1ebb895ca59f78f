"""What goes wrong with Microsoft, as two kinds: refused (somebody must act) and unavailable (the same again later).

The reason is a code of `shared.contracts.reasons`. Texts of Microsoft are never kept: they may hold names and claims.
Its numbers: "Microsoft Entra authentication and authorization error codes" in Microsoft's documentation.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from auth_svc.microsoft.answer_forms import claims_request
from shared.contracts.events import Account
from shared.contracts.reasons import classify
from shared.domain.rules import Unavailable

PART = "Microsoft Entra"
LOOP_RETRY_SECONDS = 60
"""After AADSTS50196: the same question was asked too often in too short a time."""
_ID = re.compile(r"[0-9A-Za-z-]{8,64}")
_NUMBER = re.compile(r"AADSTS(\d{4,9})(?!\d)")
_CORRELATION = re.compile(r"Correlation ID: ([0-9A-Fa-f-]{36})")
_TRACE = re.compile(r"Trace ID: ([0-9A-Fa-f-]{36})")


@dataclass(frozen=True, slots=True)
class ErrorDetails:
    """What Microsoft's support asks for; None where it was not said."""

    aadsts: int | None = None
    """The first error number."""
    correlation_id: str | None = None
    """Of the whole sign-in."""
    trace_id: str | None = None
    """Of the one request."""


NO_DETAILS = ErrorDetails()


class EntraRefused(Exception):
    """Definitely no. `reason`: a code of `shared.contracts.reasons`; `account`: who came, where that is known;
    `claims`: what Microsoft demands of the next token or sign-in, as JSON."""

    def __init__(
        self,
        reason: str,
        details: ErrorDetails = NO_DETAILS,
        account: Account | None = None,
        *,
        claims: str | None = None,
    ) -> None:
        super().__init__(reason)
        self.reason, self.details, self.account, self.claims = reason, details, account, claims


class EntraUnavailable(Unavailable):
    """Unanswered: throttled, out of order, not reached, or something else spoke. `retry_after`: seconds;
    `maybe_processed`: the request may have been acted on, so that a code that counts once may be spent."""

    def __init__(
        self,
        reason: str = "unreachable",
        details: ErrorDetails = NO_DETAILS,
        *,
        retry_after: int = 5,
        maybe_processed: bool = False,
    ) -> None:
        super().__init__(PART, reason, retry_after=retry_after)
        self.reason, self.details, self.maybe_processed = reason, details, maybe_processed


def read_details(answer: Mapping[str, Any]) -> ErrorDetails:
    """From an error response of the token endpoint (RFC 6749, 5.2, with Microsoft's own fields)."""
    numbers = error_numbers(answer)
    return ErrorDetails(numbers[0] if numbers else None, _id(answer.get("correlation_id")), _id(answer.get("trace_id")))


def error_numbers(answer: Mapping[str, Any]) -> tuple[int, ...]:
    codes = answer.get("error_codes")
    listed = codes if isinstance(codes, list) else []
    return tuple(code for code in listed if isinstance(code, int) and not isinstance(code, bool))


def read_error(answer: Mapping[str, Any]) -> EntraRefused | EntraUnavailable:
    """What an error response of the token endpoint means: `error`, then `suberror`, then the numbers."""
    reason = classify(str(answer.get("error", "")), _text(answer.get("suberror")), error_numbers(answer))
    if reason.retry == "wait":
        wait = LOOP_RETRY_SECONDS if reason.code == "loop" else 5
        return EntraUnavailable(reason.code, read_details(answer), retry_after=wait)
    return EntraRefused(reason.code, read_details(answer), claims=claims_request(answer.get("claims")))


def read_redirect_error(query: Mapping[str, str]) -> EntraRefused:
    """What the browser brought back instead of a code (RFC 6749, 4.1.2.1); its numbers stand in the text only."""
    description = query.get("error_description", "")
    numbers = tuple(int(number) for number in _NUMBER.findall(description)[:3])
    reason = classify(query.get("error", ""), query.get("suberror"), numbers)
    ids = [match.group(1) if (match := pattern.search(description)) else None for pattern in (_CORRELATION, _TRACE)]
    return EntraRefused(reason.code, ErrorDetails(numbers[0] if numbers else None, *ids))


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _id(value: object) -> str | None:
    return value if isinstance(value, str) and _ID.fullmatch(value) else None
