"""The demo customers, entered through the portal's API as a gateway would; what is there stays.

python -m tokenswitch_dev.runner.customers --portal URL --authority URL --ca-file FILE [--host NAME]
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from pathlib import Path

import httpx

from tokenswitch_dev.runner.token import NoToken, bearer_token
from tokenswitch_dev.simulator.demo import DemoCustomer, customers

TIMEOUT_SECONDS = 60.0


class NotRegistered(Exception):
    """The demo customers could not be entered; the message says why."""


def customer_id(customer: DemoCustomer) -> str:
    return customer.domain.partition(".")[0]


async def register(portal: str, authority: str, ca_file: Path, host: str | None = None) -> int:
    """How many were new. `host`: the portal's public name, where it is reached by another address."""
    try:
        token = await asyncio.to_thread(bearer_token, "admin", authority, ca_file)
    except NoToken as wrong:
        raise NotRegistered(str(wrong)) from wrong
    headers = {"Authorization": f"Bearer {token}"} | ({"Host": host} if host else {})
    async with httpx.AsyncClient(base_url=portal, headers=headers, timeout=5, trust_env=False) as client:
        return sum([await _one(client, customer) for customer in customers()])


async def _one(portal: httpx.AsyncClient, customer: DemoCustomer) -> bool:
    path = f"/api/v1/customers/{customer_id(customer)}"
    if (await _asked(portal, "GET", path)).status_code == 200:
        return False
    answer = await _asked(
        portal,
        "PUT",
        path,
        {
            "name": customer.name,
            "tenant": customer.domain,
            "app_registration": {"client_id": customer.client_id, "client_secret": customer.client_secret},
        },
    )
    if answer.is_error:
        raise NotRegistered(f"{customer.name}: {answer.status_code} {answer.text[:300]}")
    return True


async def _asked(
    portal: httpx.AsyncClient, method: str, path: str, body: dict[str, object] | None = None
) -> httpx.Response:
    """The portal may be briefly away while it starts; a 503 or a refused connection is asked again."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while True:
        try:
            answer = await portal.request(method, path, json=body)
            if answer.status_code != 503 or time.monotonic() > deadline:
                return answer
        except httpx.TransportError as wrong:
            if time.monotonic() > deadline:
                raise NotRegistered(f"the portal does not answer: {wrong}") from wrong
        await asyncio.sleep(0.5)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="tokenswitch_dev.runner.customers", description=__doc__)
    parser.add_argument("--portal", required=True)
    parser.add_argument("--authority", required=True)
    parser.add_argument("--ca-file", type=Path, required=True)
    parser.add_argument("--host")
    asked = parser.parse_args(arguments)
    try:
        new = asyncio.run(register(asked.portal, asked.authority, asked.ca_file, asked.host))
    except NotRegistered as wrong:
        print(f"The demo customers could not be registered: {wrong}", file=sys.stderr)
        return 1
    print(f"{new} demo customers registered.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
