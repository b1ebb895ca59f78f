"""What goes wrong with Microsoft, as two kinds: refused (somebody must act) and away (the same again later).

The reason is a code of `shared.contracts.reasons`. Texts of Microsoft are never kept: they may hold names and claims.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.contracts.events import Account
from shared.contracts.reasons import classify
from shared.domain.rules import Unavailable

PART = "Microsoft Entra"
LOOP_WAIT = 60
_ID = re.compile(r"[0-9A-Za-z-]{8,64}")
_NUMBER = re.compile(r"AADSTS(\d{4,9})(?!\d)")
_CORRELATION = re.compile(r"Correlation ID: ([0-9A-Fa-f-]{36})")
_TRACE = re.compile(r"Trace ID: ([0-9A-Fa-f-]{36})")


@dataclass(frozen=True, slots=True)
class Quote:
    """What Microsoft's support asks for."""

    aadsts: int | None = None
    correlation_id: str | None = None
    trace_id: str | None = None


NOTHING = Quote()


class EntraRefused(Exception):
    """Definitely no. `account`: who came, where that is known."""

    def __init__(self, reason: str, quote: Quote = NOTHING, account: Account | None = None) -> None:
        super().__init__(reason)
        self.reason, self.quote, self.account = reason, quote, account


class EntraAway(Unavailable):
    """Not now: throttled, out of order, or not reached. `maybe_taken`: the request may have been acted on."""

    def __init__(
        self,
        reason: str = "unreachable",
        quote: Quote = NOTHING,
        *,
        retry_after: int = 5,
        maybe_taken: bool = False,
    ) -> None:
        super().__init__(PART, reason, retry_after=retry_after)
        self.reason, self.quote, self.maybe_taken = reason, quote, maybe_taken


def quote_of(answer: Mapping[str, Any]) -> Quote:
    """From an error answer of the token endpoint."""
    numbers = numbers_of(answer)
    return Quote(numbers[0] if numbers else None, _id(answer.get("correlation_id")), _id(answer.get("trace_id")))


def numbers_of(answer: Mapping[str, Any]) -> tuple[int, ...]:
    codes = answer.get("error_codes")
    found = codes if isinstance(codes, list) else []
    return tuple(code for code in found if isinstance(code, int) and not isinstance(code, bool))


def error_of(answer: Mapping[str, Any]) -> EntraRefused | EntraAway:
    """What an error answer of the token endpoint means: `error`, then `suberror`, then the numbers."""
    reason = classify(str(answer.get("error", "")), _text(answer.get("suberror")), numbers_of(answer))
    if reason.retry == "wait":
        wait = LOOP_WAIT if reason.code == "loop" else 5
        return EntraAway(reason.code, quote_of(answer), retry_after=wait)
    return EntraRefused(reason.code, quote_of(answer))


def error_of_redirect(query: Mapping[str, str]) -> EntraRefused:
    """What the browser brought back instead of a code. Its numbers stand in the description only."""
    description = query.get("error_description", "")
    numbers = tuple(int(number) for number in _NUMBER.findall(description)[:3])
    reason = classify(query.get("error", ""), query.get("suberror"), numbers)
    ids = [found.group(1) if (found := pattern.search(description)) else None for pattern in (_CORRELATION, _TRACE)]
    return EntraRefused(reason.code, Quote(numbers[0] if numbers else None, *ids))


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _id(value: object) -> str | None:
    return value if isinstance(value, str) and _ID.fullmatch(value) else None
