"""Microsoft Graph, as far as access is proven with it: who am I, which of these roles do I have, which organisation."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from auth_svc.microsoft.answer_forms import challenged_claims
from auth_svc.microsoft.errors import EntraRefused, EntraUnavailable, ErrorDetails
from auth_svc.microsoft.http_client import CallFailed, HttpClient, HttpResponse, Workers
from auth_svc.microsoft.interfaces import Me
from shared.crypto.secret import Secret

T = TypeVar("T")
MAX_CHECKED_IDS = 20
"""Ids in one request ("directoryObject: checkMemberObjects" in Microsoft's documentation)."""
_REASONS = {401: "graph_token", 403: "graph_forbidden"}


class MsGraph:
    """Calls run in the threads of `calls`."""

    def __init__(self, http: HttpClient, url: str, calls: Workers) -> None:
        self._http, self._url, self._calls = http, url.rstrip("/"), calls

    async def me(self, token: Secret[str]) -> Me:
        """userType comes only when it is asked for."""
        body = await self._ask(token, "me?$select=id,displayName,userPrincipalName,userType")
        kind = body.get("userType")
        guest = kind != "Member" if isinstance(kind, str) else None
        return Me(
            id=_text(body, "id"),
            upn=_text(body, "userPrincipalName"),
            name=str(body.get("displayName") or ""),
            guest=guest,
        )

    async def roles_of_me(self, token: Secret[str], ids: tuple[str, ...]) -> tuple[str, ...]:
        """Which of these role templates the person holds now, through groups too: User.Read is enough for
        this."""
        held: set[str] = set()
        for start in range(0, len(ids), MAX_CHECKED_IDS):
            body = await self._ask(token, "me/checkMemberObjects", {"ids": list(ids[start : start + MAX_CHECKED_IDS])})
            held |= {str(id).lower() for id in _list(body, "value")}
        return tuple(id for id in ids if id.lower() in held)

    async def organization(self, token: Secret[str]) -> str:
        """The tenant that the token opens."""
        rows = _list(await self._ask(token, "organization?$select=id"), "value")
        if len(rows) != 1 or not isinstance(rows[0], Mapping):
            raise EntraRefused("wrong_organization")
        return _text(rows[0], "id").lower()

    async def _ask(self, token: Secret[str], path: str, body: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
        return await self._calls.run(lambda: _delivered(lambda: self._answer(token, path, body)))

    def _answer(self, token: Secret[str], path: str, body: Mapping[str, Any] | None) -> Mapping[str, Any]:
        request_id = str(uuid.uuid4())
        headers = {"Authorization": f"Bearer {token.reveal()}", "client-request-id": request_id}
        url = f"{self._url}/v1.0/{path}"
        response = self._http.post(url, headers=headers, json=body) if body else self._http.get(url, headers=headers)
        if response.status_code == 200:
            return response.json()
        claims = challenged_claims(response.headers)
        reason = "graph_token" if claims else _reason(response.status_code, path)
        raise EntraRefused(reason, _details(response, request_id), claims=claims)


def _reason(status: int, path: str) -> str:
    """404 for `me`: the person that the token was made for is no longer there."""
    return "account_gone" if status == 404 and path.startswith("me") else _REASONS.get(status, "our_request")


def _delivered(call: Callable[[], T]) -> T:
    try:
        return call()
    except CallFailed as error:
        raise error.unavailable from None


def _details(response: HttpResponse, request_id: str) -> ErrorDetails:
    error = response.json().get("error")
    inner = error.get("innerError") if isinstance(error, Mapping) else None
    trace = inner.get("request-id") if isinstance(inner, Mapping) else None
    return ErrorDetails(None, request_id, trace if isinstance(trace, str) else None)


def _text(body: Mapping[str, Any], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise EntraUnavailable("foreign_answer", maybe_processed=True)  # half an answer is none
    return value


def _list(body: Mapping[str, Any], name: str) -> list[Any]:
    value = body.get(name)
    if not isinstance(value, list):
        raise EntraUnavailable("foreign_answer", maybe_processed=True)
    return value
