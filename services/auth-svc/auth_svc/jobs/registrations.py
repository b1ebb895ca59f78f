"""App registrations: their secret from where it lies, and their proof."""

from __future__ import annotations

from datetime import datetime

from auth_svc.credential_store import Credentials, Safe
from auth_svc.domain.model import Registration
from auth_svc.microsoft.errors import EntraRefused
from auth_svc.microsoft.flows import Entra, Graph


def on_file(safe: Safe, customer: str, registration: Registration | None, now: datetime) -> Credentials:
    """Raises: EntraRefused (secret_missing, unreadable)."""
    if registration is None or not registration.secret:
        raise EntraRefused("secret_missing")
    if registration.jwe:
        secret = safe.registration(customer, registration.jwe, now)
    else:
        secret = safe.secret(customer, registration.vault)
    return Credentials(registration.client_id, secret)


async def prove(entra: Entra, graph: Graph, tenant: str, credentials: Credentials) -> None:
    """A token proves only the secret; what it opens must be the tenant. Raises: EntraRefused, EntraAway."""
    token = await entra.app_token(tenant, credentials.client_id, credentials.secret)
    if await graph.organization(token.value) != tenant.lower():
        raise EntraRefused("wrong_organization")
