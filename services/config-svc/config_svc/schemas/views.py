"""What pages and API show of a customer: pure functions of its document. Never a secret, never an invitation's link."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, date, datetime
from typing import Any

from config_svc.domain.model import Customer, Failure, Grant, Switch
from shared.contracts.events import Account
from shared.contracts.reasons import explain
from shared.contracts.roles import role_names
from shared.store.store import StoredDocument

API = "/api/v1"
STEPS = ("requested", "invited", "opened", "authenticating", "completed")


def customer(found: StoredDocument[Customer], now: datetime) -> dict[str, Any]:
    """A customer as the API shows it."""
    state = found.state
    return {
        "id": state.id,
        "name": state.name,
        "reference": state.reference,
        "edition": state.edition,
        "registered_at": state.registered_at,
        "tenant": state.tenant,
        "tenant_id": state.tenant_id,
        "tenant_state": state.tenant_state,
        "tenant_problem": reason(state.tenant_reason) if state.tenant_reason else None,
        "method": state.method,
        "status": state.status,
        "status_at": state.checked_at,
        "status_reason": failure(state.failure),
        "validation": state.request,
        "app_registration": registration(state, now),
        "grant": grant(state.grant),
        "roles": role_names(state.grant.roles) if state.grant else [],
        "secret_expires_on": state.secret_expires_on,
        "secret_days_left": days_left(state.secret_expires_on, now),
        "switch": switch(state.switch),
        "delayed": {"since": found.delayed} if found.delayed else None,
        "links": links(state),
    }


def brief(found: StoredDocument[Customer], now: datetime) -> dict[str, Any]:
    """A customer as a row of a list."""
    full = customer(found, now)
    names = (
        "id",
        "name",
        "reference",
        "edition",
        "tenant",
        "tenant_id",
        "tenant_state",
        "method",
        "status",
        "status_at",
        "status_reason",
        "secret_expires_on",
        "secret_days_left",
        "delayed",
        "links",
    )
    running = found.state.switch
    row = {name: full[name] for name in names}
    return row | {"switch": {"number": running.number, "state": running.state, "to": running.to} if running else None}


def registration(state: Customer, now: datetime) -> dict[str, Any] | None:
    if state.client_id is None:
        return None
    return {
        "client_id": state.client_id,
        "has_secret": state.secret,
        "secret_expires_on": state.secret_expires_on,
        "secret_days_left": days_left(state.secret_expires_on, now),
        "revision": state.revision,
    }


def days_left(day: str | None, now: datetime) -> int | None:
    """Whole days until a date; negative once it has passed."""
    return (date.fromisoformat(day) - now.astimezone(UTC).date()).days if day else None


def grant(found: Grant | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {
        "id": found.id,
        "user_name": found.account.upn,
        "account": account(found.account),
        "method": found.method,
        "roles": [{"id": id, "name": name} for id, name in zip(found.roles, role_names(found.roles), strict=True)],
        "scopes": list(found.scopes),
        "created_at": found.claimed_at,
        "expires_at": found.expires_at,
        "lost": found.lost,
    }


def account(found: Account | None) -> dict[str, Any] | None:
    return asdict(found) if found else None


def reason(code: str) -> dict[str, Any]:
    """A code of the table of failures with its sentence, who must act, and whether another try helps."""
    row = explain(code)
    return {
        "code": code,
        "sentence": row.sentence,
        "who_must_act": row.who,
        "retryable": row.retryable,
        "retry": row.retry,
    }


def failure(found: Failure | None) -> dict[str, Any] | None:
    if found is None:
        return None
    more = {"at": found.at, "aadsts": found.aadsts, "correlation_id": found.correlation_id}
    return reason(found.reason) | more | {"account": account(found.account)}


def switch(found: Switch | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {
        "number": found.number,
        "to": found.to,
        "renew": found.renew,
        "state": found.state,
        "running": found.live,
        "requested_at": found.requested_at,
        "expires_at": found.expires_at,
        "ended_at": found.ended_at,
        "reason": reason(found.reason) if found.state in ("failed", "expired") and found.reason else None,
        "cancelled_because": found.reason if found.state == "cancelled" else None,
        "invitee": asdict(found.invitee) if found.invitee else None,
        "locale": found.locale,
        "reference": found.reference,
        "methods": list(found.methods),
        "generation": found.generation,
        "invited_at": found.invited_at,
        "opened_at": found.opened_at,
        "attempt": found.attempt,
        "method": found.method,
        "step": found.step,
        "mail": {"state": found.mail.state, "count": found.mail.count, "at": found.mail.at, "why": found.mail.why},
        "last_failure": failure(found.failure),
        "account": account(found.account),
        "progress": progress(found),
    }


def progress(found: Switch) -> list[dict[str, Any]]:
    """The switch as a line of steps: done, current or todo. One without an invitation has no steps of one."""
    names = STEPS if found.invited else ("requested", "authenticating", "completed")
    times: Mapping[str, datetime | None] = {
        "requested": found.requested_at,
        "invited": found.invited_at,
        "opened": found.opened_at,
        "completed": found.ended_at,
    }
    if found.state == "completed":
        return [{"step": name, "state": "done", "at": times.get(name)} for name in names]
    reached = _reached(found, names)
    rest = "current" if found.live else "todo"
    states = ["done" if n < reached else rest if n == reached else "todo" for n in range(len(names))]
    return [
        {"step": name, "state": state, "at": times.get(name) if state != "todo" else None}
        for name, state in zip(names, states, strict=True)
    ]


def _reached(found: Switch, names: tuple[str, ...]) -> int:
    """The place of the step at hand; of an ended switch that of the first step not done."""
    if found.live:
        return names.index(found.state) if found.state in names else 0
    done = {"requested": True, "invited": found.invited_at, "opened": found.opened_at, "authenticating": found.attempt}
    return max(n for n, name in enumerate(names) if n == 0 or done.get(name)) + 1


def links(state: Customer) -> dict[str, str]:
    here = f"{API}/customers/{state.id}"
    known = {
        "self": here,
        "timeline": f"{here}/timeline",
        "events": f"{API}/events?customer={state.id}",
        "validation": f"{here}/validation",
        "switch": f"{here}/switch",
        "page": f"/customers/{state.id}",
    }
    if state.running and state.running.invited:
        known |= {"resend": f"{here}/switch/resend", "link": f"{here}/switch/link"}
    return known


def invitation(found: StoredDocument[Customer], now: datetime) -> dict[str, Any]:
    """A row of Pending Invitations: the invitation's dates, and those of the token that it led to."""
    state, of = found.state, found.state.switch
    if of is None or of.invitee is None:
        raise ValueError(f"{state.id} has no invitation")
    token = state.grant if of.state == "completed" and of.to == "token" else None
    return {
        "id": f"{state.id}/{of.number}",
        "customer": state.id,
        "customer_name": state.name,
        "switch": of.number,
        "to": of.to,
        "state": of.state,
        "full_name": of.invitee.name,
        "invitation_email": of.invitee.email,
        "m365_admin_email": of.account.upn if of.account else None,
        "email_sent": of.mail.state,
        "email_why": of.mail.why,
        "email_sent_count": of.mail.count,
        "created_at": of.requested_at,
        "expires_at": of.expires_at,
        "token_created_at": token.claimed_at if token else None,
        "token_expires_at": token.expires_at if token else None,
        "device_authenticated": of.state == "completed",
        "method": of.method,
        "age_seconds": max(0, int((now - of.requested_at).total_seconds())),
        "reference": of.reference,
        "locale": of.locale,
        "generation": of.generation,
        "delayed": {"since": found.delayed} if found.delayed else None,
        "links": links(state),
    }
