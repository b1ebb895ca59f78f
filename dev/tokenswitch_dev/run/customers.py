"""The demo customers, entered through the portal's API as a gateway would; what is there stays."""

from __future__ import annotations

import asyncio
import time

import httpx

from tokenswitch_dev.entra.demo import PROVIDER_TENANT, DemoCustomer, customers
from tokenswitch_dev.run.plan import API_AUDIENCE, System
from tokenswitch_dev.token import NoToken, bearer_token

PATIENCE = 20.0


class NotRegistered(Exception):
    """The demo customers could not be entered; the message says why."""


def customer_id(customer: DemoCustomer) -> str:
    return customer.domain.partition(".")[0]


async def register(system: System) -> int:
    """How many were new."""
    try:
        token = await asyncio.to_thread(
            bearer_token, "admin", system.authority, API_AUDIENCE, system.ca_file, PROVIDER_TENANT
        )
    except NoToken as wrong:
        raise NotRegistered(str(wrong)) from wrong
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=system.portal, headers=headers, timeout=5, trust_env=False) as portal:
        return sum([await _one(portal, customer) for customer in customers()])


async def _one(portal: httpx.AsyncClient, customer: DemoCustomer) -> bool:
    path = f"/api/v1/customers/{customer_id(customer)}"
    if (await _asked(portal, "GET", path)).status_code == 200:
        return False
    answer = await _asked(portal, "PUT", path, {
        "name": customer.name,
        "tenant": customer.domain,
        "app_registration": {"client_id": customer.client_id, "client_secret": customer.client_secret},
    })  # fmt: skip
    if answer.is_error:
        raise NotRegistered(f"{customer.name}: {answer.status_code} {answer.text[:300]}")
    return True


async def _asked(
    portal: httpx.AsyncClient, method: str, path: str, body: dict[str, object] | None = None
) -> httpx.Response:
    """The portal may be briefly away while it starts; a 503 or a refused connection is asked again."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            answer = await portal.request(method, path, json=body)
            if answer.status_code != 503 or time.monotonic() > deadline:
                return answer
        except httpx.TransportError as wrong:
            if time.monotonic() > deadline:
                raise NotRegistered(f"the portal does not answer: {wrong}") from wrong
        await asyncio.sleep(0.5)
