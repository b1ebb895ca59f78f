"""What auth-svc seals and opens, by name: the contexts stand here and nowhere else.

The registration's secret is bound to its customer only, not to a revision or client id: `kept` secrets outlive a
revision, and the revision of a proposed one is not known before the verdict.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from hmac import compare_digest
from secrets import token_urlsafe
from typing import Any

from auth_svc.domain.model import Access, Attempt, Envelope, Grant, Registration
from auth_svc.microsoft.errors import EntraRefused
from auth_svc.microsoft.interfaces import Redeemed
from shared.crypto.sealed_box import Opener, Sealer, SealError
from shared.crypto.secret import Secret
from shared.crypto.signed_tokens import Signer
from shared.crypto.vault import Vault, VaultError
from shared.domain.rules import Change

PURPOSE = "sign-in-state"


@dataclass(frozen=True, slots=True)
class PendingFlow:
    """A sign-in that waits for a person, as it is kept between the steps of an attempt."""

    msal_flow: Secret[str]
    """What MSAL needs to go on."""
    interval: float
    """Seconds between two polls of a device code; 0 where nothing is polled."""
    lease: int
    """The number of the lease under which it was begun."""


@dataclass(frozen=True, slots=True)
class Credentials:
    client_id: str
    secret: Secret[str]


class CredentialStore:
    """Every `open_...` raises EntraRefused: unreadable, so that an attempt fails and may be made again; key_missing,
    for what is kept for good."""

    def __init__(self, *, vault: Vault, opener: Opener, sealer: Sealer, signer: Signer) -> None:
        self._vault, self._opener, self._sealer, self._signer = vault, opener, sealer, signer

    # --- at rest ---------------------------------------------------------------------------------------

    def seal_flow(self, customer: str, attempt: Attempt, pending: PendingFlow) -> Envelope:
        body = {"flow": pending.msal_flow.reveal(), "interval": pending.interval, "lease": pending.lease}
        return self._vault.seal(json.dumps(body).encode(), _flow(customer, attempt))

    def open_flow(self, customer: str, attempt: Attempt) -> PendingFlow:
        body = json.loads(self._opened(attempt.flow, _flow(customer, attempt)).reveal())
        return PendingFlow(Secret(body["flow"]), body["interval"], body["lease"])

    def seal_redemption(self, customer: str, attempt: Attempt, redeemed: Redeemed, now: datetime) -> Envelope:
        return self._vault.seal(redeemed.pack(now), _redeemed(customer, attempt))

    def open_redemption(self, customer: str, attempt: Attempt) -> tuple[Redeemed, datetime]:
        return Redeemed.unpack(self._opened(attempt.redeemed, _redeemed(customer, attempt)))

    def seal_token_cache(self, customer: str, grant: str, cache: Secret[str]) -> Envelope:
        return self._vault.seal(cache.reveal().encode(), _grant(customer, grant))

    def open_token_cache(self, customer: str, grant: str, envelope: Envelope) -> Secret[str]:
        return Secret(self._opened(envelope, _grant(customer, grant), "key_missing").reveal().decode())

    def seal_secret(self, customer: str, secret: Secret[str]) -> Envelope:
        return self._vault.seal(secret.reveal().encode(), _secret(customer))

    def open_secret(self, customer: str, envelope: Envelope | None) -> Secret[str]:
        return Secret(self._opened(envelope, _secret(customer), "key_missing").reveal().decode())

    def _opened(self, envelope: Envelope | None, context: str, reason: str = "unreadable") -> Secret[bytes]:
        try:
            return self._vault.open(envelope or {}, context)
        except VaultError:
            raise EntraRefused(reason) from None

    def rewrap(self, access: Access | None, now: datetime) -> Change[Access] | None:
        """The rule that brings all under the key that seals now: the same secrets, bound to the same places.

        It leaves alone what does not open: that is said when it is needed, and the old key stays.
        """
        changed = self._rewrapped(access) if access else None
        return Change(changed) if changed and changed != access else None

    def _rewrapped(self, access: Access) -> Access:
        customer = access.id

        def again(envelope: Envelope | None, context: str) -> Envelope | None:
            if envelope is None or not self._vault.needs_rewrap(envelope):
                return envelope
            with contextlib.suppress(VaultError):
                return self._vault.rewrap(envelope, context)
            return envelope

        def grant(old: Grant | None) -> Grant | None:
            return old and replace(old, cache=again(old.cache, _grant(customer, old.id)) or old.cache)

        def registration(old: Registration | None) -> Registration | None:
            return old and replace(old, vault=again(old.vault, _secret(customer)))

        def attempt(old: Attempt | None) -> Attempt | None:
            return old and replace(
                old,
                flow=again(old.flow, _flow(customer, old)),
                redeemed=again(old.redeemed, _redeemed(customer, old)),
            )

        return replace(
            access,
            grant=grant(access.grant),
            proposed=grant(access.proposed),
            attempt=attempt(access.attempt),
            registration=registration(access.registration),
            proposed_registration=registration(access.proposed_registration),
        )

    # --- from and for other services -------------------------------------------------------------------

    def open_registration_secret(self, customer: str, jwe: str, now: datetime) -> Secret[str]:
        return self._unsealed(jwe, customer, "Registration", None, now)["client_secret"]

    def open_credentials(self, customer: str, attempt: Attempt, now: datetime) -> Credentials:
        place = f"{customer}/{attempt.switch}"
        parts = self._unsealed(attempt.credentials or "", place, "AuthenticationStarted", attempt.number, now)
        return Credentials(parts["client_id"].reveal().strip().lower(), parts["client_secret"])

    def open_answer(self, customer: str, attempt: Attempt, now: datetime) -> Mapping[str, str]:
        """What the browser brought back."""
        place = f"{customer}/{attempt.switch}"
        parts = self._unsealed(attempt.answer or "", place, "SignInReturned", attempt.number, now)
        try:
            query = json.loads(parts["query"].reveal())
        except ValueError:
            raise EntraRefused("sign_in_mismatch") from None
        items = query.items() if isinstance(query, dict) else ()
        return {str(name): value for name, value in items if isinstance(value, str)}

    def seal_for_wizard(
        self, event: str, customer: str, attempt: Attempt, value: Mapping[str, str], now: datetime
    ) -> str:
        place = f"{customer}/{attempt.switch}"
        return self._sealer.seal("invite", value, customer=place, event=event, attempt=attempt.number, now=now)

    def _unsealed(
        self, token: str, customer: str, event: str, attempt: int | None, now: datetime
    ) -> dict[str, Secret[str]]:
        names = _PARTS[event]
        try:
            parts = self._opener.open(token, customer=customer, event=event, attempt=attempt, now=now)
        except SealError:
            raise EntraRefused("unreadable") from None
        if not all(parts.get(name) for name in names):
            raise EntraRefused("unreadable")
        return parts

    # --- the state of an authorization request ---------------------------------------------------------

    def new_state(self, customer: str, attempt: Attempt) -> str:
        return self._signer.sign(json.dumps([*_named(customer, attempt), token_urlsafe(16)]).encode())

    def verify_state(self, state: str, pending: PendingFlow, customer: str, attempt: Attempt) -> None:
        """It was made here, for just this attempt and flow. Raises: EntraRefused(sign_in_mismatch)."""
        payload = self._signer.read(state)
        named = json.loads(payload)[:3] if payload else None
        ours: Any = json.loads(pending.msal_flow.reveal()).get("state", "")
        same = compare_digest(str(ours).encode(), state.encode())
        if named != _named(customer, attempt) or not same:
            raise EntraRefused("sign_in_mismatch")


_PARTS = {
    "Registration": ("client_secret",),
    "AuthenticationStarted": ("client_id", "client_secret"),
    "SignInReturned": ("query",),
}


def _named(customer: str, attempt: Attempt) -> list[Any]:
    return [customer, attempt.switch, attempt.number]


def _grant(customer: str, grant: str) -> str:
    return f"grant|{customer}|{grant}"


def _secret(customer: str) -> str:
    return f"registration|{customer}|secret"


def _flow(customer: str, attempt: Attempt) -> str:
    return f"flow|{customer}|{attempt.switch}/{attempt.number}"


def _redeemed(customer: str, attempt: Attempt) -> str:
    return f"redeemed|{customer}|{attempt.switch}/{attempt.number}"
