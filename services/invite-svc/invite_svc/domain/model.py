"""An invitation and its attempts: the states, what is kept of them, and the limits."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from shared.contracts.events import Account, Actor, Method, Person, SwitchRequested, Target
from shared.domain.rules import Refused

State = Literal["pending", "opened", "authenticating", "finishing", "done", "expired", "revoked"]
Stage = Literal["preparing", "code", "sign_in", "returned", "claimed", "failed", "stopped"]

MAX_CODES = 5
"""Device codes of one invitation."""
MAX_ATTEMPTS = 50
"""Sign-ins of one invitation, by any way."""
ASK_AGAIN_AFTER = timedelta(hours=1)
"""A new invitation can be asked for as often as that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """A sign-in that the wizard shows."""

    number: int
    method: Method
    stage: Stage
    started_at: datetime
    login_hint: str | None = None
    """The user name that Microsoft's page begins with."""
    sealed: str | None = None
    """The code, or the address at Microsoft, as auth-svc sealed it."""
    verification_uri: str | None = None
    """Where the code is to be entered."""
    expires_at: datetime | None = None
    """When the code or the address no longer counts."""
    reason: str | None = None
    """Why it failed or was left: a code of `shared.contracts.reasons`."""
    aadsts: int | None = None
    """Microsoft's error number."""
    correlation_id: str | None = None
    """Microsoft's, for its support."""
    account: Account | None = None
    """Who signed in."""
    since: datetime | None = None
    """When its stage began."""

    @property
    def running(self) -> bool:
        return self.stage in ("preparing", "code", "sign_in", "returned", "claimed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Invitation:
    """One invitation of one switch."""

    id: str
    """`<customer>/<switch>`."""
    customer: str
    switch: int
    state: State
    expires_at: datetime
    generation: int = 1
    """Counts its links: an older one leads no further."""
    customer_name: str = ""
    tenant_id: str = ""
    tenant_name: str = ""
    to: Target = "token"
    renew: bool = False
    invitee: Person | None = None
    locale: str = "en"
    inviter: Actor | None = None
    methods: tuple[Method, ...] = ()
    accepted_roles: tuple[str, ...] = ()
    created_at: datetime | None = None
    remind_at: datetime | None = None
    opened_at: datetime | None = None
    session: str | None = None
    """The hash of the one browser session that may go on."""
    browser: str | None = None
    """The hash of the cookie that this browser had before the session."""
    attempt: Attempt | None = None
    """The newest."""
    attempts: int = 0
    """How many were started."""
    codes: int = 0
    """How many of them were by device code."""
    expiry_proposed: int = 0
    """The generation whose expiry was proposed to config-svc."""
    asked_at: datetime | None = None
    """When the invitee asked for a new one."""
    account: Account | None = None
    """Who signed in."""
    proven_method: Method | None = None
    roles: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    access_until: datetime | None = None
    """When the grant ends, unless it is kept alive."""
    ended_at: datetime | None = None
    reason: str | None = None

    @property
    def over(self) -> bool:
        return self.state in ("done", "expired", "revoked")


def invitation_id(event: Any) -> str | None:
    """The invitation that an event of a switch concerns; None where the switch has none."""
    if getattr(event, "invited", True) is False or (isinstance(event, SwitchRequested) and event.invitee is None):
        return None
    return f"{event.customer}/{event.switch}"


def usable(invitation: Invitation | None, now: datetime) -> Invitation:
    """Raises: Refused with the way on; the codes name the pages `replaced`, `expired`, `revoked`, `done`."""
    if invitation is None:
        raise Refused("link_unknown", "This link is not valid; open it again from the newest mail.", status=404)
    if invitation.over:
        raise Refused(f"invitation_{invitation.state}", "This invitation has ended.", status=410)
    if invitation.expires_at <= now and not (invitation.attempt and invitation.attempt.running):
        raise Refused("invitation_expired", "This invitation has expired; ask for a new one.", status=410)
    return invitation
