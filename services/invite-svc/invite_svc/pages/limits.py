"""How often the wizard may be tried: by network address in ten minutes, by tenant in a day."""

from __future__ import annotations

from datetime import timedelta

from fastapi import Request

from invite_svc.domain.model import Invitation
from invite_svc.settings import InviteSettings
from shared.domain.rules import Clock
from shared.http.client_address import client_address, rate_limit_key
from shared.http.rate_limits import Limits
from shared.http.refusals import RefusedWith, TooMany

ADDRESS_WINDOW, TENANT_WINDOW = timedelta(minutes=10), timedelta(days=1)


class WizardLimits:
    """Counts what is tried; how much is allowed is in the settings."""

    def __init__(self, limits: Limits, settings: InviteSettings, clock: Clock) -> None:
        self._limits, self._settings, self._clock = limits, settings, clock

    async def count_wrong_link(self, request: Request) -> None:
        """Raises: TooMany."""
        await self._count_address(request, "wrong link", self._settings.wrong_links_per_address)

    async def count_start(self, request: Request, invitation: Invitation) -> None:
        """One more sign-in from this address, and at this tenant, whoever begins it. Raises: Refused (429)."""
        await self._count_address(request, "start", self._settings.starts_per_address)
        tenant, limit = invitation.tenant_id.lower(), self._settings.starts_per_tenant
        try:
            await self._limits.check("tenant", tenant, limit, TENANT_WINDOW, self._clock())
        except TooMany as error:
            detail = "Too many sign-ins were begun for this organisation today; try again tomorrow."
            raise RefusedWith("tenant_busy", detail, status=429, headers=error.headers) from None

    async def _count_address(self, request: Request, name: str, limit: int) -> None:
        address = rate_limit_key(client_address(request, self._settings.proxies))
        await self._limits.check(name, address, limit, ADDRESS_WINDOW, self._clock())
