"""Whose a tenant is: one tenant belongs to one customer; the first that resolves it keeps it until it lets go."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from config_svc.domain.model import Tenant
from shared.contracts.events import TenantPinned, TenantReleased, TenantResolved, TenantTaken
from shared.domain.rules import Change


def claim(tenant: Tenant | None, event: TenantResolved, now: datetime) -> Change[Tenant]:
    """A customer's tenant was resolved: pin it, or say that it is taken."""
    tenant = tenant or Tenant(event.tenant_id)
    if tenant.customer not in (None, event.customer):
        return Change(tenant, (TenantTaken(event.customer, event.asked, event.tenant_id),))
    pinned = TenantPinned(event.customer, event.asked, event.tenant_id)
    return Change(replace(tenant, customer=event.customer), (pinned,))


def release(tenant: Tenant | None, event: TenantReleased, now: datetime) -> Change[Tenant] | None:
    """Its customer wants it no longer. (Another customer's release changes nothing.)"""
    if tenant is None or tenant.customer != event.customer:
        return None
    return Change(replace(tenant, customer=None))
