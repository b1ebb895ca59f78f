"""A world to walk through, and the people who do."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import pytest_asyncio
from playwright.async_api import Browser, StorageState, ViewportSize

from tests.e2e.e2e_kit import Customer, World, open_world
from tests.system import WholeSystem
from tokenswitch_dev.walkthrough.browser import LAPTOP, open_window
from tokenswitch_dev.walkthrough.portal import Portal
from tokenswitch_dev.walkthrough.steps import Addresses, People, Walkthrough, begin

Walkers = Callable[..., Awaitable[Walkthrough]]


@pytest_asyncio.fixture(loop_scope="session")
async def world(system: WholeSystem) -> AsyncIterator[World]:
    system.heal()  # a replica that an end-to-end test left would work on these customers too
    opened = open_world(system)
    yield opened
    await opened.close()


@pytest.fixture(scope="session")
def addresses(system: WholeSystem) -> Addresses:
    return Addresses(system.plan.portal, system.plan.mailbox, system.plan.entra_pages)


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def operator(chromium: Browser, addresses: Addresses) -> StorageState:
    """Signed in once, for all that does not begin with the sign-in."""
    window = await open_window(chromium)
    await Portal(await window.page(), addresses.portal).sign_in("operator@provider.example")
    known = await window.context.storage_state()
    await window.context.close()
    return known


@pytest_asyncio.fixture(loop_scope="session")
async def walkers(chromium: Browser, addresses: Addresses, operator: StorageState) -> AsyncIterator[Walkers]:
    """Makes the people of a walk. At the end: nobody's console showed anything in red."""
    made: list[Walkthrough] = []

    async def make(customer: Customer, size: ViewportSize = LAPTOP, *, signed_in: bool = True) -> Walkthrough:
        who = People(customer=customer.id, name=f"Customer {customer.id}", admin=customer.user("admin"))
        made.append(await begin(chromium, addresses, who, size, operator if signed_in else None))
        return made[-1]

    yield make
    complaints = [complaint for walk in made for complaint in walk.complaints]
    for walk in made:
        await walk.close()
    assert not complaints
