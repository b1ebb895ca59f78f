"""The customer document: who it is, how its tenant is reached, whether that works, and its current switch."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any, Literal

from shared.contracts.events import Account, Actor, InForce, Method, Person, Target

Status = Literal["unknown", "checking", "successful", "failed"]
TenantState = Literal["resolving", "pinned", "unknown", "taken"]
SwitchState = Literal["requested", "invited", "opened", "authenticating", "completed", "cancelled", "expired", "failed"]

LIVE: tuple[SwitchState, ...] = ("requested", "invited", "opened", "authenticating")
SWITCH_BACK_LIMIT = timedelta(minutes=15)
SECRET_WARNINGS = (30, 14, 7, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why something failed: a code of `contracts.reasons`, Microsoft's number, and the id to quote to Microsoft."""

    reason: str
    at: datetime
    aadsts: int | None = None
    correlation_id: str | None = None
    account: Account | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """Microsoft has not answered about what is in force: what is known of it stays, and it is asked again."""

    since: datetime
    next_try: datetime
    reason: str
    """A code of `contracts.reasons`: why there is no answer."""
    correlation_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """What became of the invitation's mails: how many were sent, when last, and why not if not."""

    state: Literal["queued", "sent", "failed"] = "queued"
    count: int = 0
    at: datetime | None = None
    why: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchTerms:
    """What is asked for, with the settings of that moment: a switch keeps them to its end."""

    to: Target
    inviter: Actor
    accepted_roles: tuple[str, ...]
    life_seconds: int
    """The invitation's life; a resend begins it anew."""
    invitee: Person | None = None
    """None: the app registration on file is proven, nobody is invited."""
    locale: str = "en"
    reference: str | None = None
    methods: tuple[Method, ...] = ()
    """The ways that the invitee may choose; empty: all."""
    renew: bool = False
    remind_after_seconds: int | None = None
    texts_version: int = 0
    bulk: str | None = None
    """The bulk switch that asked."""


def term_values(terms: SwitchTerms) -> dict[str, Any]:
    """The terms alone, by name; of a switch too."""
    return {field.name: getattr(terms, field.name) for field in fields(SwitchTerms)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch(SwitchTerms):
    """The customer's current or last switch."""

    number: int
    state: SwitchState
    requested_at: datetime
    expires_at: datetime
    generation: int = 1
    """Of the invitation: each resend makes the link of the one before worthless."""
    invited_at: datetime | None = None
    opened_at: datetime | None = None
    attempt: int = 0
    method: Method | None = None
    step: str | None = None
    mail: Mail = Mail()
    failure: Failure | None = None
    account: Account | None = None
    ended_at: datetime | None = None
    reason: str | None = None

    @property
    def terms(self) -> SwitchTerms:
        return SwitchTerms(**term_values(self))

    @property
    def live(self) -> bool:
        return self.state in LIVE

    @property
    def invited(self) -> bool:
        return self.invitee is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What is known of the grant in force. `expires_at`: its last refresh plus 90 days."""

    id: str
    account: Account
    method: Method
    roles: tuple[str, ...]
    scopes: tuple[str, ...]
    claimed_at: datetime
    expires_at: datetime
    lost: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """`edition` counts changes of the master data (the ETag); `revision` those of the app registration.

    `since`: from when on every look has had the outcome of the last one (`checked_at`).
    """

    id: str
    name: str
    tenant: str
    reference: str | None = None
    edition: int = 1
    tenant_id: str | None = None
    tenant_state: TenantState = "resolving"
    tenant_reason: str | None = None
    client_id: str | None = None
    secret: bool = False
    secret_expires_on: str | None = None
    secret_warned: int | None = None
    revision: int = 0
    method: InForce = "none"
    status: Status = "unknown"
    checked_at: datetime | None = None
    since: datetime | None = None
    failure: Failure | None = None
    waiting: Waiting | None = None
    request: str | None = None
    request_revision: int = 0
    request_grant: str | None = None
    grant: Grant | None = None
    switches: int = 0
    switch: Switch | None = None
    registered_at: datetime | None = None
    removed: bool = False

    @property
    def running(self) -> Switch | None:
        return self.switch if self.switch and self.switch.live else None


@dataclass(frozen=True, slots=True)
class Tenant:
    """A tenant's GUID and whose it is (None: nobody's, it was released)."""

    id: str
    customer: str | None = None
