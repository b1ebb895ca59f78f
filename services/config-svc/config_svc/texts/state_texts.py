"""The portal's words for states and codes, and what the page of one customer shows: pure functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from config_svc.domain.model import Customer, Switch
from config_svc.schemas.views import StepView, days_left, progress
from config_svc.texts.event_texts import METHODS
from shared.contracts.reasons import explain
from shared.i18n.marks import N_

Say = Callable[[str], str]

DELAYED_AFTER = timedelta(seconds=2)
SETTLES = timedelta(seconds=60)
SOON = 30

STEP_NAMES: Mapping[str, str] = {
    "requested": N_("Requested"),
    "invited": N_("Invited"),
    "opened": N_("Opened"),
    "authenticating": N_("Signing in"),
    "completed": N_("Completed"),
}
ATTEMPT_STEPS: Mapping[str, str] = {
    "preparing": N_("preparing"),
    "code_issued": N_("code shown"),
    "sign_in_ready": N_("at Microsoft"),
    "returned": N_("checking"),
}
WHO: Mapping[str, str] = {
    "invitee": N_("The administrator who signs in"),
    "customer_admin": N_("An administrator of the customer"),
    "operator": N_("You, the service provider"),
    "nobody": N_("Nobody: it goes on by itself"),
}
RETRY: Mapping[str, str] = {
    "wait": N_("It is tried again by itself."),
    "new": N_("A new sign-in mends it."),
    "fix": N_("It works again once that is mended; then validate again."),
    "no": N_("Trying again does not help."),
}
TENANTS: Mapping[str, str] = {
    "resolving": N_("being looked up at Microsoft"),
    "pinned": N_("found"),
    "unknown": N_("not found at Microsoft"),
    "taken": N_("belongs to another customer"),
}
ENDED: Mapping[str, tuple[str, str, str]] = {
    "cancelled": ("info", N_("The last switch was cancelled."), N_("Nothing was changed.")),
    "expired": (
        "warning",
        N_("The last invitation ran out: nobody signed in in time."),
        N_("Ask for the switch again."),
    ),
    "failed": ("danger", N_("The last switch failed."), N_("Mend the cause, then ask for it again.")),
}


def can(customer: Customer, running: Switch | None) -> dict[str, bool]:
    """Which buttons make sense."""
    free = running is None and customer.tenant_id is not None
    return {
        "validate": customer.method != "none" and customer.tenant_id is not None,
        "to_token": free and customer.method != "token",
        "to_app": free and customer.method != "app_registration",
        "renew": free and customer.method == "token",
    }


def steps(switch: Switch, say: Say) -> list[dict[str, Any]]:
    """The switch as components.html draws it."""
    return [
        {"label": say(STEP_NAMES[step.step]), "state": step.state, "note": _note(switch, step, say)}
        for step in progress(switch)
    ]


def _note(switch: Switch, step: StepView, say: Say) -> str:
    if step.step != "authenticating" or step.state == "todo" or switch.method is None:
        return ""
    method = say(METHODS[switch.method])
    doing = ATTEMPT_STEPS.get(switch.step or "") if switch.live else None
    return f"{method}, {say(doing)}" if doing else method


def attempt_problem(switch: Switch | None, say: Say) -> dict[str, str] | None:
    """Why the last sign-in failed; not while a newer one runs, nor once one succeeded."""
    if switch is None or switch.failure is None or switch.state in ("authenticating", "completed"):
        return None
    return problem(switch.failure.reason, say)


def problem(code: str | None, say: Say) -> dict[str, str] | None:
    """A failure as people read it: what, who must act, whether another try helps."""
    if code is None:
        return None
    row = explain(code)
    return {"what": say(row.sentence), "who": say(WHO[row.who]), "retry": say(RETRY[row.retry])}


def secret_note(customer: Customer, now: datetime) -> dict[str, Any] | None:
    """The secret's expiry, where it is near or past."""
    left = days_left(customer.secret_expires_on, now)
    if not customer.secret or left is None or left > SOON:
        return None
    return {"left": left, "on": customer.secret_expires_on, "expired": left <= 0}


def secret_usable(customer: Customer, now: datetime) -> bool:
    expires = customer.secret_expires_on
    return customer.secret and not (expires and date.fromisoformat(expires) <= now.astimezone(UTC).date())


def is_delayed(since: datetime | None, now: datetime) -> bool:
    """A moment of waiting is normal: only what takes longer is worth a word."""
    return since is not None and now - since > DELAYED_AFTER


def moving(customer: Customer, unsent: datetime | None, now: datetime) -> bool:
    """Something on the page is about to change by itself, or has just come to its end: its events still arrive."""
    if customer.running or unsent or customer.waiting or customer.status == "checking":
        return True
    if customer.tenant_state == "resolving":
        return True
    ended = (customer.registered_at, customer.checked_at, customer.switch.ended_at if customer.switch else None)
    return any(at is not None and now - at < SETTLES for at in ended)


def secret_gap(customer: Customer, now: datetime) -> str:
    """Why the stored app registration cannot be proven without an administrator."""
    if secret_usable(customer, now):
        return ""
    return N_("The client secret on file has expired.") if customer.secret else N_("There is no client secret on file.")


def method_choices(say: Say) -> list[dict[str, str]]:
    return [
        {
            "value": "sign_in",
            "label": say(METHODS["sign_in"]),
            "hint": say(N_("Recommended: the usual sign-in page of Microsoft.")),
        },
        {
            "value": "device_code",
            "label": say(METHODS["device_code"]),
            "hint": say(N_("A code to be entered at Microsoft; some organisations block it.")),
        },
        {
            "value": "app_registration",
            "label": say(METHODS["app_registration"]),
            "hint": say(N_("The administrator may enter an app registration instead.")),
        },
    ]
