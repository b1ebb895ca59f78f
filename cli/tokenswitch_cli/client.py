"""The portal's API: calls with a token, problems as one sentence, the same key for every try of a command."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Iterator, Mapping
from typing import Any

import httpx

from tokenswitch_cli import session
from tokenswitch_cli.errors import AWAY, NOT_SIGNED_IN, Problem, of_answer
from tokenswitch_cli.session import Login, PortalAddress

API = "/api/v1"
TRIES, WAIT_SECONDS, MAX_WAIT_SECONDS = 4, 1.0, 30.0
MAX_PAGES = 10_000
UNAVAILABLE_STATUSES = (502, 503, 504)


class Api:
    """`token`: given by the caller; without it that of `tokenswitch login`."""

    def __init__(self, where: PortalAddress, token: str | None = None, client: httpx.Client | None = None) -> None:
        self.where, self._token = where, token
        self._login: Login | None = None
        self._turn = 0
        self._client = client or where.client()

    def __enter__(self) -> Api:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    @property
    def headers(self) -> dict[str, str]:
        """Asked for by each call: a token lives an hour, following a bulk switch may take a day."""
        token = self._token or self._signed_in().silently()
        return {"Authorization": f"Bearer {token}", "Accept": "application/json"}

    def _signed_in(self) -> Login:
        if self._login is None:
            kept = session.load("sign-in.json").get(self.where.url)
            if not kept:
                raise Problem(f"You are not signed in: run `tokenswitch login --url {self.where.url}`.", NOT_SIGNED_IN)
            self._login = Login(self.where, kept)
        return self._login

    # --- calls -------------------------------------------------------------------------------------------------------

    def get(self, path: str, **query: Any) -> Any:
        return self._sent("GET", path, params={k: v for k, v in query.items() if v is not None}).json()

    def text(self, path: str, accept: str) -> str:
        return self._sent("GET", path, headers={"Accept": accept}).text

    def put(self, path: str, body: Any) -> Any:
        return self._sent("PUT", path, json=body).json()

    def delete(self, path: str, done: str, **query: Any) -> Any:
        """`done`: the code by which a second try is refused after the first one, whose answer was lost, did it."""
        try:
            answer = self._sent("DELETE", path, params=query)
        except Problem as problem:
            if self._turn and problem.answer.get("code") == done:
                return query
            raise
        return answer.json() if answer.content else {}

    def command(self, path: str, body: Any = None, key: str | None = None, **more: Any) -> Any:
        """A command: however often it has to be sent, it is done once."""
        headers = {"Idempotency-Key": key or secrets.token_hex(16)} | more.pop("headers", {})
        return self._sent("POST", path, headers=headers, **({"json": body} if body is not None else {}), **more).json()

    def every(self, path: str, limit: int, **query: Any) -> Iterator[dict[str, Any]]:
        """Rows of all pages, `limit` at most (0: all)."""
        cursor, given = None, 0
        name = "place" if path.endswith("/rows") else "cursor"
        for _ in range(MAX_PAGES):
            page = self.get(path, **{name: cursor, "limit": min(100, limit or 100), **query})
            for row in page["items"]:
                yield row
                given += 1
                if limit and given >= limit:
                    return
            cursor = page.get("next")
            if cursor is None:
                return

    def stream(self, path: str, headers: Mapping[str, str]) -> Any:
        timeout = httpx.Timeout(60.0, connect=5.0)
        return self._client.stream("GET", API + path, headers=self.headers | dict(headers), timeout=timeout)

    def _sent(self, method: str, path: str, headers: Mapping[str, str] | None = None, **more: Any) -> httpx.Response:
        """Tries again while the portal is away; reading and commands with a key may be repeated."""
        wait = WAIT_SECONDS
        for self._turn in range(TRIES):
            last = self._turn == TRIES - 1
            try:
                answer = self._client.request(method, API + path, headers=self.headers | dict(headers or {}), **more)
            except httpx.TransportError as error:
                if last:
                    raise Problem(f"{self.where.url} is away ({error}); try again later.", AWAY) from None
            except Problem as problem:  # no token: Microsoft is away
                if last or problem.code != AWAY:
                    raise
            else:
                if answer.is_success:
                    return answer
                if answer.status_code not in UNAVAILABLE_STATUSES or last:
                    raise refusal(answer)
                wait = _asked(answer, wait)
            time.sleep(wait)
            wait = min(MAX_WAIT_SECONDS, wait * 2)
        raise AssertionError("every last try returns or raises")


def _asked(answer: httpx.Response, wait: float) -> float:
    """How long to wait: as long as it says, if it says so in seconds."""
    header = answer.headers.get("retry-after", "")
    return min(MAX_WAIT_SECONDS, float(header) if header.isdecimal() else wait)


def refusal(answer: httpx.Response) -> Problem:
    """What an answer that refuses says; whatever stands between us and the portal may have written it."""
    try:
        body = answer.json()
    except ValueError:
        body = {}
    return of_answer(answer.status_code, body if isinstance(body, dict) else {})


def given_token() -> str | None:
    return os.environ.get("TOKENSWITCH_TOKEN") or None
