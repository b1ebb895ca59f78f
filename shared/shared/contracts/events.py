"""Every event of Tokenswitch: its body as a frozen dataclass, its version, who emits it; and their registry.

All events travel on one topic, keyed by customer (SettingsChanged: by `settings`, bulk switches by `bulk-switches`).
Times are UTC, dates ISO strings (`2027-01-31`). A `Sealed` part is a JWE that only one service can open; no event
carries a secret in clear. New fields get a default; a field is never renamed or removed (tests/contracts hold this).

Many events have these: `switch` counts a customer's switches, `generation` the links of one's invitation, `attempt` the
sign-ins of one, each from 1. `revision` counts the changes of a customer's app registration; `grant` is the id of what
a sign-in granted. `reason` is a code of the table of reasons; `aadsts` and `correlation_id` are Microsoft's, for its
support. `invited`: the switch has an invitation. `by` is the operator; None: a deadline, or a program of ours.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, TypeVar

Service = Literal["config", "invite", "auth", "notify"]
Target = Literal["token", "app_registration"]
Method = Literal["sign_in", "device_code", "app_registration"]
InForce = Literal["app_registration", "token", "none"]
Outcome = Literal["successful", "failed"]
GRANT_LIFE = timedelta(days=90)
"""How long a grant lasts that is not refreshed: "Refresh tokens in the Microsoft identity platform"."""
CHECK_EVERY, CHECK_SPREAD = timedelta(hours=24), timedelta(hours=1)
"""How often access is proven, and by how much one customer's hour may come later than another's."""
ATTEMPT_LIMIT = timedelta(minutes=15)
"""One sign-in of an invitee, from its start to Microsoft's answer."""
Sealed = str
"""A compact JWE. Kept out of timeline, audit and SSE by `sealed_fields`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who did something, and from which network address."""

    id: str
    """The `oid` or `sub` that the operators' issuer gives."""
    name: str = ""
    email: str | None = None
    address: str | None = None


@dataclass(frozen=True, slots=True)
class Person:
    """Who is invited."""

    email: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Account:
    """Who signed in at Microsoft: identified by (tenant, oid); the user principal name is for people to
    read."""

    upn: str
    oid: str
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """A customer's own app registration. `secret_change`: the sealed `secret` replaces it, it stays, it is
    gone."""

    client_id: str
    revision: int
    secret_change: Literal["set", "kept", "removed"] = "kept"
    secret: Sealed | None = None
    secret_expires_on: str | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """The base of all events; `customer` is the Kafka key."""

    customer: str

    @property
    def key(self) -> str:
        return self.customer


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What the registry knows of a type of event."""

    cls: type[Event]
    by: Service
    version: int
    sealed_fields: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.cls.__name__


REGISTRY: dict[str, Kind] = {}
E_ = TypeVar("E_", bound=Event)


def event(by: Service, *, version: int = 1, sealed: tuple[str, ...] = ()) -> Callable[[type[E_]], type[E_]]:
    """Registers an event: which service emits it, its version, and which of its fields are sealed."""

    def register(cls: type[E_]) -> type[E_]:
        REGISTRY[cls.__name__] = Kind(cls=cls, by=by, version=version, sealed_fields=sealed)
        return cls

    return register


# --- customers and tenants ------------------------------------------------------------------------


@event("config", sealed=("registration",))
@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerRegistered(Event):
    """An operator or a program entered a customer."""

    name: str
    tenant: str
    """As it was entered: a domain or a GUID."""
    registration: Registration | None = None
    reference: str | None = None
    """The operators' own; the customer never sees it."""
    by: Actor | None = None


@event("config", sealed=("registration",))
@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerChanged(Event):
    """A customer's master data are other ones; the event holds all of them."""

    name: str
    tenant: str
    registration: Registration | None = None
    reference: str | None = None
    by: Actor | None = None


@event("config")
@dataclass(frozen=True, slots=True)
class CustomerRemoved(Event):
    """A customer is gone, with everything that is kept of it."""

    by: Actor | None = None


@event("auth")
@dataclass(frozen=True, slots=True)
class TenantResolved(Event):
    """Microsoft knows the tenant that was entered."""

    asked: str
    """As it was entered."""
    tenant_id: str


@event("auth")
@dataclass(frozen=True, slots=True, kw_only=True)
class TenantUnknown(Event):
    """Microsoft knows no such tenant."""

    asked: str
    reason: str
    correlation_id: str | None = None


@event("config")
@dataclass(frozen=True, slots=True)
class TenantPinned(Event):
    """The tenant is this customer's alone from now on."""

    asked: str
    tenant_id: str


@event("config")
@dataclass(frozen=True, slots=True)
class TenantTaken(Event):
    """The tenant is another customer's already."""

    asked: str
    tenant_id: str


@event("config")
@dataclass(frozen=True, slots=True)
class TenantReleased(Event):
    """The customer no longer wants this tenant: it was removed, or its tenant was changed."""

    tenant_id: str


# --- a switch and its verdict ---------------------------------------------------------------------


@event("config")
@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchRequested(Event):
    """`invitee` None: no invitation, auth-svc proves the stored secret by itself (attempt 1)."""

    switch: int
    to: Target
    renew: bool
    """The method stays; its access is claimed anew."""
    customer_name: str
    tenant_id: str
    methods: tuple[Method, ...]
    """Among which the invitee chooses."""
    accepted_roles: tuple[str, ...]
    """Template ids of directory roles: who signs in must hold one of them."""
    expires_at: datetime
    invitee: Person | None = None
    locale: str = "en"
    inviter: Actor | None = None
    remind_at: datetime | None = None
    revision: int = 0
    texts_version: int = 0
    """Of the provider's texts; the mails of a switch keep those that it began with."""
    tenant_name: str = ""


@event("config")
@dataclass(frozen=True, slots=True, kw_only=True)
class InvitationResendRequested(Event):
    """The invitation is to be mailed again, with a link of its own and a new time to live."""

    switch: int
    generation: int
    expires_at: datetime
    remind_at: datetime | None = None
    """None: no reminder."""
    by: Actor | None = None


@event("config")
@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchCompleted(Event):
    """`method` is what was proven; `grant` or `revision` is what comes into force; `requested_at` is when it began."""

    switch: int
    to: Target
    method: Method
    invited: bool
    grant: str | None = None
    revision: int | None = None
    account: Account | None = None
    in_force: InForce = "none"
    requested_at: datetime | None = None


@event("config")
@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchCancelled(Event):
    """An operator took a switch back, gave it to another invitee, or removed the customer."""

    switch: int
    reason: Literal["cancelled", "readdressed", "removed"]
    invited: bool
    by: Actor | None = None


@event("config")
@dataclass(frozen=True, slots=True)
class SwitchExpired(Event):
    """Nobody answered in time; nothing changes."""

    switch: int
    invited: bool


@event("config")
@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchFailed(Event):
    """A switch without an invitation could not be proven; nothing changes."""

    switch: int
    reason: str
    invited: bool
    correlation_id: str | None = None


# --- the invitation -------------------------------------------------------------------------------


@event("invite")
@dataclass(frozen=True, slots=True, kw_only=True)
class InvitationCreated(Event):
    """A switch has its invitation, and its mail is due."""

    switch: int
    generation: int
    created_at: datetime
    expires_at: datetime


@event("invite")
@dataclass(frozen=True, slots=True, kw_only=True)
class InvitationResent(Event):
    """The invitation has a new link, and its mail is due; older links lead nowhere."""

    switch: int
    generation: int
    created_at: datetime
    expires_at: datetime


@event("invite")
@dataclass(frozen=True, slots=True, kw_only=True)
class InvitationReminded(Event):
    """Nobody has answered yet, and the reminder's mail is due."""

    switch: int
    generation: int
    created_at: datetime
    expires_at: datetime


@event("invite")
@dataclass(frozen=True, slots=True, kw_only=True)
class InvitationOpened(Event):
    """The invitee began; looking at the link is not enough."""

    switch: int
    generation: int
    opened_at: datetime


@event("invite")
@dataclass(frozen=True, slots=True)
class InvitationExpired(Event):
    """A proposal: config-svc decides."""

    switch: int
    generation: int


@event("invite")
@dataclass(frozen=True, slots=True)
class InvitationRevoked(Event):
    """The invitation of a cancelled switch no longer counts."""

    switch: int
    generation: int


@event("invite")
@dataclass(frozen=True, slots=True)
class NewInvitationAsked(Event):
    """The invitee asks for another invitation."""

    switch: int
    generation: int


# --- the sign-in ----------------------------------------------------------------------------------


@event("invite", sealed=("credentials",))
@dataclass(frozen=True, slots=True, kw_only=True)
class AuthenticationStarted(Event):
    """`credentials` (app_registration only): {client_id, client_secret}, sealed for auth-svc."""

    switch: int
    attempt: int
    method: Method
    accepted_roles: tuple[str, ...]
    tenant_id: str
    login_hint: str | None = None
    credentials: Sealed | None = None


@event("invite")
@dataclass(frozen=True, slots=True, kw_only=True)
class AuthenticationStopped(Event):
    """An attempt is given up: another one began, or the invitation is over."""

    switch: int
    attempt: int
    reason: str


@event("auth", sealed=("code",))
@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceCodeIssued(Event):
    """`code`: {user_code}, sealed for invite-svc."""

    switch: int
    attempt: int
    code: Sealed
    verification_uri: str
    expires_at: datetime


@event("auth", sealed=("url",))
@dataclass(frozen=True, slots=True, kw_only=True)
class SignInReady(Event):
    """`url`: {url}, the authorization request at Microsoft, sealed for invite-svc."""

    switch: int
    attempt: int
    url: Sealed
    expires_at: datetime


@event("invite", sealed=("answer",))
@dataclass(frozen=True, slots=True, kw_only=True)
class SignInReturned(Event):
    """`answer`: the query parameters that Microsoft sent back, sealed for auth-svc."""

    switch: int
    attempt: int
    answer: Sealed


@event("auth")
@dataclass(frozen=True, slots=True, kw_only=True)
class AuthenticationFailed(Event):
    """`reason` is a code of the table of reasons; `final` ends a switch that has no invitation."""

    switch: int
    attempt: int
    method: Method
    reason: str
    aadsts: int | None = None
    correlation_id: str | None = None
    trace_id: str | None = None
    """Microsoft's, not that of our traces."""
    account: Account | None = None
    final: bool = False


@event("auth")
@dataclass(frozen=True, slots=True, kw_only=True)
class TokenClaimed(Event):
    """`expires_at`: last refresh plus 90 days, the life of the refresh token."""

    switch: int
    attempt: int
    grant: str
    account: Account
    tenant_id: str
    roles: tuple[str, ...]
    """Template ids of the accepted roles that the account holds."""
    scopes: tuple[str, ...]
    method: Method
    claimed_at: datetime
    expires_at: datetime


@event("auth")
@dataclass(frozen=True, slots=True, kw_only=True)
class AppRegistrationProven(Event):
    """`source`: the credentials entered in the wizard (`proposed`) or those on file (`stored`)."""

    switch: int
    attempt: int
    client_id: str
    source: Literal["proposed", "stored"]
    revision: int = 0


# --- validation and keep-alive --------------------------------------------------------------------


@event("config")
@dataclass(frozen=True, slots=True, kw_only=True)
class ValidationRequested(Event):
    """`revision` (app registration) or `grant` (token): what exactly is to be proven."""

    request: str
    method: InForce
    revision: int = 0
    grant: str | None = None
    by: Actor | None = None


@event("auth")
@dataclass(frozen=True, slots=True, kw_only=True)
class AuthenticationValidated(Event):
    """What ValidationRequested asked for was proven, or not."""

    request: str
    method: InForce
    outcome: Outcome
    checked_at: datetime
    revision: int = 0
    grant: str | None = None
    reason: str | None = None
    aadsts: int | None = None
    correlation_id: str | None = None


@event("auth")
@dataclass(frozen=True, slots=True, kw_only=True)
class GrantRefreshed(Event):
    """A grant was used and lives on."""

    grant: str
    refreshed_at: datetime
    expires_at: datetime


@event("auth")
@dataclass(frozen=True, slots=True, kw_only=True)
class AccessProven(Event):
    """An app registration in force was proven by the look that is due daily; for a token GrantRefreshed says so."""

    method: InForce
    proven_at: datetime
    revision: int = 0


@event("auth")
@dataclass(frozen=True, slots=True, kw_only=True)
class AccessUnanswered(Event):
    """Microsoft gave no answer about what is in force: it is asked again at `next_try`, and what is known stays."""

    method: InForce
    reason: str
    since: datetime
    """The first question that was not answered."""
    next_try: datetime
    revision: int = 0
    grant: str | None = None
    request: str | None = None
    """The ValidationRequested that ends with this."""
    aadsts: int | None = None
    correlation_id: str | None = None


@event("auth")
@dataclass(frozen=True, slots=True, kw_only=True)
class AccessNotProven(Event):
    """What is in force was refused before it was ever proven: it could not be proven. Otherwise as AccessLost."""

    customer_name: str
    method: InForce
    reason: str
    revision: int = 0
    aadsts: int | None = None
    correlation_id: str | None = None
    again: bool = False


@event("auth")
@dataclass(frozen=True, slots=True, kw_only=True)
class AccessLost(Event):
    """What was proven before can no longer be used; who must act, says the reason."""

    customer_name: str
    """For the mail."""
    method: InForce
    reason: str
    revision: int = 0
    grant: str | None = None
    aadsts: int | None = None
    correlation_id: str | None = None
    again: bool = False
    """It was said before: Microsoft was silent in between."""


@event("auth")
@dataclass(frozen=True, slots=True, kw_only=True)
class AccessRecovered(Event):
    """What was lost can be used again."""

    customer_name: str
    method: InForce
    revision: int = 0
    grant: str | None = None


@event("config")
@dataclass(frozen=True, slots=True, kw_only=True)
class SecretExpiring(Event):
    """A client secret on file runs out soon."""

    customer_name: str
    revision: int
    days_left: int
    expires_on: str
    """A date."""


# --- mail, audit, settings ------------------------------------------------------------------------


@event("notify")
@dataclass(frozen=True, slots=True, kw_only=True)
class EmailSent(Event):
    """`count`: how often a mail of this kind was sent for this switch; `switch` 0: an access notice."""

    switch: int
    kind: str
    generation: int
    tries: int
    """How often it was handed to the mail server."""
    count: int


@event("notify")
@dataclass(frozen=True, slots=True, kw_only=True)
class EmailFailed(Event):
    """`final`: it will not be tried again (refused for good, or the switch ended)."""

    switch: int
    kind: str
    generation: int
    tries: int
    why: str
    final: bool


@event("config")
@dataclass(frozen=True, slots=True, kw_only=True)
class LinkCopied(Event):
    """An operator took an invitation's address, to hand it on by another way than mail."""

    switch: int
    generation: int
    by: Actor | None = None


@event("config")
@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceChanged(Event):
    """The operator's own reference of a switch, running or ended; the customer never sees it."""

    switch: int
    reference: str | None
    by: Actor | None = None


@event("config")
@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsChanged(Event):
    """`customer` is always `settings`. `subjects` and `bodies` by language, with named placeholders only; a language
    that is missing has the standard text, an empty `sender` (an address) or `sender_name` is as notify-svc is told.
    Days are rounded up; 0: no reminder. `changed` names what is new: `texts.de`, `sender`, `life`, `reminder`,
    `accepted_roles`."""

    version: int
    subjects: dict[str, str]
    bodies: dict[str, str]
    sender: str
    life_days: int
    remind_after_days: int
    accepted_roles: tuple[str, ...]
    by: Actor | None = None
    sender_name: str = ""
    changed: tuple[str, ...] = ()


@event("config")
@dataclass(frozen=True, slots=True, kw_only=True)
class BulkSwitchBegun(Event):
    """Many customers are going to be asked to switch, one by one. `customer` is always `bulk-switches`; `count`: rows
    that will be asked."""

    bulk: str
    name: str
    count: int
    by: Actor


@event("config")
@dataclass(frozen=True, slots=True, kw_only=True)
class BulkSwitchChanged(Event):
    """`customer` is always `bulk-switches`. `change`: `paused`, `resumed`, `stopped`, `reminded`, `reminder_stopped`,
    or `ended` (all rows were asked; then nobody did it)."""

    bulk: str
    name: str
    change: str
    by: Actor | None = None
