"""App registrations: their secret from where it lies, and their proof."""

from __future__ import annotations

from datetime import datetime

from auth_svc.credential_store import Credentials, CredentialStore
from auth_svc.domain.model import Registration
from auth_svc.jobs.retry import ask_again_if_challenged
from auth_svc.microsoft.errors import EntraRefused
from auth_svc.microsoft.interfaces import Entra, Graph


def stored_credentials(
    credential_store: CredentialStore, customer: str, registration: Registration | None, now: datetime
) -> Credentials:
    """Raises: EntraRefused (secret_missing, unreadable, key_missing)."""
    if registration is None or not registration.has_secret:
        raise EntraRefused("secret_missing")
    if registration.jwe:
        secret = credential_store.open_registration_secret(customer, registration.jwe, now)
    else:
        secret = credential_store.open_secret(customer, registration.vault)
    return Credentials(registration.client_id, secret)


async def prove(entra: Entra, graph: Graph, tenant: str, credentials: Credentials) -> None:
    """A token proves only the secret; what it opens must be the tenant. Raises: EntraRefused, EntraUnavailable."""

    async def ask(claims: str | None) -> None:
        token = await entra.app_token(tenant, credentials.client_id, credentials.secret, claims=claims)
        if await graph.organization(token.value) != tenant.lower():
            raise EntraRefused("wrong_organization")

    await ask_again_if_challenged(ask)
