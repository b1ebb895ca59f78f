"""What a customer's security people want to know of our applications: which they are, how to allow and remove them.

Open to everybody and the same for all: the ids of an application are public, and nothing else is shown.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from fastapi import APIRouter
from starlette.responses import Response

from invite_svc.pages import screens
from invite_svc.pages.dependencies import CurrentInvitation, Settings
from invite_svc.pages.layout import GUIDANCE, WIZARD, WizardView

router = APIRouter(include_in_schema=False)


@router.api_route(GUIDANCE, methods=["GET", "HEAD"])
async def guidance(view: WizardView, invitation: CurrentInvitation, settings: Settings) -> Response:
    return view.show(
        "guidance.html",
        invitation,
        client_id=settings.entra_client_id,
        device_client_id=settings.entra_device_client_id,
        host=urlsplit(settings.invite_url).netloc,
        permissions=screens.permissions(settings.scopes, view.say(invitation)),
        back=WIZARD if invitation else None,
    )
