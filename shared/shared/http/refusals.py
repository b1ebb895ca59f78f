"""Refusals with more to them: headers of their own (sign in first, too many), or said in the log already."""

from __future__ import annotations

from collections.abc import Mapping

from shared.domain.rules import Refused, Unavailable


class RefusedWith(Refused):
    """A refusal whose answer has headers."""

    def __init__(
        self, code: str, detail: str, *, status: int, headers: Mapping[str, str], field: str | None = None
    ) -> None:
        super().__init__(code, detail, status=status, field=field)
        self.headers = dict(headers)


class Unauthenticated(RefusedWith):
    """401: no bearer token, or one that does not count; `error` as in RFC 6750."""

    def __init__(self, detail: str, *, error: str | None = None) -> None:
        challenge = f'Bearer realm="tokenswitch", error="{error}"' if error else 'Bearer realm="tokenswitch"'
        headers = {"WWW-Authenticate": challenge}
        super().__init__("token_missing" if error is None else error, detail, status=401, headers=headers)


class TooMany(RefusedWith):
    """429: over a limit; `retry_after` in seconds."""

    def __init__(self, detail: str, *, retry_after: int) -> None:
        super().__init__("too_many_requests", detail, status=429, headers={"Retry-After": str(retry_after)})
        self.retry_after = retry_after


class KnownAway(Unavailable):
    """503 at once, since the health of the service knows already, and has said so in the log."""
