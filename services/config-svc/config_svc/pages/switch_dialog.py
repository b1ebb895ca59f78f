"""The switch dialog: who is to be invited, a confirmation, then it begins. Steps are pages, so it needs no script."""

from __future__ import annotations

import secrets
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from config_svc.domain import switches
from config_svc.domain.model import Customer
from config_svc.domain.settings import Terms
from config_svc.pages.customer import M365Pages
from config_svc.pages.forms import KEY, Filled, check, filled, form_command
from config_svc.pages.layout import Frame
from config_svc.schemas.customers import METHODS_TEXT, REQUIRED, SwitchBody
from config_svc.texts import state_texts
from shared.contracts.roles import role_names
from shared.domain.rules import Refused
from shared.i18n.catalogs import LANGUAGES, language_name
from shared.identity.bearer import OPERATOR
from shared.identity.sessions import Session
from shared.store.store import Found

FIELDS = ("to", "renew", "admin_email", "admin_name", "locale", "methods", "reference", KEY)


class SwitchPages:
    def __init__(self, frame: Frame, m365: M365Pages) -> None:
        self._frame, self._m365, self._customers, self._clock = (
            frame,
            m365,
            frame.application.customers,
            frame.application.clock,
        )

    def add_to(self, router: APIRouter) -> None:
        add = self._frame.add
        add(router, "/customers/{id}/switch", self.ask, OPERATOR)
        add(router, "/customers/{id}/switch", self.confirm, OPERATOR, form="switch")
        add(router, "/customers/{id}/switch/change", self.change, OPERATOR, form="switch")
        add(router, "/customers/{id}/switch/confirm", self.begin, OPERATOR, form="switch")

    async def ask(self, request: Request, session: Session) -> Response:
        """The dialog. A switch that cannot be asked for is refused here already."""
        found = await self._customers.get(request.path_params["id"])
        to = "app_registration" if request.query_params.get("to") == "app_registration" else "token"
        values = {
            "to": to,
            "renew": "yes" if request.query_params.get("renew") else "",
            KEY: secrets.token_hex(16),
            "methods": ["sign_in", "device_code", "app_registration"],
            **_last_invitee(found.state),
        }
        stored = to == "app_registration" and state_texts.secret_usable(found.state, self._clock())
        probe = {"to": to, "renew": bool(values["renew"])} | ({} if stored else {"admin_email": "a@example.com"})
        try:
            await self._try(found, SwitchBody.model_validate(probe), session)
        except Refused as error:
            return await self._m365.show(request, session, error)
        return self._dialog(request, session, found, values, {}, stored=stored)

    async def confirm(self, request: Request, session: Session) -> Response:
        """Who will get what, until when; nothing is sent yet."""
        form, found = await filled(request), await self._customers.get(request.path_params["id"])
        body, errors = self._checked(request, form)
        if body is None:
            return self._dialog(request, session, found=found, values=_shown(form), errors=errors, status=422)
        try:
            terms = await self._try(found, body, session)
        except Refused as error:
            return await self._m365.show(request, session, error)
        return self._frame.show(
            request,
            session,
            "switch_confirm.html",
            active="m365",
            customer=found.state,
            body=body,
            fields=[(name, value) for name in FIELDS for value in form.many(name)],
            expires=self._clock() + terms.life,
            roles=role_names(terms.accepted_roles),
            locale_name=language_name(body.locale),
            labels={row["value"]: row["label"] for row in self._methods(request)},
        )

    async def change(self, request: Request, session: Session) -> Response:
        """Back from the confirmation to the dialog, with what was entered and a key of its own."""
        form, found = await filled(request), await self._customers.get(request.path_params["id"])
        values = _shown(form) | {KEY: secrets.token_hex(16)}
        return self._dialog(request, session, found, values, {})

    async def begin(self, request: Request, session: Session) -> Response:
        form, id = await filled(request), request.path_params["id"]
        body, errors = self._checked(request, form)
        if body is None:
            found = await self._customers.get(id)
            return self._dialog(request, session, found=found, values=_shown(form), errors=errors, status=422)
        try:
            await self._customers.switch(id, body, session.actor, form_command(request, form, session.actor.id))
        except Refused as error:
            return await self._m365.show(request, session, error)
        return RedirectResponse(f"/customers/{id}?done=switched", 303)

    # --- the form ------------------------------------------------------------------------------------------------

    def _checked(self, request: Request, form: Filled) -> tuple[SwitchBody | None, dict[str, str]]:
        say = self._frame.say(request)
        values: dict[str, Any] = {
            "to": form.text("to"),
            "renew": form.text("renew") == "yes",
            "admin_name": form.text("admin_name"),
            "locale": form.text("locale", "en"),
            "reference": form.text("reference") or None,
        }
        stored = form.text("stored") == "yes"
        if not stored:
            values["admin_email"] = form.text("admin_email") or None
        if form.text("to") == "token":
            values["methods"] = form.many("methods")
        body, errors = check(SwitchBody, values, say)
        missing = {} if stored or form.text("admin_email") else {"admin_email": say(REQUIRED)}
        if form.text("to") == "token" and not form.many("methods"):
            missing["methods"] = say(METHODS_TEXT)
        return (None, missing | errors) if missing else (body, errors)

    async def _try(self, found: Found[Customer], body: SwitchBody, session: Session) -> Terms:
        """Asks the rule without doing anything; gives what the switch would take. Raises: Refused."""
        terms = await self._customers.settings.terms()
        switches.request(found.state, self._customers.asked(body, session.actor, terms), self._clock())
        return terms

    def _dialog(
        self,
        request: Request,
        session: Session,
        found: Found[Customer],
        values: dict[str, Any],
        errors: dict[str, str],
        status: int = 200,
        *,
        stored: bool = False,
    ) -> Response:
        gap = state_texts.secret_gap(found.state, self._clock()) if values.get("to") == "app_registration" else ""
        return self._frame.show(
            request,
            session,
            "switch.html",
            active="m365",
            status=status,
            customer=found.state,
            values=values,
            errors=errors,
            stored=stored,
            methods=self._methods(request),
            gap=self._frame.say(request)(gap) if gap else "",
            languages=[(code, language_name(code)) for code in LANGUAGES],
        )

    def _methods(self, request: Request) -> list[dict[str, str]]:
        return state_texts.method_choices(self._frame.say(request))


def _last_invitee(customer: Customer) -> dict[str, str]:
    """Who was invited last, or who granted the token: most likely the one to ask again."""
    invitee = customer.switch.invitee if customer.switch else None
    if invitee:
        return {
            "admin_email": invitee.email,
            "admin_name": invitee.name,
            "locale": customer.switch.locale if customer.switch else "en",
        }
    return {}


def _shown(form: Filled) -> dict[str, Any]:
    return form.shown() | {"methods": form.many("methods")}
