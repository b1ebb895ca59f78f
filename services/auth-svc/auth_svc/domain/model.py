"""The access document of a customer: its tenant, app registration, sign-in attempt, grants. Secrets are sealed here.

An `Envelope` is sealed by auth-svc's own vault, a `jwe` by the service that sent it. Rules move them, never open them.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from shared.contracts.events import Account, InForce, Method, Target

Envelope = dict[str, Any]
AttemptState = Literal[
    "started", "code_issued", "sign_in_ready", "returned", "redeeming", "redeemed", "claimed", "failed", "stopped"
]

ATTEMPT_LIMIT = timedelta(minutes=15)
CHECK_EVERY = timedelta(hours=24)
RETRY_AFTER = timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """A customer's own app registration; its secret as it came (`jwe`) until it is resealed (`vault`)."""

    client_id: str
    revision: int
    jwe: str | None = None
    vault: Envelope | None = None
    secret_expires_on: str | None = None
    lost: bool = False
    reason: str | None = None
    check_at: datetime | None = None
    tries: int = 0

    @property
    def secret(self) -> bool:
        return self.jwe is not None or self.vault is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One sign-in. `flow`: the pending device or code flow; `answer`: what Microsoft sent back by the browser;
    `redeemed`: the tokens before the checks. `next`: when its due work is to go on."""

    switch: int
    number: int
    method: Method
    state: AttemptState
    started_at: datetime
    tenant_id: str
    accepted_roles: tuple[str, ...] = ()
    login_hint: str | None = None
    stored: bool = False
    credentials: str | None = None
    flow: Envelope | None = None
    answer: str | None = None
    redeemed: Envelope | None = None
    expires_at: datetime | None = None
    next: datetime | None = None
    reason: str | None = None

    @property
    def place(self) -> tuple[int, int]:
        return self.switch, self.number

    @property
    def open(self) -> bool:
        return self.state not in ("claimed", "failed", "stopped")


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """A delegated token that an administrator granted; `cache` is MSAL's token cache, `rev` counts its savings."""

    id: str
    switch: int
    account: Account
    tenant_id: str
    method: Method
    roles: tuple[str, ...]
    scopes: tuple[str, ...]
    cache: Envelope
    claimed_at: datetime
    expires_at: datetime
    refresh_at: datetime
    rev: int = 0
    lost: bool = False
    reason: str | None = None
    tries: int = 0


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
    """`switch`: the highest number heard of; `settled`: the highest whose verdict is known."""

    id: str
    name: str = ""
    tenant: str = ""
    tenant_id: str | None = None
    resolve_at: datetime | None = None
    resolve_tries: int = 0
    in_force: InForce = "none"
    registration: Registration | None = None
    switch: int = 0
    settled: int = 0
    to: Target = "token"
    invited: bool = True
    attempt: Attempt | None = None
    proposed: Grant | None = None
    proposed_registration: Registration | None = None
    grant: Grant | None = None
    validation: Validation | None = None
    removed: bool = False


def with_jitter(id: str, at: datetime) -> datetime:
    """`at`, moved by up to an hour, always the same for the same id: so that daily work does not come all at once."""
    return at + timedelta(seconds=zlib.crc32(id.encode()) % 3600)
