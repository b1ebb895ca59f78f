"""The one way to Microsoft's hosts: a requests.Session that bounds every call, and the threads in which
calls run.

MSAL takes it as its `http_client`. Whatever is no answer (429, 5xx, not JSON, no connection) is raised before MSAL
sees it, since MSAL would remember it and refuse other people's sign-ins for a minute.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from pathlib import Path
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit

import requests
import urllib3
from opentelemetry.trace import Span, SpanKind
from requests.adapters import HTTPAdapter

from auth_svc.microsoft.errors import NOTHING, EntraAway, quote_of
from auth_svc.microsoft.metrics import CALLS, SECONDS
from shared.observability import tracing

T = TypeVar("T")
CONNECT, TOTAL = 3.0, 5.0
LARGEST = 2 * 1024 * 1024
BUSY = 429
LONGEST_WAIT = 3600


class Undelivered(requests.RequestException):
    """No usable answer. MSAL knows it as a network error: it falls back to a token that is still valid."""

    def __init__(self, away: EntraAway) -> None:
        super().__init__(away.reason)
        self.away = away


@dataclass(frozen=True, slots=True)
class Answer:
    """A JSON answer, as MSAL wants to see it."""

    status_code: int
    text: str
    headers: Mapping[str, str]

    def raise_for_status(self) -> None:
        """Never needed: what is not to be looked at was raised before."""

    def json(self) -> dict[str, Any]:
        return cast("dict[str, Any]", json.loads(self.text))

    def __repr__(self) -> str:
        return f"Answer({self.status_code})"


class Http:
    """Shared by all threads. `ca_file`: the simulator's certificate authority."""

    def __init__(self, connections: int, ca_file: Path | None = None) -> None:
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self._session.verify = str(ca_file) if ca_file else True
        self._session.mount("https://", HTTPAdapter(pool_connections=8, pool_maxsize=connections))
        self._session.mount("http://", _Never())
        self._seen = threading.local()
        self.answered_at = float("-inf")

    def get(self, url: str, params: Any = None, headers: Any = None, **_: Any) -> Answer:
        return self._call("GET", url, params=params, headers=headers)

    def post(self, url: str, params: Any = None, data: Any = None, headers: Any = None, **more: Any) -> Answer:
        return self._call("POST", url, params=params, data=data, headers=headers, json=more.get("json"))

    def close(self) -> None:
        self._session.close()

    # MSAL may fail on an answer that holds tokens already: then a single-use code is spent.

    def forget_tokens(self) -> None:
        self._seen.tokens = False

    def saw_tokens(self) -> bool:
        """Did an answer to this thread hold tokens since `forget_tokens`?"""
        return bool(getattr(self._seen, "tokens", False))

    def _call(self, method: str, url: str, **what: Any) -> Answer:
        call = call_name(url)
        attributes = {"http.request.method": method, "server.address": urlsplit(url).hostname or ""}
        with tracing.span(f"{method} {call}", SpanKind.CLIENT, attributes=attributes) as span:
            return self._measured(method, url, call, what, span)

    def _measured(self, method: str, url: str, call: str, what: Mapping[str, Any], span: Span) -> Answer:
        begun, outcome = time.monotonic(), "away"
        try:
            answer = self._answered(method, url, begun + TOTAL, what)
            outcome = outcome_of(answer)
            span.set_attributes({"http.response.status_code": answer.status_code, "tokenswitch.outcome": outcome})
            return answer
        except Undelivered as error:
            outcome = error.away.reason
            raise
        finally:
            CALLS.labels(call, outcome).inc()
            SECONDS.labels(call).observe(time.monotonic() - begun)

    def _answered(self, method: str, url: str, ends: float, what: Mapping[str, Any]) -> Answer:
        limit = urllib3.Timeout(connect=CONNECT, total=TOTAL)
        try:
            said = self._session.request(
                method, url, timeout=cast(Any, limit), allow_redirects=False, stream=True, **what
            )
            body = _body(said, ends)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            self.answered_at = float("-inf")  # so that the service asks at once whether Microsoft is there
            raise Undelivered(EntraAway(maybe_taken=not _never_sent(error))) from None
        return self._answer(said, body)

    def _answer(self, said: requests.Response, body: bytes) -> Answer:
        found = _object(body)
        if said.status_code == BUSY or said.status_code >= 500:
            quote = quote_of(found) if found else NOTHING
            raise Undelivered(EntraAway("busy", quote, retry_after=_wait(said), maybe_taken=said.status_code != BUSY))
        if found is None or 300 <= said.status_code < 400:
            raise Undelivered(EntraAway("busy", maybe_taken=True))
        self.answered_at = time.monotonic()
        if "access_token" in found or "id_token" in found:
            self._seen.tokens = True
        # Without Retry-After: MSAL would take it for throttling of all device codes alike.
        headers = {name: value for name, value in said.headers.items() if name.lower() != "retry-after"}
        return Answer(said.status_code, body.decode(), headers)


class _Never(HTTPAdapter):
    """There is no plain http to Microsoft."""

    def send(self, *args: Any, **kwargs: Any) -> requests.Response:
        raise requests.exceptions.InvalidSchema("https only")


_CALLS = (
    ("/devicecode", "device code"),
    ("/token", "token"),
    ("/keys", "keys"),
    ("/openid-configuration", "discovery"),
)
PENDING = ("authorization_pending", "slow_down")


def call_name(url: str) -> str:
    """Which of Microsoft's endpoints an address is."""
    path = urlsplit(url).path
    return next((name for end, name in _CALLS if path.endswith(end)), "graph")


def outcome_of(answer: Answer) -> str:
    if answer.status_code < 400:
        return "ok"
    error = answer.json().get("error")
    return "pending" if isinstance(error, str) and error in PENDING else "refused"


def _body(said: requests.Response, ends: float) -> bytes:
    """The whole body, within time and size."""
    parts, size = [], 0
    with said:
        while part := said.raw.read1(65536, decode_content=True):
            size += len(part)
            if size > LARGEST or time.monotonic() > ends:
                raise requests.exceptions.ContentDecodingError
            parts.append(part)
    return b"".join(parts)


def _object(body: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(body.decode())
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _wait(said: requests.Response) -> int:
    """Retry-After in seconds; Microsoft sends whole numbers."""
    text = said.headers.get("Retry-After", "")
    return min(LONGEST_WAIT, max(1, int(text))) if text.isdecimal() else 5


def _never_sent(error: BaseException) -> bool:
    """Was there no connection at all? Then the request cannot have been acted on."""
    cause = error.args[0] if error.args else None
    inner = getattr(cause, "reason", cause)
    never = (urllib3.exceptions.NewConnectionError, urllib3.exceptions.NameResolutionError)
    return isinstance(inner, never) or isinstance(error, (requests.ConnectTimeout, requests.exceptions.SSLError))


class NotWanted(Exception):
    """The call was not made: meanwhile nobody wanted it any more."""


class Workers:
    """Threads of their own for calls that block; who finds them all busy waits here, not in their queue."""

    def __init__(self, size: int, name: str) -> None:
        self._pool = ThreadPoolExecutor(size, thread_name_prefix=name)
        self._free = asyncio.Semaphore(size)

    async def run(self, call: Callable[[], T], wanted: Callable[[], bool] = lambda: True) -> T:
        """Runs `call` unless it is no longer `wanted` when its turn has come. Raises: NotWanted, whatever
        it raises."""
        async with self._free:
            if not wanted():
                raise NotWanted
            inside = copy_context()  # so that what it calls belongs to the same trace
            return await asyncio.get_running_loop().run_in_executor(self._pool, lambda: inside.run(call))

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)
