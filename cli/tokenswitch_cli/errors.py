"""What can go wrong, and the exit codes that scripts may rely on (docs/command-line.md lists them)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

FAILED, USAGE, NOT_SIGNED_IN, NOT_FOUND, CONFLICT, AWAY = range(1, 7)
INTERRUPTED = 130
BY_STATUS: Mapping[int, int] = {
    401: NOT_SIGNED_IN,
    403: NOT_SIGNED_IN,
    404: NOT_FOUND,
    410: NOT_FOUND,
    409: CONFLICT,
    412: CONFLICT,
    428: CONFLICT,
    400: USAGE,
    413: USAGE,
    415: USAGE,
    422: USAGE,
    429: AWAY,
}


class Problem(Exception):
    """Ends a command: one sentence that says what to do, an exit code, and for `--json` what the API answered."""

    def __init__(self, sentence: str, code: int = FAILED, answer: Mapping[str, Any] | None = None) -> None:
        super().__init__(sentence)
        self.sentence, self.code = sentence, code
        self.answer = dict(answer) if answer else {"code": "client", "detail": sentence}


def of_answer(status: int, answer: Mapping[str, Any]) -> Problem:
    """The problem of an answer that refuses (problem+json)."""
    code = BY_STATUS.get(status, AWAY if status >= 500 else FAILED)
    detail = str(answer.get("detail") or answer.get("title") or f"The portal answered {status}.")
    if status == 401:
        detail = "You are not signed in, or no longer: run `tokenswitch login`."
    return Problem(detail, code, answer)
