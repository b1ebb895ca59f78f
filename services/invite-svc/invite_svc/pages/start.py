"""The forms of the three ways, and "What did Microsoft show you?": each starts, or ends, one attempt.

Every form says how many attempts its page knew of, so that a double click starts one attempt only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Form
from starlette.responses import Response

from invite_svc.domain import attempts
from invite_svc.domain.attempts import Start
from invite_svc.domain.model import Invitation
from invite_svc.pages import screens
from invite_svc.pages.dependencies import (
    AppRegistrationVisit,
    DeviceCodeVisit,
    Limits,
    MessageSealer,
    Now,
    OpenVisit,
    Repository,
)
from invite_svc.pages.forms import AppRegistrationForm, DeviceCodeForm, StartForm, TroubleForm
from invite_svc.pages.layout import WIZARD, View, WizardRoute, WizardView
from invite_svc.pages.texts import TROUBLE, TROUBLE_OF
from shared.web.csrf import require_csrf

router = APIRouter(prefix=WIZARD, route_class=WizardRoute, include_in_schema=False)


@dataclass(frozen=True, slots=True)
class Starter:
    """Starts the next attempt of the request's invitation."""

    visit: OpenVisit
    view: WizardView
    repository: Repository
    limits: Limits

    async def start(self, chosen: Start) -> Response:
        """Raises: Refused."""
        invitation = self.visit.invitation
        await self.limits.count_start(self.view.request, invitation)
        await self.repository.apply(invitation.id, attempts.start, self.visit.session.hashed, chosen)
        return self.view.to_wizard()


AttemptStarter = Annotated[Starter, Depends()]

# --- the ways ---------------------------------------------------------------------------------------------------


@router.get("/ways")
async def show_ways(visit: OpenVisit, view: WizardView) -> Response:
    """All ways, while an attempt runs: choosing one replaces it."""
    invitation = visit.invitation
    steps = screens.steps("choose", view.say(invitation))
    return view.show("ways.html", invitation, ways=screens.ways(invitation), steps=steps)


@router.post("/sign-in", dependencies=[Depends(require_csrf("sign-in"))])
async def start_sign_in(visit: OpenVisit, starter: AttemptStarter, form: Annotated[StartForm, Form()]) -> Response:
    invitee = visit.invitation.invitee
    hint = invitee.email if invitee else None
    return await starter.start(Start(method="sign_in", login_hint=hint, attempt=form.attempt))


@router.get("/device")
async def show_device_form(visit: DeviceCodeVisit, view: WizardView) -> Response:
    invitation = visit.invitation
    entered = invitation.attempt.login_hint if invitation.attempt else None
    invited = invitation.invitee.email if invitation.invitee else ""
    return _form_page(view, "device.html", invitation, DeviceCodeForm(user_name=entered or invited))


@router.post("/device", dependencies=[Depends(require_csrf("device"))])
async def start_device_code(
    visit: DeviceCodeVisit, view: WizardView, starter: AttemptStarter, form: Annotated[DeviceCodeForm, Form()]
) -> Response:
    if errors := form.errors():
        return _form_page(view, "device.html", visit.invitation, form, errors)
    return await starter.start(Start(method="device_code", login_hint=form.user_name, attempt=form.attempt))


@router.get("/app")
async def show_app_form(visit: AppRegistrationVisit, view: WizardView) -> Response:
    return _form_page(view, "app.html", visit.invitation, AppRegistrationForm())


@router.post("/app", dependencies=[Depends(require_csrf("app"))])
async def start_app_registration(
    visit: AppRegistrationVisit,
    view: WizardView,
    starter: AttemptStarter,
    sealer: MessageSealer,
    now: Now,
    form: Annotated[AppRegistrationForm, Form()],
) -> Response:
    """The secret is sealed at once; it is neither kept nor shown again."""
    invitation = visit.invitation
    if errors := form.errors(invitation.tenant_id):
        return _form_page(view, "app.html", invitation, form, errors)
    sealed = sealer.seal(
        "auth",
        {"client_id": form.client_id.lower(), "client_secret": form.client_secret.get_secret_value()},
        customer=invitation.id,
        event="AuthenticationStarted",
        attempt=form.attempt,
        now=now,
    )
    return await starter.start(Start(method="app_registration", credentials=sealed, attempt=form.attempt))


def _form_page(
    view: View, template: str, invitation: Invitation, form: StartForm, errors: Mapping[str, str] | None = None
) -> Response:
    say = view.say(invitation)
    texts = {name: say(error) for name, error in (errors or {}).items()}
    return view.show(
        template,
        invitation,
        status=422 if errors else 200,
        form=form,
        errors=texts,
        summary=list(texts.items()),
        steps=screens.steps("choose", say),
    )


# --- what did Microsoft show you? -------------------------------------------------------------------------------


@router.get("/trouble")
async def show_trouble(visit: OpenVisit, view: WizardView) -> Response:
    if not screens.can_report(visit.invitation.attempt):
        return view.to_wizard()
    return _trouble_page(view, visit.invitation, TroubleForm())


@router.post("/trouble", dependencies=[Depends(require_csrf("trouble"))])
async def report_trouble(
    visit: OpenVisit, view: WizardView, repository: Repository, form: Annotated[TroubleForm, Form()]
) -> Response:
    invitation, attempt = visit.invitation, visit.invitation.attempt
    if attempt is None or not screens.can_report(attempt):
        return view.to_wizard()
    if errors := form.errors(TROUBLE_OF[attempt.method]):
        return _trouble_page(view, invitation, form, errors)
    reason = screens.reported(form.seen, attempt.method, form.error_number)
    await repository.apply(invitation.id, attempts.give_up, visit.session.hashed, reason)
    return view.to_wizard()


def _trouble_page(
    view: View, invitation: Invitation, form: TroubleForm, errors: Mapping[str, str] | None = None
) -> Response:
    say, attempt = view.say(invitation), invitation.attempt
    offered = TROUBLE_OF[attempt.method] if attempt else frozenset()
    options = [
        {"value": code, "label": say(seen), "hint": say(hint)} for code, seen, hint in TROUBLE if code in offered
    ]
    return view.show(
        "trouble.html",
        invitation,
        status=422 if errors else 200,
        options=options,
        seen=form.seen,
        number=form.number[:100],
        errors={name: say(error) for name, error in (errors or {}).items()},
        steps=screens.steps("code", say),
    )
