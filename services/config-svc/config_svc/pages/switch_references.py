"""The operator's own reference of a switch: changed in its place in the list, or on a page of its own."""

from __future__ import annotations

import secrets
from typing import Any
from urllib.parse import urlsplit

from fastapi import APIRouter, Request
from starlette.responses import Response

from config_svc.domain.model import Customer
from config_svc.pages.customer import number_of
from config_svc.pages.forms import check, filled, form_command
from config_svc.pages.layout import HOME, Frame
from config_svc.schemas.customers import ReferenceBody
from config_svc.texts.refusal_texts import texts
from shared.domain.rules import Refused
from shared.identity.bearer import OPERATOR
from shared.identity.portal_sign_in import own_path
from shared.identity.sessions import Session

FORM = "reference"


class ReferencePages:
    def __init__(self, frame: Frame) -> None:
        self._frame, self._customers = frame, frame.application.customers

    def add_to(self, router: APIRouter) -> None:
        add = self._frame.add
        add(router, "/customers/{id}/reference", self.edit, OPERATOR)
        add(router, "/customers/{id}/reference", self.save, OPERATOR, form=FORM)

    async def edit(self, request: Request, session: Session) -> Response:
        """The form; in a list with `?show` the value again, for who changed their mind."""
        customer = (await self._customers.get(request.path_params["id"])).state
        if customer.switch is None:
            raise Refused("no_switch", "There is no switch.")
        back = _back(request.query_params.get("back") or _shown_by(request), customer)
        if _in_place(request) and "show" in request.query_params:
            return self._show(request, session, "reference_cell.html", customer, back)
        return self._form(request, session, customer, customer.switch.reference or "", back)

    async def save(self, request: Request, session: Session) -> Response:
        id, form = request.path_params["id"], await filled(request)
        values = {"switch": number_of(form.text("switch")), "reference": form.text("reference") or None}
        body, errors = check(ReferenceBody, values, self._frame.say(request))
        problem, status = errors.get("reference", ""), 422
        if body is not None:
            try:
                command = form_command(request, form, session.actor.id)
                await self._customers.refer(id, body.switch, body.reference, session.actor, command)
            except Refused as error:
                problem, status = " ".join(texts(error, self._frame.say(request))), error.status
        customer = (await self._customers.get(id)).state
        back = _back(form.text("back"), customer)
        if body is None or problem:
            return self._form(
                request,
                session,
                customer=customer,
                value=form.text("reference"),
                back=back,
                problem=problem,
                status=status,
            )
        if _in_place(request):
            return self._show(request, session, "reference_cell.html", customer, back)
        return self._frame.back(form, back, "referred")

    def _form(
        self,
        request: Request,
        session: Session,
        customer: Customer,
        value: str,
        back: str,
        problem: str = "",
        status: int = 200,
    ) -> Response:
        """In place every answer is shown, so it is a success to the script that asked."""
        place = _in_place(request)
        template = "reference_form.html" if place else "reference.html"
        return self._show(
            request,
            session,
            template,
            customer,
            back,
            status=200 if place else status,
            value=value,
            problem=problem,
            new_key=secrets.token_hex(16),
        )

    def _show(
        self, request: Request, session: Session, template: str, customer: Customer, back: str, **context: Any
    ) -> Response:
        return self._frame.show(
            request, session, template, active="invitations", customer=customer, back=back, **context
        )


def _in_place(request: Request) -> bool:
    return request.headers.get("hx-request") == "true"


def _shown_by(request: Request) -> str:
    """The address of the page that asks for a part of itself."""
    parts = urlsplit(request.headers.get("hx-current-url", ""))
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def _back(text: str | None, customer: Customer) -> str:
    return own_path(text) if text else f"{HOME}/{customer.id}"
