"""Answers as they look, for the OpenAPI document: one invented customer, shown by the very functions that answer."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from pydantic_core import to_jsonable_python

from config_svc import bulk_inputs, views
from config_svc.bulk_reads import Shown
from config_svc.domain.bulks import ASKED, Bulk, Row
from config_svc.domain.model import Customer, Grant, Mail, Switch
from shared.events import Account, Actor, Person
from shared.store import Found

NOW = datetime(2026, 11, 23, 12, 27, 30, tzinfo=UTC)
TENANT = "11111111-2222-4333-8444-555555555555"
ACCOUNT = Account("admin@contoso.example", "66666666-7777-4888-8999-aaaaaaaaaaaa", "Avery Admin")
BY = Actor("operator-1", "Otto Operator", "otto@provider.example", "192.0.2.7")
ROLE = "62e90394-69f5-4237-9190-012177145e10"
BULK = "0" * 40
PROBLEMS: Mapping[int, tuple[str, str, str | None]] = {
    400: ("idempotency_key_missing",
          "Send an Idempotency-Key header: a new one for each request, the same one on a retry.", "Idempotency-Key"),
    401: ("token_missing", "Send an access token: Authorization: Bearer <token>.", None),
    403: ("role_missing", "This needs the role operator; yours: viewer. Ask an administrator of the issuer for it.",
          None),
    404: ("customer_unknown", "There is no such customer; check the id.", None),
    409: ("switch_running", "Switch 1 is still running; cancel or resend it.", None),
    410: ("removed", "This customer was removed; its timeline is kept.", None),
    412: ("edition_changed", "Somebody changed it since you read it; read it again, then repeat your change.",
          "If-Match"),
    415: ("content_type", "Send application/json.", "Content-Type"),
    422: ("invalid", "Enter an address like name@example.com.", "admin_email"),
    428: ("if_match_missing", 'Send If-Match with the ETag of the settings as you read them, like "3".', "If-Match"),
    429: ("too_many_requests", "There were too many requests for this customer in the last hour; try again later.",
          None),
    503: ("unavailable", "MongoDB is away; try again in 5 seconds.", None),
}  # fmt: skip


@cache
def _customer() -> Found[Customer]:
    switch = Switch(
        1, "token", False, "completed", NOW, NOW + timedelta(days=7), ("sign_in", "device_code"), (ROLE,), 604800,
        259200, Person("admin@contoso.example", "Avery Admin"), "en", "TICKET-17", BY, 1, NOW, NOW, 1, "sign_in",
        mail=Mail("sent", 1, NOW), account=ACCOUNT, ended_at=NOW,
    )  # fmt: skip
    grant = Grant("contoso/1/1", ACCOUNT, "sign_in", (ROLE,), ("User.Read",), NOW, NOW + timedelta(days=90))
    return Found("contoso", 7, Customer(
        "contoso", "Contoso GmbH", "contoso.onmicrosoft.com", "CRM-4711", tenant_id=TENANT, tenant_state="pinned",
        client_id="6f1d1c1e-1d8c-4f59-9d8b-6b1f9a3b6c11", secret=True, secret_expires_on="2027-06-30", revision=1,
        method="token", status="successful", checked_at=NOW, since=NOW, grant=grant, switches=1, switch=switch,
        registered_at=NOW,
    ))  # fmt: skip


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
        "_id": "config/customers/contoso/3/0", "customer": "contoso", "at": "2026-11-23T12:27:30Z", "switch": 1,
        "type": "SwitchRequested", "service": "config", "action": "SwitchRequested", "actor": actor,
        "address": BY.address, "data": data | {"inviter": actor},
    }  # fmt: skip


def bulk() -> Any:
    counts = {"all": 11, "problem": 0, "waiting": 8, "refused": 0, "invited": 3, "replaced": 0}
    made = Bulk(BULK, "Autumn", BY, 11, 0, NOW, NOW, "paused", begun_at=NOW, begun_by=BY, place=3, asked=3)
    return to_jsonable_python(bulk_inputs.bulk(made, counts))


def bulk_rows() -> Any:
    row = Row(2, "contoso", "admin@contoso.example", "Avery Admin", outcome=ASKED, switch=1)
    return {"items": [to_jsonable_python(bulk_inputs.row(Shown(0, row, "completed", _customer().state)))], "next": None}


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
