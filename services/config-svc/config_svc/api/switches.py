"""Validation and the switch: ask, send again, cancel, take the link."""

# No postponed annotations here: FastAPI reads them, and the dependencies in them are local names.

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query

from config_svc.api.common import CustomerId, Responses, problems
from config_svc.application import Application
from config_svc.schemas.customers import ReferenceBody, ResendBody, SwitchBody, SwitchNumber
from shared.contracts.events import Actor
from shared.http.idempotency import idempotency
from shared.identity.bearer import OPERATOR, require
from shared.store.write_plan import Command

Keyed = Annotated[Command, Depends(idempotency)]
REFUSALS = problems(400, 404, 409, 415, 422, 429)


def router(application: Application) -> APIRouter:
    routes = APIRouter(tags=["Switch"])
    operator, customers = Depends(require(OPERATOR)), application.customers

    @routes.post(
        "/customers/{id}/validation",
        status_code=202,
        summary="Prove the method in force",
        responses=REFUSALS | _example({"request": "4bf92f3577b34da6a3ce929d0e0e4736"}),
    )
    async def post_validation(id: CustomerId, by: Annotated[Actor, operator], command: Keyed) -> Mapping[str, Any]:
        """Role: operator. The outcome: the customer's `status`, and AuthenticationValidated with this `request`."""
        return await customers.validate(id, by, command)

    @routes.post(
        "/customers/{id}/switch",
        status_code=202,
        summary="Ask for a switch",
        responses=REFUSALS | _example({"switch": 1}),
    )
    async def post_switch(
        id: CustomerId, by: Annotated[Actor, operator], command: Keyed, body: SwitchBody
    ) -> Mapping[str, Any]:
        """Role: operator. `to: token` invites `admin_email`. `to: app_registration` proves the stored secret, or, with
        `admin_email`, invites to enter one. Codes: `switch_running`, `tenant_unresolved`, `already`,
        `nothing_to_renew`, `secret_missing`, `secret_expired`, `removed`."""
        return await customers.switch(id, body, by, command)

    @routes.post(
        "/customers/{id}/switch/resend",
        status_code=202,
        summary="Send the invitation again",
        responses=REFUSALS | _example({"switch": 1}),
    )
    async def post_resend(
        id: CustomerId, by: Annotated[Actor, operator], command: Keyed, body: ResendBody
    ) -> Mapping[str, Any]:
        """Role: operator. To another `admin_email` it is a new switch, whose number is answered. Codes:
        `switch_stale`, `switch_ended`, `no_switch`, `no_invitation`."""
        return await customers.resend(id, body, by, command)

    @routes.delete(
        "/customers/{id}/switch",
        status_code=202,
        summary="Cancel the switch",
        responses=problems(404, 409, 422) | _example({"switch": 1}),
    )
    async def delete_switch(
        id: CustomerId,
        by: Annotated[Actor, operator],
        switch: Annotated[int, Query(ge=1, description="Which switch is meant.", examples=[1])],
    ) -> Mapping[str, Any]:
        """Role: operator. Codes: `switch_stale`, `switch_ended`, `no_switch`."""
        return await customers.cancel(id, switch, by)

    @routes.post(
        "/customers/{id}/switch/link",
        summary="The invitation's address",
        responses=REFUSALS | {200: _content({"switch": 1, "generation": 1, "link": "https://invite.example/i/..."})},
    )
    async def post_link(
        id: CustomerId, by: Annotated[Actor, operator], command: Keyed, body: SwitchNumber
    ) -> Mapping[str, Any]:
        """Role: operator; each use is audited. Whoever has the link counts as the invitee: hand it on with care."""
        answer, link = await customers.link(id, body.switch, by, command)
        return {**answer, "link": link.reveal()}

    @routes.post(
        "/customers/{id}/switch/reference",
        status_code=202,
        summary="Change the switch's reference",
        responses=REFUSALS | _example({"switch": 1}),
    )
    async def post_reference(
        id: CustomerId, by: Annotated[Actor, operator], command: Keyed, body: ReferenceBody
    ) -> Mapping[str, Any]:
        """Role: operator. Of a running switch or an ended one, as long as there is no newer. Codes: `switch_stale`,
        `no_switch`."""
        return await customers.refer(id, body.switch, body.reference, by, command)

    return routes


def _example(answer: Mapping[str, Any]) -> Responses:
    return {202: _content(answer)}


def _content(answer: Mapping[str, Any]) -> dict[str, Any]:
    return {"description": "Taken.", "content": {"application/json": {"example": answer}}}
