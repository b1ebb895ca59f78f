"""The way back from Microsoft: the one GET that changes something, once, in the browser that began the sign-in.

Without the attempt's own cookie nothing is kept: an address made by somebody else yields nothing.
"""

from __future__ import annotations

import json
from hmac import compare_digest
from typing import Annotated
from urllib.parse import parse_qs, urlsplit

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from invite_svc.domain import attempts
from invite_svc.pages.dependencies import (
    CurrentInvitation,
    CurrentSession,
    MessageOpener,
    MessageSealer,
    Now,
    Repository,
    Visit,
    current_visit,
)
from invite_svc.pages.layout import WizardRoute, WizardView
from invite_svc.pages.sealed import open_sealed
from shared.crypto.sealed_box import SealError
from shared.domain.rules import Refused

router = APIRouter(route_class=WizardRoute, include_in_schema=False)
MAX_QUERY_CHARACTERS = 16 * 1024


class SignInMismatch(Refused):
    def __init__(self) -> None:
        super().__init__("sign_in_mismatch", "This answer belongs to another sign-in.", status=403)


async def _own_visit(session: CurrentSession, invitation: CurrentInvitation) -> Visit:
    """Raises: SignInMismatch."""
    try:
        return await current_visit(session, invitation)
    except Refused:
        raise SignInMismatch from None


@router.get("/signin/return")
async def take_answer(
    request: Request,
    visit: Annotated[Visit, Depends(_own_visit)],
    view: WizardView,
    repository: Repository,
    opener: MessageOpener,
    sealer: MessageSealer,
    now: Now,
) -> Response:
    invitation = visit.invitation
    attempt = invitation.attempt
    if attempt is None or attempt.method != "sign_in":
        raise SignInMismatch
    answer = _answer(request)
    if invitation.over:  # it ended while the person was at Microsoft; the wizard says how
        return view.to_wizard()
    if attempt.stage == "sign_in":
        try:
            url = open_sealed(opener, invitation, attempt, now)["url"].reveal()
        except SealError:
            raise SignInMismatch from None
        _demand_state(url, answer["state"])
    sealed = sealer.seal(
        "auth",
        {"query": json.dumps(answer)},
        customer=invitation.id,
        event="SignInReturned",
        attempt=attempt.number,
        now=now,
    )
    await repository.apply(invitation.id, attempts.take_answer, visit.session.hashed, attempt.number, sealed)
    return view.to_wizard()


def _answer(request: Request) -> dict[str, str]:
    """Microsoft's parameters as they came. Raises: Refused, if they are none or too many."""
    query = request.query_params
    if (
        len(request.url.query) > MAX_QUERY_CHARACTERS
        or "state" not in query
        or not ("code" in query or "error" in query)
    ):
        raise Refused("answer_unreadable", "Microsoft's answer cannot be read.", status=400)
    return dict(query)


def _demand_state(url: str, state: str) -> None:
    """It answers the question that this attempt's page led to. auth-svc asks that again, with the MAC; here it keeps
    an address that somebody else made from ending the sign-in at hand. Raises: SignInMismatch."""
    asked = parse_qs(urlsplit(url).query).get("state", [""])[0]
    if not asked or not compare_digest(asked.encode(), state.encode()):
        raise SignInMismatch
