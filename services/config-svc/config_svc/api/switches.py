"""Validation and the switch: ask, send again, cancel, take the link."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from config_svc.api import examples
from config_svc.api.dependencies import CustomerId, IdempotentCommand, Operator
from config_svc.api.problems import problems
from config_svc.application import App
from config_svc.schemas.customers import ReferenceBody, ResendBody, SwitchBody, SwitchNumber
from config_svc.schemas.switches import InvitationLink, SwitchAccepted, ValidationAccepted

router = APIRouter(tags=["Switch"])
ACCEPTED = examples.answer(SwitchAccepted(switch=1), "Taken.", status=202)
REFUSALS = problems(400, 404, 409, 415, 422, 429)


@router.post(
    "/customers/{id}/validation",
    status_code=202,
    summary="Prove the method in force",
    responses=examples.answer(ValidationAccepted(request="4bf92f3577b34da6a3ce929d0e0e4736"), "Taken.", status=202)
    | REFUSALS,
)
async def post_validation(id: CustomerId, by: Operator, command: IdempotentCommand, app: App) -> ValidationAccepted:
    """Role: operator. The outcome: the customer's `status`, and AuthenticationValidated with this `request`."""
    return ValidationAccepted.model_validate(await app.customers.validate(id, by, command))


@router.post("/customers/{id}/switch", status_code=202, summary="Ask for a switch", responses=ACCEPTED | REFUSALS)
async def post_switch(
    id: CustomerId, by: Operator, command: IdempotentCommand, body: SwitchBody, app: App
) -> SwitchAccepted:
    """Role: operator. `to: token` invites `admin_email`. `to: app_registration` proves the stored secret, or, with
    `admin_email`, invites to enter one. Codes: `switch_running`, `tenant_unresolved`, `already`, `nothing_to_renew`,
    `secret_missing`, `secret_expired`, `removed`."""
    return SwitchAccepted.model_validate(await app.customers.switch(id, body, by, command))


@router.post(
    "/customers/{id}/switch/resend",
    status_code=202,
    summary="Send the invitation again",
    responses=ACCEPTED | REFUSALS,
)
async def post_resend(
    id: CustomerId, by: Operator, command: IdempotentCommand, body: ResendBody, app: App
) -> SwitchAccepted:
    """Role: operator. To another `admin_email` it is a new switch, whose number is answered. Codes: `switch_stale`,
    `switch_ended`, `no_switch`, `no_invitation`."""
    return SwitchAccepted.model_validate(await app.customers.resend(id, body, by, command))


@router.delete(
    "/customers/{id}/switch",
    status_code=202,
    summary="Cancel the switch",
    responses=ACCEPTED | problems(404, 409, 422),
)
async def delete_switch(
    id: CustomerId,
    by: Operator,
    app: App,
    switch: Annotated[int, Query(ge=1, description="Which switch is meant.", examples=[1])],
) -> SwitchAccepted:
    """Role: operator. Codes: `switch_stale`, `switch_ended`, `no_switch`."""
    return SwitchAccepted.model_validate(await app.customers.cancel(id, switch, by))


@router.post(
    "/customers/{id}/switch/link",
    summary="The invitation's address",
    responses=examples.answer(InvitationLink(switch=1, generation=1, link="https://invite.example/i/..."), "Taken.")
    | REFUSALS,
)
async def post_link(
    id: CustomerId, by: Operator, command: IdempotentCommand, body: SwitchNumber, app: App
) -> InvitationLink:
    """Role: operator; each use is audited. Whoever has the link counts as the invitee: hand it on with care."""
    answer, link = await app.customers.link(id, body.switch, by, command)
    return InvitationLink.model_validate({**answer, "link": link.reveal()})


@router.post(
    "/customers/{id}/switch/reference",
    status_code=202,
    summary="Change the switch's reference",
    responses=ACCEPTED | REFUSALS,
)
async def post_reference(
    id: CustomerId, by: Operator, command: IdempotentCommand, body: ReferenceBody, app: App
) -> SwitchAccepted:
    """Role: operator. Of a running switch or an ended one, as long as there is no newer. Codes: `switch_stale`,
    `no_switch`."""
    return SwitchAccepted.model_validate(await app.customers.refer(id, body.switch, body.reference, by, command))
