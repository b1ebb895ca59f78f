"""The one way to Microsoft's hosts: a requests.Session that bounds every call, and the threads in which calls run.

MSAL takes it as its `http_client`. Whatever is no answer of Microsoft (429, 5xx, another form, no connection) is raised
before MSAL sees it, since MSAL would remember it and refuse other people's sign-ins for a minute.
"""

from __future__ import annotations

import asyncio
import json
import logging
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from http.cookiejar import DefaultCookiePolicy
from pathlib import Path
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit

import requests
import urllib3
from opentelemetry.trace import Span, SpanKind
from requests.adapters import HTTPAdapter

from auth_svc.microsoft.answer_forms import is_microsofts
from auth_svc.microsoft.errors import NO_DETAILS, EntraUnavailable, read_details
from auth_svc.microsoft.metrics import CALLS, SECONDS
from shared.observability import tracing

log = logging.getLogger(__name__)
T = TypeVar("T")
CONNECT_TIMEOUT_SECONDS, TOTAL_TIMEOUT_SECONDS = 3.0, 5.0
SPENDING_TIMEOUT_SECONDS = 30.0
"""For a request that spends a code: who leaves it early loses the answer for good."""
SPENDING_GRANTS = ("authorization_code", "urn:ietf:params:oauth:grant-type:device_code")
MAX_BODY_BYTES = 2 * 1024 * 1024
MAX_RETRY_AFTER_SECONDS, DEFAULT_RETRY_AFTER_SECONDS = 3600, 5


class CallFailed(requests.RequestException):
    """There was no usable answer. MSAL knows it as a network error: it falls back to a token that is still valid."""

    def __init__(self, unavailable: EntraUnavailable) -> None:
        super().__init__(unavailable.reason)
        self.unavailable = unavailable


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """A response with JSON, in the form that MSAL wants to see."""

    status_code: int
    text: str
    headers: Mapping[str, str]

    def raise_for_status(self) -> None:
        """Never needed: what is not to be looked at was raised before."""

    def json(self) -> dict[str, Any]:
        return cast("dict[str, Any]", json.loads(self.text))

    def __repr__(self) -> str:
        return f"Answer({self.status_code})"


class HttpClient:
    """Shared by all threads. `ca_file`: the simulator's certificate authority."""

    def __init__(self, connections: int, ca_file: Path | None = None) -> None:
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self._session.verify = str(ca_file) if ca_file else True
        self._session.mount("https://", HTTPAdapter(pool_connections=8, pool_maxsize=connections))
        self._session.mount("http://", _HttpsOnly())
        self._seen = threading.local()
        self.answered_at = float("-inf")
        self.clock_ahead: float | None = None
        """Seconds that our clock was ahead of Microsoft's at its last answer; None: it has not told its time."""

    def get(self, url: str, params: Any = None, headers: Any = None, **_: Any) -> HttpResponse:
        return self._call("GET", url, params=params, headers=headers)

    def post(self, url: str, params: Any = None, data: Any = None, headers: Any = None, **more: Any) -> HttpResponse:
        return self._call("POST", url, params=params, data=data, headers=headers, json=more.get("json"))

    def close(self) -> None:
        self._session.close()

    # MSAL may fail on an answer that holds tokens already: then a single-use code is spent.

    def forget_tokens(self) -> None:
        self._seen.tokens = False

    def saw_tokens(self) -> bool:
        """Did an answer to this thread hold tokens since `forget_tokens`?"""
        return bool(getattr(self._seen, "tokens", False))

    def _call(self, method: str, url: str, **what: Any) -> HttpResponse:
        call = call_name(url)
        attributes = {"http.request.method": method, "server.address": urlsplit(url).hostname or ""}
        with tracing.span(f"{method} {call}", SpanKind.CLIENT, attributes=attributes) as span:
            return self._measured(method, url, call, what, span)

    def _measured(self, method: str, url: str, call: str, what: Mapping[str, Any], span: Span) -> HttpResponse:
        begun, outcome = time.monotonic(), "away"
        try:
            answer = self._answered(method, url, call, what)
            outcome = outcome_of(answer)
            span.set_attributes({"http.response.status_code": answer.status_code, "tokenswitch.outcome": outcome})
            return answer
        except CallFailed as error:
            outcome = error.unavailable.reason
            raise
        finally:
            CALLS.labels(call, outcome).inc()
            SECONDS.labels(call).observe(time.monotonic() - begun)

    def _answered(self, method: str, url: str, call: str, what: Mapping[str, Any]) -> HttpResponse:
        seconds = timeout_seconds(what.get("data"))
        limit, ends = urllib3.Timeout(connect=CONNECT_TIMEOUT_SECONDS, total=seconds), time.monotonic() + seconds
        try:
            response = self._session.request(
                method, url, timeout=cast(Any, limit), allow_redirects=False, stream=True, **what
            )
            body = _body(response, ends)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            self.answered_at = float("-inf")  # so that the service asks at once whether Microsoft is there
            raise CallFailed(EntraUnavailable(maybe_processed=not _never_sent(error))) from None
        return self._usable(call, response, body)

    def _usable(self, call: str, response: requests.Response, body: bytes) -> HttpResponse:
        """Raises: CallFailed."""
        status, answer = response.status_code, _object(body)
        throttled = status == HTTPStatus.TOO_MANY_REQUESTS
        if throttled or status >= 500:
            details = read_details(answer) if answer else NO_DETAILS
            wait = _retry_after(response)
            raise CallFailed(EntraUnavailable("busy", details, retry_after=wait, maybe_processed=not throttled))
        if answer is None or not is_microsofts(call, status, answer):
            log.warning("not Microsoft's: an answer of %s with status %s", call, status)
            raise CallFailed(EntraUnavailable("foreign_answer", maybe_processed=True))
        self.answered_at = time.monotonic()
        self.clock_ahead = clock_ahead(response.headers.get("Date"), self.clock_ahead)
        if "access_token" in answer or "id_token" in answer:
            self._seen.tokens = True
        # Without Retry-After: MSAL would take it for throttling of all device codes alike.
        headers = {name: value for name, value in response.headers.items() if name.lower() != "retry-after"}
        return HttpResponse(status, body.decode(), headers)


class _HttpsOnly(HTTPAdapter):
    """There is no plain http to Microsoft."""

    def send(self, *args: Any, **kwargs: Any) -> requests.Response:
        raise requests.exceptions.InvalidSchema("https only")


_CALLS = (
    ("/devicecode", "device code"),
    ("/token", "token"),
    ("/keys", "keys"),
    ("/openid-configuration", "discovery"),
)


def timeout_seconds(form: object) -> float:
    """For a whole call, by what it sends."""
    spends = isinstance(form, Mapping) and form.get("grant_type") in SPENDING_GRANTS
    return SPENDING_TIMEOUT_SECONDS if spends else TOTAL_TIMEOUT_SECONDS


def clock_ahead(date: str | None, before: float | None) -> float | None:
    """By a Date header (whole seconds); one that cannot be read leaves what was known before."""
    try:
        return time.time() - parsedate_to_datetime(date or "").timestamp()
    except (ValueError, OverflowError):
        return before


PENDING = ("authorization_pending", "slow_down")


def call_name(url: str) -> str:
    """Which of Microsoft's endpoints an address is."""
    path = urlsplit(url).path
    return next((name for end, name in _CALLS if path.endswith(end)), "graph")


def outcome_of(answer: HttpResponse) -> str:
    if answer.status_code < 400:
        return "ok"
    error = answer.json().get("error")
    return "pending" if isinstance(error, str) and error in PENDING else "refused"


def _body(response: requests.Response, ends: float) -> bytes:
    """The whole body, within time and size."""
    parts, size = [], 0
    with response:
        while part := response.raw.read1(65536, decode_content=True):
            size += len(part)
            if size > MAX_BODY_BYTES or time.monotonic() > ends:
                raise requests.exceptions.ContentDecodingError
            parts.append(part)
    return b"".join(parts)


def _object(body: bytes) -> dict[str, Any] | None:
    try:
        answer = json.loads(body.decode())
    except (ValueError, RecursionError):
        return None
    return answer if isinstance(answer, dict) else None


def _retry_after(response: requests.Response) -> int:
    """Retry-After in seconds; Microsoft sends whole numbers."""
    text = response.headers.get("Retry-After", "")
    return min(MAX_RETRY_AFTER_SECONDS, max(1, int(text))) if text.isdecimal() else DEFAULT_RETRY_AFTER_SECONDS


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
