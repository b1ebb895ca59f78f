"""Customers: the list, the forms to register and change one, removal."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from config_svc.domain.model import Customer
from config_svc.pages.forms import Filled, check, filled
from config_svc.pages.layout import HOME, Frame
from config_svc.queries import lists
from config_svc.schemas import customers as inputs
from config_svc.schemas.customers import CustomerBody
from config_svc.texts.refusal_texts import TEXTS
from shared.domain.rules import Refused
from shared.i18n.catalogs import N_
from shared.identity.bearer import ADMIN, OPERATOR, VIEWER
from shared.identity.sessions import Session
from shared.store.store import Found

PAGE = 50
METHODS = ("app_registration", "token", "none")
STATUSES = ("failed", "checking", "unknown", "successful")
SWITCHES = (
    "running",
    "requested",
    "invited",
    "opened",
    "authenticating",
    "completed",
    "cancelled",
    "expired",
    "failed",
    "none",
)
SECRET = "client_secret"


class CustomerPages:
    def __init__(self, frame: Frame) -> None:
        self._frame, self._customers, self._clock = frame, frame.application.customers, frame.application.clock

    def add_to(self, router: APIRouter) -> None:
        add = self._frame.add
        add(router, "/", self.home, VIEWER)
        add(router, "/customers", self.customers, VIEWER)
        add(router, "/m365", self.choose, VIEWER)
        add(router, "/add-customer", self.new, OPERATOR)
        add(router, "/add-customer", self.create, OPERATOR, form="customer")
        add(router, "/customers/{id}/edit", self.edit, OPERATOR)
        add(router, "/customers/{id}/edit", self.save, OPERATOR, form="customer")
        add(router, "/customers/{id}/remove", self.removal, ADMIN)
        add(router, "/customers/{id}/remove", self.remove, ADMIN, form="remove")

    async def home(self, request: Request, session: Session) -> Response:
        return RedirectResponse(HOME, 303)

    # --- the list ------------------------------------------------------------------------------------------------

    async def customers(self, request: Request, session: Session) -> Response:
        return await self._list(request, session, "customers")

    async def choose(self, request: Request, session: Session) -> Response:
        """M365 Configuration without a customer: choose one."""
        return await self._list(request, session, "m365")

    async def _list(self, request: Request, session: Session, active: str) -> Response:
        asked = request.query_params
        wanted = {
            "q": asked.get("q", "")[:200].strip(),
            "method": _one_of(asked.get("method"), METHODS),
            "status": _one_of(asked.get("status"), STATUSES),
            "switch": _one_of(asked.get("switch"), SWITCHES),
        }
        query = lists.customers(*wanted.values())
        page = await self._frame.application.lists.page(query, PAGE, asked.get("cursor"))
        return self._frame.show(
            request,
            session,
            "customers.html",
            active=active,
            rows=[row.state for row in page.rows],
            wanted=wanted,
            methods=METHODS,
            statuses=STATUSES,
            switches=SWITCHES,
            filtered=any(wanted.values()),
            q=wanted["q"],
            next=_page(request, wanted, page.next),
            previous=_page(request, wanted, page.previous),
        )

    # --- forms ---------------------------------------------------------------------------------------------------

    async def new(self, request: Request, session: Session) -> Response:
        return self._form(request, session, None, {}, {})

    async def create(self, request: Request, session: Session) -> Response:
        form = await filled(request)
        say = self._frame.say(request)
        body, errors = check(CustomerBody, _values(form), say)
        try:
            id = inputs.customer_id(form.text("id"))
        except ValueError as error:
            errors = {"id": say(str(error))} | errors
            return self._form(request, session, found=None, values=form.shown(SECRET), errors=errors, status=422)
        if body is None:
            return self._form(request, session, found=None, values=form.shown(SECRET), errors=errors, status=422)
        if await self._customers.find(id) is not None:
            taken = {"id": " ".join(say(text) for text in TEXTS["id_taken"])}
            return self._form(request, session, found=None, values=form.shown(SECRET), errors=taken, status=409)
        await self._customers.put(id, body, None, session.actor)
        return RedirectResponse(f"/customers/{id}?done=added", 303)

    async def edit(self, request: Request, session: Session) -> Response:
        found = await self._customers.get(request.path_params["id"])
        return self._form(request, session, found, _present(found.state), {})

    async def save(self, request: Request, session: Session) -> Response:
        id = request.path_params["id"]
        found = await self._customers.get(id)
        form = await filled(request)
        body, errors = check(CustomerBody, _values(form), self._frame.say(request))
        if body is None:
            return self._form(request, session, found=found, values=form.shown(SECRET), errors=errors, status=422)
        try:
            await self._customers.put(id, body, f'"{form.text("edition", "0")}"', session.actor)
        except Refused as error:
            problem = (self._frame.problem(request, error),)
            present = await self._customers.get(id)
            kept = form.shown(SECRET) | {"edition": present.state.edition}
            beside = self._beside(request, present.state, kept)
            return self._form(
                request,
                session,
                found=present,
                values=kept,
                errors={},
                status=error.status,
                flash=problem,
                beside=beside,
            )
        return RedirectResponse(f"/customers/{id}?done=saved", 303)

    def _form(
        self,
        request: Request,
        session: Session,
        found: Found[Customer] | None,
        values: dict[str, Any],
        errors: dict[str, str],
        status: int = 200,
        **context: Any,
    ) -> Response:
        customer = found.state if found else None
        return self._frame.show(
            request,
            session,
            "customer_form.html",
            active="customers",
            status=status,
            customer=customer,
            values=values,
            errors=errors,
            **({"beside": {}} | context),
        )

    def _beside(self, request: Request, customer: Customer, values: dict[str, Any]) -> dict[str, str]:
        """For each field that differs the value in force, as a hint beside it."""
        say = self._frame.say(request)
        return {
            name: say(N_("In force now: %(value)s")) % {"value": value or "–"}
            for name, value in _present(customer).items()
            if name in values and str(value) != str(values[name])
        }

    # --- removal -------------------------------------------------------------------------------------------------

    async def removal(self, request: Request, session: Session) -> Response:
        found = await self._customers.get(request.path_params["id"])
        return self._frame.show(request, session, "remove.html", active="customers", customer=found.state)

    async def remove(self, request: Request, session: Session) -> Response:
        await self._customers.remove(request.path_params["id"], None, session.actor)
        return RedirectResponse(f"{HOME}?done=removed", 303)


def _one_of(text: str | None, known: tuple[str, ...]) -> str:
    return text if text in known else ""


def _page(request: Request, wanted: dict[str, str], cursor: str | None) -> str | None:
    """The address of another page of the same list."""
    if cursor is None:
        return None
    return f"{request.url.path}?{urlencode({name: text for name, text in wanted.items() if text} | {'cursor': cursor})}"


def _present(customer: Customer) -> dict[str, Any]:
    return {
        "name": customer.name,
        "tenant": customer.tenant,
        "reference": customer.reference or "",
        "client_id": customer.client_id or "",
        "secret_expires_on": customer.secret_expires_on or "",
        "edition": customer.edition,
        "has_secret": customer.secret,
    }


def _values(form: Filled) -> dict[str, Any]:
    """The form as the API's body. An empty secret stays as it is; an empty application id means none."""
    values: dict[str, Any] = {
        "name": form.text("name"),
        "tenant": form.text("tenant"),
        "reference": form.text("reference") or None,
        "app_registration": None,
    }
    secret = form.values.get(SECRET, [""])[0].strip()
    if form.text("client_id") or secret:
        registration: dict[str, Any] = {
            "client_id": form.text("client_id"),
            "secret_expires_on": form.text("secret_expires_on") or None,
        }
        if secret or form.text("forget_secret"):
            registration[SECRET] = secret or None
        values["app_registration"] = registration
    return values
