"""Answers as they look, for the OpenAPI document: one invented customer, shown by the very functions that answer."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from pydantic_core import to_jsonable_python

from config_svc.domain.bulk_operations import DONE, BulkOperation, Row
from config_svc.domain.model import Customer, Grant, Mail, Switch
from config_svc.schemas import bulk_operations, views
from config_svc.schemas.bulk_operations import Shown
from shared.contracts.events import Account, Actor, Person
from shared.store.store import StoredDocument

NOW = datetime(2026, 11, 23, 12, 27, 30, tzinfo=UTC)
TENANT = "11111111-2222-4333-8444-555555555555"
ACCOUNT = Account("admin@contoso.example", "66666666-7777-4888-8999-aaaaaaaaaaaa", "Avery Admin")
BY = Actor(id="operator-1", name="Otto Operator", email="otto@provider.example", address="192.0.2.7")
ROLE = "62e90394-69f5-4237-9190-012177145e10"
BULK = "0" * 40
PROBLEMS: Mapping[int, tuple[str, str, str | None]] = {
    400: (
        "idempotency_key_missing",
        "Send an Idempotency-Key header: a new one for each request, the same one on a retry.",
        "Idempotency-Key",
    ),
    401: ("token_missing", "Send an access token: Authorization: Bearer <token>.", None),
    403: (
        "role_missing",
        "This needs the role operator; yours: viewer. Ask an administrator of the issuer for it.",
        None,
    ),
    404: ("customer_unknown", "There is no such customer; check the id.", None),
    409: ("switch_running", "Switch 1 is still running; cancel or resend it.", None),
    410: ("removed", "This customer was removed; its timeline is kept.", None),
    412: (
        "edition_changed",
        "Somebody changed it since you read it; read it again, then repeat your change.",
        "If-Match",
    ),
    415: ("content_type", "Send application/json.", "Content-Type"),
    422: ("invalid", "Enter an address like name@example.com.", "admin_email"),
    428: ("if_match_missing", 'Send If-Match with the ETag of the settings as you read them, like "3".', "If-Match"),
    429: (
        "too_many_requests",
        "There were too many requests for this customer in the last hour; try again later.",
        None,
    ),
    503: ("unavailable", "MongoDB is away; try again in 5 seconds.", None),
}


@cache
def _customer() -> StoredDocument[Customer]:
    switch = Switch(
        number=1,
        to="token",
        renew=False,
        state="completed",
        requested_at=NOW,
        expires_at=NOW + timedelta(days=7),
        methods=("sign_in", "device_code"),
        accepted_roles=(ROLE,),
        life_seconds=604800,
        remind_after_seconds=259200,
        invitee=Person("admin@contoso.example", "Avery Admin"),
        locale="en",
        reference="TICKET-17",
        inviter=BY,
        generation=1,
        invited_at=NOW,
        opened_at=NOW,
        attempt=1,
        method="sign_in",
        mail=Mail(state="sent", count=1, at=NOW),
        account=ACCOUNT,
        ended_at=NOW,
    )
    grant = Grant(
        id="contoso/1/1",
        account=ACCOUNT,
        method="sign_in",
        roles=(ROLE,),
        scopes=("User.Read",),
        claimed_at=NOW,
        expires_at=NOW + timedelta(days=90),
    )
    return StoredDocument(
        id="contoso",
        version=7,
        state=Customer(
            id="contoso",
            name="Contoso GmbH",
            tenant="contoso.onmicrosoft.com",
            reference="CRM-4711",
            tenant_id=TENANT,
            tenant_state="pinned",
            client_id="6f1d1c1e-1d8c-4f59-9d8b-6b1f9a3b6c11",
            secret=True,
            secret_expires_on="2027-06-30",
            revision=1,
            method="token",
            status="successful",
            checked_at=NOW,
            since=NOW,
            grant=grant,
            switches=1,
            switch=switch,
            registered_at=NOW,
        ),
    )


def customer() -> Any:
    return to_jsonable_python(views.customer(_customer(), NOW))


def customers() -> Any:
    return page(to_jsonable_python(views.brief(_customer(), NOW)))


def invitations() -> Any:
    return page(to_jsonable_python(views.invitation(_customer(), NOW)))


def page(row: Any) -> dict[str, Any]:
    return {"items": [row], "next": "eyJ2IjoxfQ.c2lnbmVk"}


def event_row() -> dict[str, Any]:
    """A row of timeline and audit as it is kept."""
    data = {"customer": "contoso", "switch": 1, "to": "token", "invitee": {"email": "admin@contoso.example"}}
    actor = {"id": BY.id, "name": BY.name, "email": BY.email}
    return {
        "_id": "config/customers/contoso/3/0",
        "customer": "contoso",
        "at": "2026-11-23T12:27:30Z",
        "switch": 1,
        "type": "SwitchRequested",
        "service": "config",
        "action": "SwitchRequested",
        "actor": actor,
        "address": BY.address,
        "data": data | {"inviter": actor},
    }


def bulk() -> Any:
    counts = {"all": 11, "problem": 0, "waiting": 8, "refused": 0, "invited": 3, "replaced": 0}
    made = BulkOperation(
        id=BULK,
        kind="switch",
        name="Autumn",
        by=BY,
        count=11,
        problems=0,
        created_at=NOW,
        forget_at=NOW,
        state="paused",
        begun_at=NOW,
        place=3,
        done=3,
    )
    return to_jsonable_python(bulk_operations.bulk(made, counts))


def bulk_rows() -> Any:
    row = Row(line=2, customer="contoso", email="admin@contoso.example", name="Avery Admin", outcome=DONE, switch=1)
    return {
        "items": [
            to_jsonable_python(
                bulk_operations.row(Shown(place=0, row=row, state="completed", customer=_customer().state))
            )
        ],
        "next": None,
    }


def events() -> str:
    return (
        'id: 3:1042\ndata: {"specversion": "1.0", "id": "config/customers/contoso/3/0", "type": "SwitchRequested", '
        '"source": "/tokenswitch/config/customers", "time": "2026-11-23T12:27:30.000Z", '
        '"data": {"customer": "contoso", "switch": 1}}\n\n'
    )


def answered(
    example: Any, description: str = "As asked.", kind: str = "application/json", csv: str | None = None
) -> dict[str, Any]:
    """A response of the document. `csv`: it may be asked for as such, too."""
    more = {"text/csv": {"example": csv}} if csv else {}
    return {"description": description, "content": {kind: {"example": example}, **more}}
