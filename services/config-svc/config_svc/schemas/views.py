"""What API and pages show of a customer: models made of its document. Never a secret, never an invitation's link."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from config_svc.domain.model import Customer, Failure, Grant, Mail, Status, Switch, SwitchState, TenantState, Waiting
from shared.contracts.events import Account, InForce, Method, Person, Target
from shared.contracts.reasons import Retry, Who, explain
from shared.contracts.roles import role_name, role_names
from shared.store.store import StoredDocument

API = "/api/v1"
Step = Literal["requested", "invited", "opened", "authenticating", "completed"]
StepState = Literal["done", "current", "todo"]
STEPS: tuple[Step, ...] = ("requested", "invited", "opened", "authenticating", "completed")
STEPS_WITHOUT_INVITATION: tuple[Step, ...] = ("requested", "authenticating", "completed")


class View(BaseModel):
    """The base of what is answered."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    @classmethod
    def _made(cls, source: object, **given: object) -> Self:
        """From the attributes of the source that bear the names of fields, and from what is given beside them."""
        names = cls.model_fields.keys() - given.keys()
        return cls.model_validate({name: getattr(source, name) for name in names} | given)


def _absent(description: str) -> Any:
    """A field that is left out where it has no value."""
    return Field(default=None, exclude_if=lambda value: value is None, description=description)


class ReasonView(View):
    """A code of the table of failures with its sentence, who must act, and whether another try helps."""

    code: str
    sentence: str
    who_must_act: Who
    retryable: bool
    retry: Retry
    """wait: the same later; new: a new sign-in at once; fix: after somebody changed something; no: never."""

    @classmethod
    def of(cls, code: str, **more: object) -> Self:
        reason = explain(code)
        return cls._made(reason, code=code, who_must_act=reason.who, **more)


class FailureView(ReasonView):
    """Why the last sign-in or check failed."""

    at: datetime
    aadsts: int | None
    """Microsoft's number of the error."""
    correlation_id: str | None
    """What to quote to Microsoft."""
    account: Account | None

    @classmethod
    def of_failure(cls, failure: Failure | None) -> Self | None:
        if failure is None:
            return None
        more = {name: getattr(failure, name) for name in ("at", "aadsts", "correlation_id", "account")}
        return cls.of(failure.reason, **more)


class WaitingView(ReasonView):
    """Microsoft has not answered about what is in force: `status` and its reason are those of its last answer."""

    since: datetime
    next_try: datetime
    correlation_id: str | None
    """What to quote to Microsoft."""

    @classmethod
    def of_waiting(cls, waiting: Waiting | None) -> Self | None:
        if waiting is None:
            return None
        more = {name: getattr(waiting, name) for name in ("since", "next_try", "correlation_id")}
        return cls.of(waiting.reason, **more)


class RoleView(View):
    """A role of Entra ID by its template id, with Microsoft's name of it."""

    id: str
    name: str

    @classmethod
    def of(cls, id: str) -> Self:
        return cls(id=id, name=role_name(id))


class RegistrationView(View):
    """The customer's own app registration; its secret is never shown."""

    client_id: str
    has_secret: bool
    secret_expires_on: date | None
    secret_days_left: int | None
    """Whole days; negative once it has expired."""
    revision: int

    @classmethod
    def of(cls, customer: Customer, now: datetime) -> Self | None:
        if customer.client_id is None:
            return None
        left = days_left(customer.secret_expires_on, now)
        return cls._made(customer, has_secret=customer.secret, secret_days_left=left)


class GrantView(View):
    """The token in force: who gave it, with which roles, and until when it lives without a refresh."""

    id: str
    user_name: str
    account: Account
    method: Method
    roles: tuple[RoleView, ...]
    scopes: tuple[str, ...]
    created_at: datetime
    expires_at: datetime
    lost: bool

    @classmethod
    def of(cls, grant: Grant) -> Self:
        roles = tuple(RoleView.of(role) for role in grant.roles)
        return cls._made(grant, user_name=grant.account.upn, roles=roles, created_at=grant.claimed_at)


class StepView(View):
    """One step of a switch."""

    step: Step
    state: StepState
    at: datetime | None


class SwitchSummary(View):
    """The customer's current or last switch, in short."""

    number: int
    state: SwitchState
    to: Target

    @classmethod
    def of(cls, switch: Switch | None) -> Self | None:
        return cls._made(switch) if switch else None


class SwitchView(View):
    """The customer's current or last switch."""

    number: int
    to: Target
    renew: bool
    state: SwitchState
    running: bool
    requested_at: datetime
    expires_at: datetime
    ended_at: datetime | None
    reason: ReasonView | None
    """Why it failed or ran out."""
    cancelled_because: str | None
    invitee: Person | None
    locale: str
    reference: str | None
    methods: tuple[Method, ...]
    """Those that the invitee may choose from; all where it is empty."""
    generation: int
    """The number of the invitation: each resend raises it."""
    invited_at: datetime | None
    opened_at: datetime | None
    attempt: int
    method: Method | None
    step: str | None
    mail: Mail
    last_failure: FailureView | None
    account: Account | None
    progress: tuple[StepView, ...]

    @classmethod
    def of(cls, switch: Switch | None) -> Self | None:
        if switch is None:
            return None
        reason = switch.reason if switch.state in ("failed", "expired") else None
        return cls._made(
            switch,
            running=switch.live,
            reason=ReasonView.of(reason) if reason else None,
            cancelled_because=switch.reason if switch.state == "cancelled" else None,
            last_failure=FailureView.of_failure(switch.failure),
            progress=progress(switch),
        )


class DelayView(View):
    """Events of this customer wait for Kafka since then."""

    since: datetime


class LinksView(View):
    """Addresses below this host."""

    self: str
    timeline: str
    events: str
    validation: str
    switch: str
    page: str
    resend: str | None = _absent("While an invitation runs.")
    link: str | None = _absent("While an invitation runs.")

    @classmethod
    def of(cls, customer: Customer) -> Self:
        here = f"{API}/customers/{customer.id}"
        invited = customer.running is not None and customer.running.invited
        return cls(
            self=here,
            timeline=f"{here}/timeline",
            events=f"{API}/events?customer={customer.id}",
            validation=f"{here}/validation",
            switch=f"{here}/switch",
            page=f"/customers/{customer.id}",
            resend=f"{here}/switch/resend" if invited else None,
            link=f"{here}/switch/link" if invited else None,
        )


class CustomerView(View):
    """A customer: master data, the method in force and whether it works, the current or last switch."""

    id: str
    name: str
    reference: str | None
    edition: int
    """Counts changes of the master data: the ETag."""
    registered_at: datetime | None
    tenant: str
    tenant_id: str | None
    tenant_state: TenantState
    tenant_problem: ReasonView | None
    method: InForce
    status: Status
    status_at: datetime | None
    status_reason: FailureView | None
    waiting: WaitingView | None
    validation: str | None
    """The `request` of the validation that runs or ran last."""
    app_registration: RegistrationView | None
    grant: GrantView | None
    roles: tuple[str, ...]
    """Names of the grant's roles."""
    secret_expires_on: date | None
    secret_days_left: int | None
    """Whole days; negative once it has expired."""
    switch: SwitchView | None
    delayed: DelayView | None
    links: LinksView

    @classmethod
    def of(cls, found: StoredDocument[Customer], now: datetime) -> Self:
        customer = found.state
        return cls._made(
            customer,
            **_common(found, now),
            tenant_problem=ReasonView.of(customer.tenant_reason) if customer.tenant_reason else None,
            validation=customer.request,
            app_registration=RegistrationView.of(customer, now),
            grant=GrantView.of(customer.grant) if customer.grant else None,
            roles=tuple(role_names(customer.grant.roles)) if customer.grant else (),
            switch=SwitchView.of(customer.switch),
        )


class CustomerSummary(View):
    """A customer as a row of a list."""

    id: str
    name: str
    reference: str | None
    edition: int
    tenant: str
    tenant_id: str | None
    tenant_state: TenantState
    method: InForce
    status: Status
    status_at: datetime | None
    status_reason: FailureView | None
    waiting: WaitingView | None
    secret_expires_on: date | None
    secret_days_left: int | None
    delayed: DelayView | None
    links: LinksView
    switch: SwitchSummary | None

    @classmethod
    def of(cls, found: StoredDocument[Customer], now: datetime) -> Self:
        return cls._made(found.state, **_common(found, now), switch=SwitchSummary.of(found.state.switch))


def _common(found: StoredDocument[Customer], now: datetime) -> dict[str, object]:
    customer = found.state
    return {
        "status_at": customer.checked_at,
        "status_reason": FailureView.of_failure(customer.failure),
        "waiting": WaitingView.of_waiting(customer.waiting),
        "secret_days_left": days_left(customer.secret_expires_on, now),
        "delayed": DelayView(since=found.delayed) if found.delayed else None,
        "links": LinksView.of(customer),
    }


class InvitationView(View):
    """A row of Pending Invitations: the invitation's dates, and those of the token that it led to."""

    id: str
    customer: str
    customer_name: str
    switch: int
    to: Target
    state: SwitchState
    full_name: str
    invitation_email: str
    m365_admin_email: str | None
    email_sent: Literal["queued", "sent", "failed"]
    email_why: str | None
    email_sent_count: int
    created_at: datetime
    expires_at: datetime
    token_created_at: datetime | None
    token_expires_at: datetime | None
    device_authenticated: bool
    method: Method | None
    age_seconds: int
    reference: str | None
    locale: str
    generation: int
    delayed: DelayView | None
    links: LinksView

    @classmethod
    def of(cls, found: StoredDocument[Customer], now: datetime) -> Self:
        customer, switch = found.state, found.state.switch
        if switch is None or switch.invitee is None:
            raise ValueError(f"{customer.id} has no invitation")
        token = customer.grant if switch.state == "completed" and switch.to == "token" else None
        return cls._made(
            switch,
            id=f"{customer.id}/{switch.number}",
            customer=customer.id,
            customer_name=customer.name,
            switch=switch.number,
            full_name=switch.invitee.name,
            invitation_email=switch.invitee.email,
            m365_admin_email=switch.account.upn if switch.account else None,
            email_sent=switch.mail.state,
            email_why=switch.mail.why,
            email_sent_count=switch.mail.count,
            created_at=switch.requested_at,
            token_created_at=token.claimed_at if token else None,
            token_expires_at=token.expires_at if token else None,
            device_authenticated=switch.state == "completed",
            age_seconds=max(0, int((now - switch.requested_at).total_seconds())),
            delayed=DelayView(since=found.delayed) if found.delayed else None,
            links=LinksView.of(customer),
        )


def days_left(day: str | None, now: datetime) -> int | None:
    """Whole days until a date; negative once it has passed."""
    return (date.fromisoformat(day) - now.astimezone(UTC).date()).days if day else None


def progress(switch: Switch) -> tuple[StepView, ...]:
    """The switch as a line of steps. One without an invitation has no steps of one."""
    names = STEPS if switch.invited else STEPS_WITHOUT_INVITATION
    times: Mapping[Step, datetime | None] = {
        "requested": switch.requested_at,
        "invited": switch.invited_at,
        "opened": switch.opened_at,
        "completed": switch.ended_at,
    }
    reached = len(names) if switch.state == "completed" else _reached(switch, names)
    rest: StepState = "current" if switch.live else "todo"
    steps: list[StepView] = []
    for place, name in enumerate(names):
        state: StepState = "done" if place < reached else rest if place == reached else "todo"
        steps.append(StepView(step=name, state=state, at=times.get(name) if state != "todo" else None))
    return tuple(steps)


def _reached(switch: Switch, names: tuple[Step, ...]) -> int:
    """The place of the step at hand; of an ended switch that of the first step not done."""
    if switch.live:
        return next((place for place, name in enumerate(names) if name == switch.state), 0)
    done = {
        "requested": True,
        "invited": switch.invited_at,
        "opened": switch.opened_at,
        "authenticating": switch.attempt,
    }
    return max(place for place, name in enumerate(names) if place == 0 or done.get(name)) + 1
