"""Answers as they look, for the OpenAPI document: one invented customer, shown by the very functions that answer."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, TypeVar

from pydantic import BaseModel

from config_svc.domain.bulk_operations import DONE, BulkOperation, Row
from config_svc.domain.model import Customer, Grant, Mail, Switch
from config_svc.domain.settings import Settings, Terms
from config_svc.schemas.bulk_operations import BulkRows, BulkRowView, BulkSwitchView, Shown
from config_svc.schemas.session import Caller, SignIn
from config_svc.schemas.settings import SettingsView
from config_svc.schemas.views import CustomerSummary, CustomerView, InvitationView
from mails.texts import Text
from shared.contracts.events import Account, Actor, Person
from shared.http.pagination import Page
from shared.store.store import StoredDocument

T = TypeVar("T")
Responses = dict[int | str, dict[str, Any]]
NOW = datetime(2026, 11, 23, 12, 27, 30, tzinfo=UTC)
TENANT = "11111111-2222-4333-8444-555555555555"
ACCOUNT = Account("admin@contoso.example", "66666666-7777-4888-8999-aaaaaaaaaaaa", "Avery Admin")
BY = Actor(id="operator-1", name="Otto Operator", email="otto@provider.example", address="192.0.2.7")
ROLE = "62e90394-69f5-4237-9190-012177145e10"
BULK = "0" * 40
CALLER = Caller(id=BY.id, name=BY.name, email=BY.email, roles=("viewer", "operator"))
SIGN_IN = SignIn(
    authority="https://login.microsoftonline.com/11111111-2222-4333-8444-555555555555",
    client_id="99999999-aaaa-4bbb-8ccc-dddddddddddd",
    scopes=("api://tokenswitch/.default",),
)
EVENTS = (
    'id: 3:1042\ndata: {"specversion": "1.0", "id": "config/customers/contoso/3/0", "type": "SwitchRequested", '
    '"source": "/tokenswitch/config/customers", "time": "2026-11-23T12:27:30.000Z", '
    '"data": {"customer": "contoso", "switch": 1}}\n\n'
)


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


def customer() -> CustomerView:
    return CustomerView.of(_customer(), NOW)


def customer_summary() -> CustomerSummary:
    return CustomerSummary.of(_customer(), NOW)


def invitation() -> InvitationView:
    return InvitationView.of(_customer(), NOW)


def settings() -> SettingsView:
    terms = Terms(life=timedelta(days=7), remind_after=timedelta(days=3), accepted_roles=(ROLE,))
    subject = "{provider} asks for your approval: Microsoft 365 access for {customer}"
    return SettingsView.of(Settings(), terms, {"en": Text(subject, "Hello {invitee},\n\n...")})


def page(item: T) -> Page[T]:
    return Page(items=[item], next="eyJ2IjoxfQ.c2lnbmVk")


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


def bulk_switch() -> BulkSwitchView:
    counts = {"all": 11, "problem": 0, "waiting": 8, "refused": 0, "invited": 3, "replaced": 0}
    operation = BulkOperation(
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
    return BulkSwitchView.of(operation, counts)


def bulk_rows() -> BulkRows:
    row = Row(line=2, customer="contoso", email="admin@contoso.example", name="Avery Admin", outcome=DONE, switch=1)
    shown = Shown(place=0, row=row, state="completed", customer=_customer().state)
    return BulkRows(items=(BulkRowView.of(shown),), next=None)


def answer(
    example: object,
    description: str = "As asked.",
    *,
    status: int = 200,
    kind: str = "application/json",
    model: type[BaseModel] | None = None,
) -> Responses:
    """What a route answers, for the OpenAPI document. `model`: where it is not the status that the route declares."""
    known = {"model": model} if model else {}
    return {status: {"description": description, "content": {kind: {"example": example}}, **known}}


def json_or_csv(example: object, columns: Sequence[str]) -> Responses:
    """What a list answers: a page, or all of it as CSV."""
    responses = answer(example, "A page; with `Accept: text/csv` all rows.")
    responses[200]["content"]["text/csv"] = {"schema": {"type": "string"}, "example": ",".join(columns) + "\r\n"}
    return responses
