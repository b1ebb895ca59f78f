"""Which screen an invitation shows at a moment, and what stands on it. Pure; the pages render it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from invite_svc.domain.model import MAX_CODES, Attempt, Invitation
from invite_svc.pages.texts import HELP_IN, OTHER_ACCOUNT, PERMISSIONS, TROUBLE_OF, WHO
from shared.contracts.events import Method
from shared.contracts.reasons import Reason, classify, explain
from shared.contracts.roles import role_names
from shared.i18n.marks import N_

SLOW_AFTER, STUCK_AFTER = timedelta(seconds=10), timedelta(seconds=60)
Say = Callable[[str], str]
Pace = Literal["", "slow", "stuck"]

ORDER: tuple[Method, ...] = ("sign_in", "device_code", "app_registration")
SCREENS = {"preparing": "preparing", "code": "code", "sign_in": "ready", "returned": "checking"}
STEPS = (N_("Invitation"), N_("Choose a way"), N_("Sign in"), N_("Done"))
STEP_OF = {
    "choose": 1,
    "preparing": 2,
    "code": 2,
    "code_over": 2,
    "ready": 2,
    "ready_over": 2,
    "checking": 2,
    "finishing": 3,
    "done": 4,
}


@dataclass(frozen=True, slots=True)
class Screen:
    """`name`: its template under screens/. `pace`: it takes longer than usual, or too long. `final`: the last one."""

    name: str
    pace: Pace = ""
    final: bool = False

    @property
    def seconds(self) -> int:
        """How often the page looks again."""
        return 3 if self.name == "choose" else 1


def screen(invitation: Invitation, now: datetime) -> Screen:
    """What the browser with the session sees."""
    if invitation.over:
        return Screen("done" if invitation.state == "done" else "ended", final=True)
    attempt = invitation.attempt
    if invitation.state == "finishing":
        return Screen("finishing", _pace(attempt.since if attempt else None, now))
    if attempt is None or not attempt.running:
        return Screen("ended", final=True) if invitation.expires_at <= now else Screen("choose")
    name = SCREENS.get(attempt.stage, "checking")
    if attempt.expires_at and attempt.expires_at <= now and name in ("code", "ready"):
        return Screen(f"{name}_over")
    return Screen(name, _pace(attempt.since or attempt.started_at, now))


def _pace(since: datetime | None, now: datetime) -> Pace:
    waited = now - since if since else timedelta(0)
    return "stuck" if waited >= STUCK_AFTER else "slow" if waited >= SLOW_AFTER else ""


def ended(invitation: Invitation, generation: int | None, now: datetime) -> str | None:
    """Why a validly signed link leads no further: its page; None if it does."""
    if invitation.over:
        return invitation.state
    if generation is not None and generation < invitation.generation:
        return "replaced"
    running = invitation.attempt is not None and invitation.attempt.running
    return "expired" if invitation.expires_at <= now and not running else None


def steps(name: str, say: Say) -> list[dict[str, str]]:
    current = STEP_OF.get(name, 0)
    states = ["done" if n < current else "current" if n == current else "todo" for n in range(len(STEPS))]
    return [{"label": say(label), "state": state} for label, state in zip(STEPS, states, strict=True)]


def about(invitation: Invitation, scopes: tuple[str, ...], say: Say) -> dict[str, Any]:
    """What every page may say of an invitation."""
    granted = invitation.scopes or scopes
    return {
        "inv": invitation,
        "permissions": permissions(granted, say),
        "accepted": [say(role) for role in role_names(invitation.accepted_roles)],
        "roles": [say(role) for role in role_names(invitation.roles)],
        "tenant": invitation.tenant_name or invitation.tenant_id,
        "codes_left": MAX_CODES - invitation.codes,
        "asked": invitation.asked_at is not None,
        "proven_app": invitation.proven_method == "app_registration",
    }


def permissions(scopes: tuple[str, ...], say: Say) -> list[dict[str, str]]:
    """Each permission by Microsoft's name, and in words where we have them."""
    words = ((scope, PERMISSIONS.get(scope)) for scope in _worth_naming(scopes))
    return [{"name": scope, "words": say(text) if text else ""} for scope, text in words]


def _worth_naming(scopes: tuple[str, ...]) -> list[str]:
    plain = [scope.removeprefix("https://graph.microsoft.com/") for scope in scopes]
    return [scope for scope in plain if scope not in ("openid", "profile", "email")]


def ways(invitation: Invitation) -> list[dict[str, Any]]:
    """The ways that can be chosen now, the best one first."""
    open_ways = [
        method
        for method in ORDER
        if method in invitation.methods and not (method == "device_code" and invitation.codes >= MAX_CODES)
    ]
    best = _best(invitation.attempt, open_ways)
    ordered = sorted(open_ways, key=lambda method: method != best)
    instead = best is not None and best != (open_ways[0] if open_ways else None)
    return [{"method": method, "best": method == best, "instead": instead} for method in ordered]


def _best(attempt: Attempt | None, offered: list[Method]) -> Method | None:
    """The recommended way; after a refusal the other one that the reason offers."""
    refused = attempt.method if attempt and attempt.reason and explain(attempt.reason).offer else None
    left = [method for method in offered if method != refused]
    return left[0] if left else None


def notice(invitation: Invitation, provider: str, say: Say) -> dict[str, Any] | None:
    """What became of the last attempt, if it came to nothing: what happened, who must act, what to quote."""
    attempt = invitation.attempt
    if attempt is None or attempt.running or attempt.reason is None:
        return None
    reason = explain(attempt.reason)
    return {
        "text": say(reason.sentence),
        "who": say(WHO[_who(invitation, attempt, reason)]) % {"provider": provider},
        "tone": "warning" if reason.who == "invitee" else "danger",
        "guidance": HELP_IN.get(reason.code),
        "wanted": reason.code in OTHER_ACCOUNT,
        "correlation_id": attempt.correlation_id,
        "aadsts": attempt.aadsts,
        "account": attempt.account.upn if attempt.account else None,
    }


def _who(invitation: Invitation, attempt: Attempt, reason: Reason) -> str:
    """Who has to go on: the invitee where another way is offered. The provider does not know what is reported here."""
    if reason.offer and any(way["best"] and way["method"] != attempt.method for way in ways(invitation)):
        return "another"
    return "tell" if reason.who == "operator" and attempt.stage == "stopped" else reason.who


def reported(seen: str, method: Method, number: int | None) -> str:
    """The reason for what Microsoft showed the invitee: its number says more than the closest sentence."""
    known = classify("invalid_grant", None, (number,)) if number else None
    if known and number in known.aadsts and known.who != "nobody":
        return known.code
    if seen == "code_blocked" and method == "sign_in":
        return "blocked_by_policy"
    return seen or "refused"


def can_report(attempt: Attempt | None) -> bool:
    """Whether Microsoft may be showing something that we do not hear of."""
    return attempt is not None and attempt.stage in ("code", "sign_in") and attempt.method in TROUBLE_OF
