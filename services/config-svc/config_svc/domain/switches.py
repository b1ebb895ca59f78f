"""Rules of a switch: asked for, invited, in progress, and its one verdict. The first claim, cancel or expiry wins."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from config_svc.domain.customers import known, next_secret_warning, unresolved, warn_of_secret
from config_svc.domain.model import (
    SWITCH_BACK_LIMIT,
    Customer,
    Failure,
    Grant,
    Mail,
    Switch,
    SwitchState,
    SwitchTerms,
    term_values,
)
from shared.contracts.events import (
    Account,
    Actor,
    AppRegistrationProven,
    AuthenticationFailed,
    AuthenticationStarted,
    AuthenticationStopped,
    DeviceCodeIssued,
    EmailFailed,
    EmailSent,
    Event,
    InForce,
    InvitationCreated,
    InvitationExpired,
    InvitationOpened,
    InvitationResendRequested,
    InvitationResent,
    LinkCopied,
    Method,
    Person,
    SignInReady,
    SignInReturned,
    SwitchCancelled,
    SwitchCompleted,
    SwitchExpired,
    SwitchFailed,
    SwitchRequested,
    TokenClaimed,
)
from shared.domain.rules import Change, Refused

ALL_METHODS: tuple[Method, ...] = ("sign_in", "device_code", "app_registration")
INVITATION_MAILS = ("invitation", "resend", "reminder")
_RANK: dict[SwitchState, int] = {"requested": 0, "invited": 1, "opened": 2, "authenticating": 3}


# --- commands -----------------------------------------------------------------------------------------------------


def request(customer: Customer | None, asked: SwitchTerms, now: datetime) -> Change[Customer]:
    """Begins a switch."""
    customer = known(customer)
    _may_begin(customer, asked, now)
    changed, event = _begin(customer, asked, now)
    return Change(changed, (event,), {"switch": event.switch})


def _may_begin(customer: Customer, asked: SwitchTerms, now: datetime) -> None:
    if customer.running:
        raise Refused("switch_running", f"Switch {customer.running.number} is still running; cancel or resend it.")
    if customer.tenant_id is None:
        raise unresolved(customer)
    in_force: InForce = "token" if asked.to == "token" else "app_registration"
    if asked.renew and customer.method != in_force:
        raise Refused("nothing_to_renew", "There is no such access in force to renew; leave out renew.", field="renew")
    if not asked.renew and customer.method == in_force:
        raise Refused("already", "This method is in force already; use renew to claim it anew.", field="to")
    if asked.to == "token" and "app_registration" in asked.methods and len(asked.methods) == 1:
        raise Refused(
            "methods", "An auth token needs sign_in or device_code among the methods.", status=422, field="methods"
        )
    if asked.invitee is None:
        _may_do_without_invitee(customer, asked, now)


def _may_do_without_invitee(customer: Customer, asked: SwitchTerms, now: datetime) -> None:
    if asked.to == "token":
        raise Refused(
            "admin_email_missing",
            "Name the customer's administrator who is to sign in.",
            status=422,
            field="admin_email",
        )
    if not customer.secret:
        raise Refused(
            "secret_missing",
            "There is no client secret on file; enter one, or name an administrator "
            "(admin_email) who is invited to enter it.",
            field="admin_email",
        )
    if customer.secret_expires_on and date.fromisoformat(customer.secret_expires_on) <= now.astimezone(UTC).date():
        raise Refused(
            "secret_expired",
            "The client secret on file has expired; enter a new one, or name an "
            "administrator (admin_email) who is invited to enter it.",
            field="admin_email",
        )


def _begin(customer: Customer, terms: SwitchTerms, now: datetime) -> tuple[Customer, SwitchRequested]:
    methods: tuple[Method, ...] = ("app_registration",) if terms.to != "token" else terms.methods or ALL_METHODS
    life = timedelta(seconds=terms.life_seconds) if terms.invitee else SWITCH_BACK_LIMIT
    kept = term_values(terms) | {"methods": methods}
    switch = Switch(**kept, number=customer.switches + 1, state="requested", requested_at=now, expires_at=now + life)
    event = SwitchRequested(
        customer=customer.id,
        switch=switch.number,
        to=switch.to,
        renew=switch.renew,
        customer_name=customer.name,
        tenant_id=customer.tenant_id or "",
        methods=methods,
        accepted_roles=switch.accepted_roles,
        expires_at=switch.expires_at,
        invitee=switch.invitee,
        locale=switch.locale,
        inviter=switch.inviter,
        remind_at=_remind(switch, now),
        revision=customer.revision,
        texts_version=switch.texts_version,
        tenant_name=customer.tenant,
    )
    return replace(customer, switches=switch.number, switch=switch), event


def _remind(switch: Switch, now: datetime) -> datetime | None:
    after = switch.remind_after_seconds
    return now + timedelta(seconds=after) if switch.invitee and after else None


def resend(
    customer: Customer | None, number: int, invitee: Person | None, by: Actor, now: datetime
) -> Change[Customer]:
    """Sends the invitation again; to another address it is a new switch."""
    customer, switch = _running(customer, number)
    if switch.invitee is None:
        raise Refused("no_invitation", "This switch has no invitation; it proves the stored app registration.")
    if invitee and invitee.email.casefold() != switch.invitee.email.casefold():
        return _readdress(customer, switch, invitee, by, now)
    expires = now + timedelta(seconds=switch.life_seconds)
    again = replace(switch, generation=switch.generation + 1, expires_at=expires)
    event = InvitationResendRequested(
        customer=customer.id,
        switch=number,
        generation=again.generation,
        expires_at=expires,
        remind_at=_remind(switch, now),
        by=by,
    )
    return Change(replace(customer, switch=again), (event,), {"switch": number})


def _readdress(customer: Customer, switch: Switch, invitee: Person, by: Actor, now: datetime) -> Change[Customer]:
    cancelled = SwitchCancelled(customer=customer.id, switch=switch.number, reason="readdressed", invited=True, by=by)
    changed, requested = _begin(customer, replace(switch.terms, invitee=invitee, inviter=by), now)
    return Change(changed, (cancelled, requested), {"switch": requested.switch})


def cancel(customer: Customer | None, number: int, by: Actor, now: datetime) -> Change[Customer]:
    """Ends a running switch: nothing changes, whatever is still claimed for it is erased."""
    customer, switch = _running(customer, number)
    event = SwitchCancelled(customer=customer.id, switch=number, reason="cancelled", invited=switch.invited, by=by)
    return Change(_ended(customer, switch, "cancelled", "cancelled", now), (event,), {"switch": number})


def copy_link(customer: Customer | None, number: int, by: Actor, now: datetime) -> Change[Customer]:
    """An operator takes the invitation's address; the answer holds what the link is derived from, not the link."""
    customer, switch = _running(customer, number)
    if switch.invitee is None:
        raise Refused("no_invitation", "This switch has no invitation; it proves the stored app registration.")
    event = LinkCopied(customer=customer.id, switch=number, generation=switch.generation, by=by)
    return Change(customer, (event,), {"switch": number, "generation": switch.generation})


def named(customer: Customer | None, number: int) -> tuple[Customer, Switch]:
    """The customer's current switch, running or ended, if it is the one that was named. Raises: Refused."""
    customer = known(customer)
    switch = customer.switch
    if switch is None:
        raise Refused("no_switch", "There is no switch; ask for one first.")
    if number != switch.number:
        raise Refused("switch_stale", f"The current switch is {switch.number}; look at it again.", field="switch")
    return customer, switch


def _running(customer: Customer | None, number: int) -> tuple[Customer, Switch]:
    customer, switch = named(customer, number)
    if not switch.live:
        raise Refused("switch_ended", f"This switch has ended ({switch.state}); ask for a new one.", field="switch")
    return customer, switch


# --- progress -----------------------------------------------------------------------------------------------------


def _current(customer: Customer | None, event: Any) -> Switch | None:
    """The live switch that the event belongs to; an event of another or an ended one is late."""
    switch = customer.running if customer else None
    return switch if switch and switch.number == event.switch else None


def _rise(switch: Switch, state: SwitchState) -> Switch:
    return replace(switch, state=state) if _RANK[state] > _RANK[switch.state] else switch


def _progress(customer: Customer, switch: Switch) -> Change[Customer] | None:
    return None if switch == customer.switch else Change(replace(customer, switch=switch))


def invited(
    customer: Customer | None, event: InvitationCreated | InvitationResent, now: datetime
) -> Change[Customer] | None:
    switch = _current(customer, event)
    if customer is None or switch is None or event.generation < switch.generation:
        return None
    return _progress(customer, replace(_rise(switch, "invited"), invited_at=event.created_at))


def opened(customer: Customer | None, event: InvitationOpened, now: datetime) -> Change[Customer] | None:
    switch = _current(customer, event)
    if customer is None or switch is None:
        return None
    return _progress(customer, replace(_rise(switch, "opened"), opened_at=switch.opened_at or event.opened_at))


def started(customer: Customer | None, event: AuthenticationStarted, now: datetime) -> Change[Customer] | None:
    switch = _current(customer, event)
    if customer is None or switch is None or event.attempt <= switch.attempt:
        return None
    began = replace(switch, state="authenticating", attempt=event.attempt, method=event.method, step="preparing")
    return _progress(customer, began)


_STEPS: dict[type[Event], str] = {
    DeviceCodeIssued: "code_issued",
    SignInReady: "sign_in_ready",
    SignInReturned: "returned",
}


def stepped(
    customer: Customer | None, event: DeviceCodeIssued | SignInReady | SignInReturned, now: datetime
) -> Change[Customer] | None:
    """How far the running attempt is."""
    switch = _current(customer, event)
    if customer is None or switch is None or event.attempt < switch.attempt:
        return None
    if event.attempt == switch.attempt and (switch.state != "authenticating" or switch.step == "returned"):
        return None
    moved = replace(switch, state="authenticating", attempt=event.attempt, step=_STEPS[type(event)])
    return _progress(customer, moved)


def stopped(customer: Customer | None, event: AuthenticationStopped, now: datetime) -> Change[Customer] | None:
    switch = _current(customer, event)
    if customer is None or switch is None or event.attempt < switch.attempt:
        return None
    return _progress(customer, replace(switch, state="opened", attempt=event.attempt, step=None))


def attempt_failed(customer: Customer | None, event: AuthenticationFailed, now: datetime) -> Change[Customer] | None:
    """An attempt failed: the invitee may try again. Without an invitee a final failure ends the switch."""
    switch = _current(customer, event)
    if customer is None or switch is None or event.attempt < switch.attempt:
        return None
    failure = Failure(
        reason=event.reason, at=now, aadsts=event.aadsts, correlation_id=event.correlation_id, account=event.account
    )
    if not switch.invited and event.final:
        verdict = SwitchFailed(
            customer=customer.id,
            switch=switch.number,
            reason=event.reason,
            invited=False,
            correlation_id=event.correlation_id,
        )
        ended = _ended(customer, replace(switch, failure=failure), "failed", event.reason, now)
        return Change(ended, (verdict,))
    state: SwitchState = "opened" if switch.invited else "authenticating"
    return _progress(customer, replace(switch, state=state, attempt=event.attempt, step=None, failure=failure))


def mailed(customer: Customer | None, event: EmailSent | EmailFailed, now: datetime) -> Change[Customer] | None:
    """What became of the invitation's mail. (Mails of another kind stand in the timeline.)"""
    switch = customer.switch if customer else None
    if customer is None or switch is None or switch.number != event.switch or event.kind not in INVITATION_MAILS:
        return None
    if isinstance(event, EmailSent):
        mail = Mail(state="sent", count=switch.mail.count + 1, at=now)
    else:
        mail = replace(switch.mail, state="failed" if event.final else switch.mail.state, why=event.why)
    return _progress(customer, replace(switch, mail=mail))


# --- verdicts -----------------------------------------------------------------------------------------------------


def _ended(customer: Customer, switch: Switch, state: SwitchState, reason: str | None, now: datetime) -> Customer:
    return replace(customer, switch=replace(switch, state=state, step=None, ended_at=now, reason=reason))


def claimed(customer: Customer | None, event: TokenClaimed, now: datetime) -> Change[Customer] | None:
    """A token was claimed and checked: the switch is completed, the grant is in force."""
    switch = _current(customer, event)
    if customer is None or switch is None:
        return None
    grant = Grant(
        id=event.grant,
        account=event.account,
        method=event.method,
        roles=event.roles,
        scopes=event.scopes,
        claimed_at=event.claimed_at,
        expires_at=event.expires_at,
    )
    verdict = SwitchCompleted(
        customer=customer.id,
        switch=switch.number,
        to=switch.to,
        method=event.method,
        invited=switch.invited,
        grant=event.grant,
        account=event.account,
        in_force="token",
        requested_at=switch.requested_at,
    )
    done = _completed(customer, switch, event.method, event.account, now)
    return Change(replace(done, method="token", grant=grant), (verdict,))


def proven(customer: Customer | None, event: AppRegistrationProven, now: datetime) -> Change[Customer] | None:
    """An app registration was proven: it comes into force, and a grant ends. Entered credentials are a revision."""
    switch = _current(customer, event)
    if customer is None or switch is None:
        return None
    entered = event.source == "proposed"
    revision = customer.revision + 1 if entered else customer.revision
    verdict = SwitchCompleted(
        customer=customer.id,
        switch=switch.number,
        to=switch.to,
        method="app_registration",
        invited=switch.invited,
        revision=revision,
        in_force="app_registration",
        requested_at=switch.requested_at,
    )
    done = _completed(customer, switch, "app_registration", None, now)
    done = replace(
        done, method="app_registration", grant=None, client_id=event.client_id, secret=True, revision=revision
    )
    if entered:
        done = replace(done, secret_expires_on=None, secret_warned=None)
    return Change(done, (verdict,))


def _completed(customer: Customer, switch: Switch, method: Method, account: Account | None, now: datetime) -> Customer:
    ended = _ended(customer, replace(switch, method=method, account=account, failure=None), "completed", None, now)
    return replace(ended, status="successful", checked_at=now, since=now, failure=None, waiting=None, request=None)


def expired(customer: Customer | None, event: InvitationExpired, now: datetime) -> Change[Customer] | None:
    """Nobody came in time; a resend meanwhile (a higher generation) makes this late."""
    switch = _current(customer, event)
    if customer is None or switch is None or event.generation < switch.generation:
        return None
    verdict = SwitchExpired(customer.id, switch.number, switch.invited)
    return Change(_ended(customer, switch, "expired", "too_late", now), (verdict,))


# --- deadlines ----------------------------------------------------------------------------------------------------


def deadline(customer: Customer) -> datetime | None:
    """The next time at which something is to happen by itself."""
    switch = customer.running
    ends = switch.expires_at if switch and not switch.invited else None
    return min((at for at in (ends, next_secret_warning(customer)) if at), default=None)


def on_deadline(customer: Customer | None, now: datetime) -> Change[Customer] | None:
    """Ends a switch back that got no answer in time; warns of a secret that expires."""
    if customer is None:
        return None
    switch = customer.running
    if switch and not switch.invited and switch.expires_at <= now:
        verdict = SwitchFailed(customer=customer.id, switch=switch.number, reason="too_late", invited=False)
        return Change(_ended(customer, switch, "failed", "too_late", now), (verdict,))
    return warn_of_secret(customer, now)
