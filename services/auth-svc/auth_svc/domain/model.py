"""The access document of a customer: its tenant, app registration, sign-in attempt, grants. Secrets are sealed here.

An `Envelope` is sealed by auth-svc's own vault, a `jwe` by the service that sent it. Rules move them, never open them.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from shared.contracts.events import CHECK_EVERY, CHECK_SPREAD, Account, InForce, Method, Target

Envelope = dict[str, Any]
AttemptState = Literal[
    "started", "code_issued", "sign_in_ready", "returned", "redeeming", "redeemed", "claimed", "failed", "stopped"
]

RETRY_AFTER, MAX_RETRY_AFTER = timedelta(minutes=1), timedelta(hours=1)
FIRST_CHECK_AFTER = timedelta(minutes=2)
"""A secret is proven so long after it was entered: Microsoft takes a moment to know a new one everywhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """A customer's own app registration."""

    client_id: str
    revision: int
    """config-svc's number of it: another one with each change; 0 for one that is only proposed."""
    jwe: str | None = None
    """Its secret as it came, until it is resealed."""
    vault: Envelope | None = None
    """Its secret, resealed."""
    secret_expires_on: str | None = None
    """The secret's last day, as YYYY-MM-DD."""
    lost: bool = False
    """Microsoft refuses it."""
    reason: str | None = None
    """Why: a code of `shared.contracts.reasons`."""
    check_at: datetime | None = None
    tries: int = 0
    """Checks in vain since the last answer of Microsoft."""
    unanswered_since: datetime | None = None
    """The first of them."""
    known_good: bool = True
    """It was proven before, so that it can be lost. (Documents from before this was kept say so by silence.)"""

    @property
    def has_secret(self) -> bool:
        return self.jwe is not None or self.vault is not None

    def proven(self, check_at: datetime) -> Registration:
        """Microsoft accepts it; it is checked again then."""
        return replace(
            self, lost=False, reason=None, tries=0, unanswered_since=None, known_good=True, check_at=check_at
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One sign-in of a switch."""

    switch: int
    number: int
    method: Method
    state: AttemptState
    started_at: datetime
    tenant_id: str
    accepted_roles: tuple[str, ...] = ()
    """Template ids; empty: those that may administer Teams."""
    login_hint: str | None = None
    """The user name that Microsoft's page begins with."""
    stored: bool = False
    """It proves the app registration on file, not one that was entered."""
    credentials: str | None = None
    """The entered app registration, as the wizard sealed it."""
    flow: Envelope | None = None
    """The pending device or code flow."""
    answer: str | None = None
    """What Microsoft sent back by the browser, as the wizard sealed it."""
    redeemed: Envelope | None = None
    """The tokens, before the checks."""
    expires_at: datetime | None = None
    """When it is over, whatever Microsoft says."""
    next: datetime | None = None
    """When its due work is to go on."""
    reason: str | None = None
    """Why it failed or was left."""

    @property
    def place(self) -> tuple[int, int]:
        return self.switch, self.number

    @property
    def open(self) -> bool:
        return self.state not in ("claimed", "failed", "stopped")


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """Delegated access that an administrator granted."""

    id: str
    switch: int
    account: Account
    tenant_id: str
    method: Method
    roles: tuple[str, ...]
    scopes: tuple[str, ...]
    cache: Envelope
    """MSAL's token cache, with the refresh token."""
    claimed_at: datetime
    expires_at: datetime
    """When the refresh token ends, unless it is used."""
    refresh_at: datetime
    rev: int = 0
    """Counts the savings of `cache`."""
    lost: bool = False
    """Microsoft refuses it."""
    reason: str | None = None
    """Why: a code of `shared.contracts.reasons`."""
    tries: int = 0
    """Refreshes in vain since the last answer of Microsoft."""
    unanswered_since: datetime | None = None
    """The first of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Validation:
    """What config-svc wants proven, and for which revision or grant the answer counts."""

    request: str
    method: InForce
    revision: int
    grant: str | None
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """All that gives access to one customer, or is about to."""

    id: str
    name: str = ""
    tenant: str = ""
    """As it was registered: a domain or a GUID."""
    tenant_id: str | None = None
    """Its GUID, once Microsoft or an operator said it."""
    resolve_at: datetime | None = None
    """When Microsoft is to be asked for the GUID."""
    resolve_tries: int = 0
    in_force: InForce = "none"
    registration: Registration | None = None
    switch: int = 0
    """The highest number of a switch that was heard of."""
    settled: int = 0
    """The highest whose verdict is known."""
    to: Target = "token"
    invited: bool = True
    attempt: Attempt | None = None
    proposed: Grant | None = None
    """A grant that waits for the verdict; it serves nobody."""
    proposed_registration: Registration | None = None
    """An app registration that was entered, and waits for the verdict."""
    grant: Grant | None = None
    """The grant in force."""
    validation: Validation | None = None
    claims: str | None = None
    """What Microsoft demanded when it refused last: the next sign-in carries it, as JSON."""
    removed: bool = False


def next_check(id: str, now: datetime) -> datetime:
    """A day from now, later by up to an hour that is always the same for the same id: so that not all come at once."""
    return now + CHECK_EVERY + timedelta(seconds=zlib.crc32(id.encode()) % CHECK_SPREAD.seconds)


def retry_at(tries: int, now: datetime) -> datetime:
    """After so many tries in vain: in 1, 2, 4 ... minutes, in an hour at most."""
    return now + min(MAX_RETRY_AFTER, RETRY_AFTER * int(2 ** min(tries, 10)))
