"""M365 Configuration: the page of one customer, its live part, and its buttons."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from config_svc.domain.model import Customer
from config_svc.pages.forms import check, filled, form_command
from config_svc.pages.layout import Frame
from config_svc.pages.timelines import Timelines
from config_svc.schemas import views
from config_svc.schemas.customers import ResendBody
from config_svc.texts import state_texts
from shared.domain.rules import Refused
from shared.identity.bearer import OPERATOR, VIEWER
from shared.identity.portal_sign_in import own_path
from shared.identity.sessions import Session
from shared.store.store import Found

LIVE_TIMELINE = 200
GONE, STOP_ASKING = 410, 286


class M365Pages:
    def __init__(self, frame: Frame) -> None:
        self._frame, self._customers, self._clock = frame, frame.application.customers, frame.application.clock
        self._timelines = Timelines(frame)

    def add_to(self, router: APIRouter) -> None:
        add = self._frame.add
        add(router, "/customers/{id}", self.page, VIEWER)
        add(router, "/customers/{id}/state", self.state, VIEWER)
        add(router, "/customers/{id}/validate", self.validate, OPERATOR, form="validate")
        add(router, "/customers/{id}/resend", self.resending, OPERATOR)
        add(router, "/customers/{id}/resend", self.resend, OPERATOR, form="resend")
        add(router, "/customers/{id}/cancel", self.cancelling, OPERATOR)
        add(router, "/customers/{id}/cancel", self.cancel, OPERATOR, form="cancel")
        add(router, "/customers/{id}/link", self.link, OPERATOR, form="link")

    # --- reading -------------------------------------------------------------------------------------------------

    async def page(self, request: Request, session: Session) -> Response:
        found = await self._customers.find(request.path_params["id"])
        if found is not None and found.state.removed:
            return await self._gone(request, session, found)
        return await self.show(request, session)

    async def state(self, request: Request, session: Session) -> Response:
        """The part that moves by itself. The status 286 ends the asking once nothing moves any more."""
        found = await self._customers.find(request.path_params["id"])
        if found is None or found.state.removed:
            return Response(status_code=204, headers={"HX-Refresh": "true"})
        context = await self._context(request, found)
        told = await self._timelines.read(request, found.id, LIVE_TIMELINE, until=request.query_params.get("until"))
        if told.next:  # so much has happened that the page would have a gap
            return Response(status_code=204, headers={"HX-Refresh": "true"})
        status = 200 if context["moving"] else STOP_ASKING
        context |= {"timeline": told.rows}
        return self._frame.show(request, session, "m365_state.html", active="m365", status=status, **context)

    async def show(self, request: Request, session: Session, error: Refused | None = None) -> Response:
        """The page; after a refusal with its message on top."""
        found = await self._customers.get(request.path_params["id"])
        told = await self._timelines.read(request, found.id)
        context = await self._context(request, found) | {"timeline": told.rows, "older": told.next}
        flash = (self._frame.problem(request, error),) if error else ()
        status = error.status if error else 200
        return self._frame.show(request, session, "m365.html", active="m365", status=status, flash=flash, **context)

    async def _gone(self, request: Request, session: Session, found: Found[Customer]) -> Response:
        told = await self._timelines.read(request, found.id)
        return self._frame.show(
            request,
            session,
            "gone.html",
            active="customers",
            status=GONE,
            customer=found.state,
            timeline=told.rows,
            older=told.next,
        )

    async def _context(self, request: Request, found: Found[Customer]) -> dict[str, Any]:
        say, now, customer = self._frame.say(request), self._clock(), found.state
        switch, failure = customer.switch, customer.failure
        return {
            "customer": customer,
            "view": views.customer(found, now),
            "switch": switch,
            "running": customer.running,
            "can": state_texts.can(customer, customer.running),
            "steps": state_texts.steps(switch, say) if switch else [],
            "status_problem": state_texts.problem(failure.reason if failure else None, say),
            "tenant_problem": state_texts.problem(customer.tenant_reason, say),
            "attempt_problem": state_texts.attempt_problem(switch, say),
            "ended": state_texts.ENDED.get(switch.state) if switch else None,
            "tenant_state": say(state_texts.TENANTS[customer.tenant_state]),
            "secret_note": state_texts.secret_note(customer, now),
            "delayed": state_texts.is_delayed(found.delayed, now),
            "moving": state_texts.moving(customer, found.delayed, now),
        }

    # --- buttons -------------------------------------------------------------------------------------------------

    async def validate(self, request: Request, session: Session) -> Response:
        id, form = request.path_params["id"], await filled(request)
        try:
            await self._customers.validate(id, session.actor, form_command(request, form, session.actor.id))
        except Refused as error:
            return await self._refused(request, session, error)
        return self._frame.back(form, f"/customers/{id}", "validating")

    async def resending(self, request: Request, session: Session) -> Response:
        """Send again, perhaps to another address."""
        found = await self._customers.get(request.path_params["id"])
        if refusal := _not_running(found.state):
            return await self.show(request, session, refusal)
        if found.state.switch and found.state.switch.invitee is None:
            return await self.show(request, session, Refused("no_invitation", "This switch has no invitation."))
        return self._resend_form(request, session, found, {}, {})

    async def resend(self, request: Request, session: Session) -> Response:
        id, form = request.path_params["id"], await filled(request)
        values = {
            "switch": number_of(form.text("switch")),
            "admin_email": form.text("admin_email") or None,
            "admin_name": form.text("admin_name"),
        }
        body, errors = check(ResendBody, values, self._frame.say(request))
        if body is None:
            found = await self._customers.get(id)
            return self._resend_form(request, session, found=found, values=form.shown(), errors=errors, status=422)
        try:
            answer = await self._customers.resend(
                id, body, session.actor, form_command(request, form, session.actor.id)
            )
        except Refused as error:
            return await self._refused(request, session, error)
        done = "resent" if answer["switch"] == body.switch else "readdressed"
        return self._frame.back(form, f"/customers/{id}", done)

    def _resend_form(
        self,
        request: Request,
        session: Session,
        found: Found[Customer],
        values: dict[str, Any],
        errors: dict[str, str],
        status: int = 200,
    ) -> Response:
        return self._frame.show(
            request,
            session,
            "resend.html",
            active="m365",
            status=status,
            customer=found.state,
            running=found.state.running,
            values=values,
            errors=errors,
        )

    async def cancelling(self, request: Request, session: Session) -> Response:
        found = await self._customers.get(request.path_params["id"])
        if refusal := _not_running(found.state):
            return await self.show(request, session, refusal)
        back = request.query_params.get("back")
        return self._frame.show(
            request,
            session,
            "cancel.html",
            active="m365",
            customer=found.state,
            running=found.state.running,
            back=own_path(back) if back else "",
        )

    async def cancel(self, request: Request, session: Session) -> Response:
        id, form = request.path_params["id"], await filled(request)
        command = form_command(request, form, session.actor.id)
        try:
            await self._customers.cancel(id, number_of(form.text("switch")), session.actor, command)
        except Refused as error:
            return await self._refused(request, session, error)
        return self._frame.back(form, f"/customers/{id}", "cancelled")

    async def link(self, request: Request, session: Session) -> Response:
        """The invitation's address: to the page's script, which copies it, or as a page of its own."""
        id, form = request.path_params["id"], await filled(request)
        command = form_command(request, form, session.actor.id)
        try:
            _, link = await self._customers.link(id, number_of(form.text("switch")), session.actor, command)
        except Refused as error:
            return await self._refused(request, session, error)
        if "application/json" in request.headers.get("accept", ""):
            return JSONResponse({"link": link.reveal()})
        found = await self._customers.get(id)
        return self._frame.show(request, session, "link.html", active="m365", customer=found.state, link=link.reveal())

    async def _refused(self, request: Request, session: Session, error: Refused) -> Response:
        """On the customer's page, if there is one."""
        found = await self._customers.find(request.path_params["id"])
        if found is None or found.state.removed:
            raise error
        return await self.show(request, session, error)


def _not_running(customer: Customer) -> Refused | None:
    """For pages that ask about a running switch: it may have ended since the button was shown."""
    if customer.running:
        return None
    if customer.switch:
        return Refused("switch_ended", "This switch has ended.")
    return Refused("no_switch", "There is no switch.")


def number_of(text: str) -> int:
    """The number of a switch; what is none is no switch's."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
