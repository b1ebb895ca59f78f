"""The switch dialog: who is to be invited, a confirmation, then it begins. Steps are pages, so it needs no script."""

from __future__ import annotations

import secrets
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.responses import RedirectResponse, Response

from config_svc.application import App, Application
from config_svc.domain import switches
from config_svc.domain.model import Customer
from config_svc.domain.settings import Terms
from config_svc.pages.addresses import one_of
from config_svc.pages.customer import show_customer
from config_svc.pages.dependencies import Layout, OperatorSession, submitted
from config_svc.pages.forms import KEY, SubmittedForm, check
from config_svc.pages.layout import CUSTOMERS, PortalLayout, PortalRoute
from config_svc.schemas.customers import METHODS_TEXT, REQUIRED, SwitchBody
from config_svc.texts import state_texts
from shared.contracts.roles import role_names
from shared.domain.rules import Refused
from shared.i18n.catalogs import language_name
from shared.i18n.marks import LANGUAGES
from shared.identity.sessions import Session

FIELDS = ("to", "renew", "admin_email", "admin_name", "locale", "methods", "reference", KEY)

router = APIRouter(route_class=PortalRoute, include_in_schema=False)
SwitchForm = Annotated[SubmittedForm, Depends(submitted("switch"))]


@router.get("/customers/{id}/switch")
async def open_dialog(
    id: str,
    session: OperatorSession,
    application: App,
    layout: Layout,
    to: Annotated[str, one_of(["app_registration", "token"], "token")] = "token",
    renew: str = "",
) -> Response:
    """The dialog. A switch that cannot be asked for is refused here already."""
    customer = (await application.customers.get(id)).state
    values = {
        "to": to,
        "renew": "yes" if renew else "",
        KEY: secrets.token_hex(16),
        "methods": ["sign_in", "device_code", "app_registration"],
        **_last_invitee(customer),
    }
    stored = to == "app_registration" and state_texts.secret_usable(customer, application.clock())
    probe = {"to": to, "renew": bool(renew)} | ({} if stored else {"admin_email": "a@example.com"})
    try:
        await _try(application, customer, SwitchBody.model_validate(probe), session)
    except Refused as refusal:
        return await show_customer(id, application, layout, refusal)
    return _dialog(application, layout, customer, values, stored=stored)


@router.post("/customers/{id}/switch")
async def confirm_switch(
    id: str, session: OperatorSession, form: SwitchForm, application: App, layout: Layout
) -> Response:
    """Who will get what, until when; nothing is sent yet."""
    customer = (await application.customers.get(id)).state
    body, errors = _checked(form, layout)
    if body is None:
        return _dialog(application, layout, customer, _entered(form), errors=errors, status=422)
    try:
        terms = await _try(application, customer, body, session)
    except Refused as refusal:
        return await show_customer(id, application, layout, refusal)
    return layout.show(
        "switch_confirm.html",
        active="customer",
        customer=customer,
        body=body,
        fields=[(name, value) for name in FIELDS for value in form.many(name)],
        expires=application.clock() + terms.life,
        roles=role_names(terms.accepted_roles),
        locale_name=language_name(body.locale),
        labels={row["value"]: row["label"] for row in state_texts.method_choices(layout.gettext)},
    )


@router.post("/customers/{id}/switch/change")
async def change_switch(
    id: str, session: OperatorSession, form: SwitchForm, application: App, layout: Layout
) -> Response:
    """Back from the confirmation to the dialog, with what was entered and a key of its own."""
    customer = (await application.customers.get(id)).state
    return _dialog(application, layout, customer, _entered(form) | {KEY: secrets.token_hex(16)})


@router.post("/customers/{id}/switch/confirm")
async def begin_switch(
    id: str, session: OperatorSession, form: SwitchForm, application: App, layout: Layout
) -> Response:
    body, errors = _checked(form, layout)
    if body is None:
        customer = (await application.customers.get(id)).state
        return _dialog(application, layout, customer, _entered(form), errors=errors, status=422)
    try:
        await application.customers.switch(id, body, session.actor, form.command)
    except Refused as refusal:
        return await show_customer(id, application, layout, refusal)
    return RedirectResponse(f"{CUSTOMERS}/{id}?done=switched", 303)


# --- the form --------------------------------------------------------------------------------------------------------


def _checked(form: SubmittedForm, layout: PortalLayout) -> tuple[SwitchBody | None, dict[str, str]]:
    to, stored = form.text("to"), form.text("stored") == "yes"
    values: dict[str, Any] = {
        "to": to,
        "renew": form.text("renew") == "yes",
        "admin_name": form.text("admin_name"),
        "locale": form.text("locale", "en"),
        "reference": form.text("reference") or None,
    }
    if not stored:
        values["admin_email"] = form.text("admin_email") or None
    if to == "token":
        values["methods"] = form.many("methods")
    body, errors = check(SwitchBody, values, layout.gettext)
    missing = {} if stored or form.text("admin_email") else {"admin_email": layout.gettext(REQUIRED)}
    if to == "token" and not form.many("methods"):
        missing["methods"] = layout.gettext(METHODS_TEXT)
    return (None, missing | errors) if missing else (body, errors)


async def _try(application: Application, customer: Customer, body: SwitchBody, session: Session) -> Terms:
    """Asks the rule without doing anything; gives what the switch would take. Raises: Refused."""
    terms = await application.settings.terms()
    switches.request(customer, application.customers.asked(body, session.actor, terms), application.clock())
    return terms


def _dialog(
    application: Application,
    layout: PortalLayout,
    customer: Customer,
    values: dict[str, Any],
    *,
    errors: dict[str, str] | None = None,
    status: int = 200,
    stored: bool = False,
) -> Response:
    to_app = values.get("to") == "app_registration"
    gap = state_texts.secret_gap(customer, application.clock()) if to_app else ""
    return layout.show(
        "switch_dialog.html",
        active="customer",
        status=status,
        customer=customer,
        values=values,
        errors=errors or {},
        stored=stored,
        methods=state_texts.method_choices(layout.gettext),
        gap=layout.gettext(gap) if gap else "",
        languages=[(code, language_name(code)) for code in LANGUAGES],
    )


def _last_invitee(customer: Customer) -> dict[str, str]:
    """Who was invited last, or who granted the token: most likely the one to ask again."""
    switch = customer.switch
    if switch is None or switch.invitee is None:
        return {}
    return {"admin_email": switch.invitee.email, "admin_name": switch.invitee.name, "locale": switch.locale}


def _entered(form: SubmittedForm) -> dict[str, Any]:
    return form.shown() | {"methods": form.many("methods")}
