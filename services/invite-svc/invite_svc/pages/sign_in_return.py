"""The way back from Microsoft: the one GET that changes something, once, in the browser that began the sign-in."""

from __future__ import annotations

import json
from hmac import compare_digest
from urllib.parse import parse_qs, urlsplit

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from invite_svc import domain
from invite_svc.domain import Attempt, Invitation
from invite_svc.pages.layout import WIZARD, Desk
from shared.crypto.sealed_box import SealError
from shared.domain.rules import Refused

PATH = "/signin/return"
MAX_QUERY = 16 * 1024


class ReturnPage:
    """Without the attempt's own cookie nothing is kept: an address made by somebody else yields nothing."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def router(self) -> APIRouter:
        router = APIRouter(include_in_schema=False)
        handler = self._desk.answering(self.returned)
        router.add_api_route(PATH, handler, methods=["GET"], response_model=None)
        return router

    async def returned(self, request: Request) -> Response:
        try:
            session, invitation = await self._desk.mine(request)
        except Refused:
            raise _mismatch() from None
        attempt = invitation.attempt
        if attempt is None or attempt.method != "sign_in":
            raise _mismatch()
        answer = _answer(request)
        if attempt.stage == "sign_in" and not self._asked(invitation, attempt, request.query_params["state"]):
            raise _mismatch()
        sealed = self._desk.sealer.seal(
            "auth",
            {"query": answer},
            customer=invitation.id,
            event="SignInReturned",
            attempt=attempt.number,
            now=self._desk.clock(),
        )
        await self._desk.change(session.invitation_id, domain.returned, session.hashed, attempt.number, sealed)
        return RedirectResponse(WIZARD, 303)

    def _asked(self, invitation: Invitation, attempt: Attempt, state: str) -> bool:
        """Is it the answer to the question that this attempt's page led to? auth-svc asks that again, with the MAC;
        here it keeps an address that somebody else made from ending the sign-in at hand."""
        try:
            found = self._desk.opener.open(
                attempt.sealed or "",
                customer=invitation.id,
                event="SignInReady",
                attempt=attempt.number,
                now=self._desk.clock(),
            )
        except SealError:
            return False
        asked = parse_qs(urlsplit(found["url"].reveal()).query).get("state", [""])[0]
        return bool(asked) and compare_digest(asked.encode(), state.encode())


def _answer(request: Request) -> str:
    """Microsoft's parameters as they came. Raises: Refused, if they are none or too many."""
    query = request.query_params
    if len(request.url.query) > MAX_QUERY or "state" not in query or not ("code" in query or "error" in query):
        raise Refused("answer_unreadable", "Microsoft's answer cannot be read.", status=400)
    return json.dumps(dict(query))


def _mismatch() -> Refused:
    return Refused("sign_in_mismatch", "This answer belongs to another sign-in.", status=403)
