"""The forms of the three ways, and "What did Microsoft show you?": each starts, or ends, one attempt."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from fastapi import APIRouter, Depends, Request
from starlette.responses import RedirectResponse, Response

from invite_svc import domain
from invite_svc.domain import Invitation, Start
from invite_svc.pages import forms, screens
from invite_svc.pages.layout import WIZARD, Desk, field, texts
from invite_svc.pages.sessions import Session
from invite_svc.pages.texts import TROUBLE, TROUBLE_OF
from shared.domain.rules import Refused
from shared.i18n.catalogs import N_
from shared.web.csrf import require_csrf

CHOOSE = N_("Choose what comes closest.")
NOTHING_WRONG: Mapping[str, str] = MappingProxyType({})
SIGN_IN, DEVICE, APP, WAYS, TROUBLES = "sign-in", "device", "app", "ways", "trouble"


class StartPages:
    """Every form says how many attempts its page knew of, so that a double click starts one attempt only."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def router(self) -> APIRouter:
        router = APIRouter(include_in_schema=False)
        for name, handler in (
            (DEVICE, self.device),
            (APP, self.app),
            (WAYS, self.ways),
            (TROUBLES, self.trouble),
        ):
            router.add_api_route(
                f"{WIZARD}/{name}", self._desk.answering(handler), methods=["GET"], response_model=None
            )
        for name, handler in (
            (SIGN_IN, self.start_sign_in),
            (DEVICE, self.start_device),
            (APP, self.start_app),
            (TROUBLES, self.report),
        ):
            ours = [Depends(require_csrf(name, self._desk.pages.cookie))]
            router.add_api_route(
                f"{WIZARD}/{name}",
                self._desk.answering(handler),
                methods=["POST"],
                response_model=None,
                dependencies=ours,
            )
        return router

    # --- the ways -----------------------------------------------------------------------------------------------

    async def ways(self, request: Request) -> Response:
        """All ways, while an attempt runs: choosing one replaces it."""
        _, invitation = await self._open(request)
        say = self._desk.say(request, invitation)
        return self._desk.show(
            request, "ways.html", invitation, ways=screens.ways(invitation), steps=screens.steps("choose", say)
        )

    async def start_sign_in(self, request: Request) -> Response:
        _, invitation = await self._open(request)
        hint = invitation.invitee.email if invitation.invitee else None
        return await self._start(request, "sign_in", login_hint=hint)

    async def device(self, request: Request) -> Response:
        _, invitation = await self._open(request, "device_code")
        known = invitation.attempt.login_hint if invitation.attempt else None
        known = known or (invitation.invitee.email if invitation.invitee else "")
        return self._form(request, "device.html", invitation, form=forms.DeviceForm(known))

    async def start_device(self, request: Request) -> Response:
        _, invitation = await self._open(request, "device_code")
        form = forms.device_form(await field(request, "user_name"))
        if form.errors:
            return self._form(request, "device.html", invitation, status=422, form=form)
        return await self._start(request, "device_code", login_hint=form.user_name)

    async def app(self, request: Request) -> Response:
        _, invitation = await self._open(request, "app_registration")
        return self._form(request, "app.html", invitation, form=forms.empty_app_form(invitation.tenant_id))

    async def start_app(self, request: Request) -> Response:
        """The secret is sealed at once; it is neither kept nor shown again."""
        _, invitation = await self._open(request, "app_registration")
        entered = [await field(request, name) for name in ("tenant", "client_id", "client_secret")]
        form = forms.app_form(*entered, expected_tenant=invitation.tenant_id)
        if form.errors:
            return self._form(request, "app.html", invitation, status=422, form=form)
        number = await self._number(request)
        sealed = self._desk.sealer.seal(
            "auth",
            {"client_id": form.client_id.lower(), "client_secret": form.client_secret.reveal()},
            customer=invitation.id,
            event="AuthenticationStarted",
            attempt=number,
            now=self._desk.clock(),
        )
        return await self._start(request, "app_registration", seal=sealed)

    async def _start(
        self, request: Request, method: Any, *, login_hint: str | None = None, seal: str | None = None
    ) -> Response:
        session, invitation = await self._desk.mine(request)
        await self._desk.count(request, "start", self._desk.settings.starts_per_address)
        await self._desk.count_tenant(invitation)
        chosen = Start(
            method=method, login_hint=login_hint, tenant_id=None, seal=seal, attempt=await self._number(request)
        )
        await self._desk.change(session.invitation_id, domain.start, session.hashed, chosen)
        return RedirectResponse(WIZARD, 303)

    # --- what did Microsoft show you? ---------------------------------------------------------------------------

    async def trouble(self, request: Request) -> Response:
        _, invitation = await self._open(request)
        if not screens.can_report(invitation.attempt):
            return RedirectResponse(WIZARD, 303)
        return self._trouble(request, invitation)

    async def report(self, request: Request) -> Response:
        session, invitation = await self._open(request)
        seen, attempt = await field(request, "seen"), invitation.attempt
        if attempt is None or not screens.can_report(attempt):
            return RedirectResponse(WIZARD, 303)
        entered, wrong = await field(request, "number"), {}
        try:
            number = forms.error_number(entered)
        except ValueError as error:
            number, wrong = None, {"number": str(error)}
        if seen not in TROUBLE_OF[attempt.method] and not number:
            wrong = {"seen-1": CHOOSE, **wrong}
        if wrong:
            return self._trouble(request, invitation, status=422, seen=seen, number=entered, wrong=wrong)
        why = screens.reported(seen, attempt.method, number)
        await self._desk.change(session.invitation_id, domain.give_up, session.hashed, why)
        return RedirectResponse(WIZARD, 303)

    def _trouble(
        self,
        request: Request,
        invitation: Invitation,
        *,
        status: int = 200,
        seen: str = "",
        number: str = "",
        wrong: Mapping[str, str] = NOTHING_WRONG,
    ) -> Response:
        say, attempt = self._desk.say(request, invitation), invitation.attempt
        shown = TROUBLE_OF[attempt.method] if attempt else frozenset()
        options = [
            {"value": code, "label": say(seen), "hint": say(hint)} for code, seen, hint in TROUBLE if code in shown
        ]
        return self._desk.show(
            request,
            "trouble.html",
            invitation,
            status=status,
            options=options,
            seen=seen,
            number=number[:100],
            errors={name: say(text) for name, text in wrong.items()},
            steps=screens.steps("code", say),
        )

    # --- shared -------------------------------------------------------------------------------------------------

    async def _open(self, request: Request, method: str | None = None) -> tuple[Session, Invitation]:
        """Raises: Refused, where only the wizard's page has something to show."""
        session, invitation = await self._desk.mine(request)
        name = screens.screen(invitation, self._desk.clock()).name
        if name in ("done", "ended", "finishing"):
            raise Refused(f"invitation_{name}", "This invitation has ended.")
        if method is not None and method not in invitation.methods:
            raise Refused("method_not_offered", "This way is not offered by this invitation.", status=422)
        return session, invitation

    async def _number(self, request: Request) -> int:
        return forms.number(await field(request, "attempt"))

    def _form(
        self, request: Request, template: str, invitation: Invitation, *, form: Any, status: int = 200
    ) -> Response:
        say = self._desk.say(request, invitation)
        errors, summary = texts(form.errors, say)
        return self._desk.show(
            request,
            template,
            invitation,
            status=status,
            form=form,
            errors=errors,
            summary=summary,
            steps=screens.steps("choose", say),
        )
