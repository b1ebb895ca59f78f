"""Switches in the middle of everything, and how each goes on to its one end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import httpx

from tests.e2e.e2e_kit import Body, Customer, World
from tests.e2e.e2e_pages import NO_CERTIFICATES, Invitee, Page, code_on
from tests.e2e.e2e_wait import wait_for
from tests.system import SERVICES

LONG = 60.0


@dataclass
class InFlight:
    """One customer's switch, stopped at some point of its way; `goes_on` takes it to its end."""

    customer: Customer
    goes_on: Callable[[], Awaitable[None]]


async def requested(world: World) -> InFlight:
    """Asked for this moment: not even the first event need be on its way."""
    customer = await world.customer()
    await world.request(customer)

    async def go_on() -> None:
        invitee = world.browser()
        await invitee.open(await world.link(customer, timeout=LONG))
        await by_code(world, customer, invitee)

    return InFlight(customer, go_on)


async def opened(world: World) -> InFlight:
    customer = await world.customer()
    invitee = await world.invited(customer)
    return InFlight(customer, lambda: by_code(world, customer, invitee))


async def started(world: World) -> InFlight:
    """`Start authentication` was pressed this moment."""
    customer = await world.customer()
    invitee = await world.invited(customer)
    await invitee.send(await invitee.get("/w/device"), "/w/device", user_name=customer.user("admin"))

    async def go_on() -> None:
        page = await invitee.until("code", timeout=LONG)
        await approved(world, customer, page)
        await ends(world, customer, invitee)

    return InFlight(customer, go_on)


async def code_pending(world: World) -> InFlight:
    customer = await world.customer()
    invitee = await world.invited(customer)
    code = await invitee.ask_code(customer.user("admin"))

    async def go_on() -> None:
        """The very code that was shown before."""
        await world.approve(code, customer.user("admin"))
        await ends(world, customer, invitee)

    return InFlight(customer, go_on)


async def approved_just_now(world: World) -> InFlight:
    customer = await world.customer()
    invitee = await world.invited(customer)
    await world.approve(await invitee.ask_code(customer.user("admin")), customer.user("admin"))
    return InFlight(customer, lambda: ends(world, customer, invitee))


async def redeeming(world: World) -> InFlight:
    """The authorization code is at Microsoft, whose answer will never come: spent or not, nobody can know."""
    customer = await world.customer()
    invitee = await world.invited(customer)
    back = await world.sim("authorize", url=await invitee.ask_sign_in(), account=customer.user("admin"))
    await world.sim("faults", where="poll", code="silent", tenant=customer.tid, times=10, seconds=30)
    await invitee.come_back(back["redirect"])

    async def marked() -> bool:
        access = await world.document("auth", "access", customer.id)
        return bool(access["attempt"]["state"] == "redeeming")

    await wait_for(marked, "mark before redemption")

    async def go_on() -> None:
        """Once more, by the button; unless the answer was waited for after all."""
        await world.entra.delete("/_sim/faults")
        page = await invitee.until("choose", "done", timeout=LONG)
        if page.screen == "choose":
            assert "sign in once more" in page.words, page.words
            url = await invitee.ask_sign_in(LONG)
            again = await world.sim("authorize", url=url, account=customer.user("admin"))
            await invitee.come_back(again["redirect"])
        await ends(world, customer, invitee)

    return InFlight(customer, go_on)


POINTS = (requested, opened, started, code_pending, approved_just_now, redeeming)


async def everywhere(world: World) -> list[InFlight]:
    """A switch at each point of the way, all at once."""
    return list(await asyncio.gather(*(point(world) for point in POINTS)))


# --- going on ------------------------------------------------------------------------------------------


async def by_code(world: World, customer: Customer, invitee: Invitee) -> None:
    await world.approve(await invitee.ask_code(customer.user("admin"), LONG), customer.user("admin"))
    await ends(world, customer, invitee)


async def approved(world: World, customer: Customer, page: Page) -> None:
    await world.approve(code_on(page), customer.user("admin"))


async def ends(world: World, customer: Customer, invitee: Invitee) -> None:
    """`Done`; only a code that was spent without an answer is asked for once more."""
    page = await invitee.until("done", "choose", timeout=LONG)
    if page.screen == "choose":
        assert "sign in once more" in page.words, page.words
        await world.approve(await invitee.ask_code(customer.user("admin"), LONG), customer.user("admin"))
        await invitee.until("done", timeout=LONG)
    await world.until(customer, timeout=LONG, switch="completed", method="token")


async def completes_once(world: World, switch: InFlight) -> None:
    await switch.goes_on()
    said = await world.said(switch.customer)
    counted = {name: said.count(name) for name in ("SwitchRequested", "TokenClaimed", "SwitchCompleted")}
    assert counted == {"SwitchRequested": 1, "TokenClaimed": 1, "SwitchCompleted": 1}, said

    async def in_force() -> bool:
        """auth-svc hears of the verdict in its own time."""
        access = await world.document("auth", "access", switch.customer.id)
        return bool(access["grant"] and access["in_force"] == "token" and not access.get("proposed"))

    await wait_for(in_force, "grant in force", LONG)
    mails = await world.mails(switch.customer.user("admin"))
    assert len({mail["MessageID"] for mail in mails if "/i/" in mail["Text"]}) == 1, "one invitation"


async def all_complete(world: World, switches: list[InFlight]) -> None:
    await asyncio.gather(*(completes_once(world, switch) for switch in switches))


# --- what services say of themselves --------------------------------------------------------------------


async def readyz(world: World, service: str) -> tuple[int, Body]:
    async with httpx.AsyncClient(
        base_url=world.system.base(service), trust_env=False, timeout=20, verify=NO_CERTIFICATES
    ) as client:
        answer = await client.get("/readyz")
    return answer.status_code, dict(answer.json())


async def says_away(world: World, part: str, *services: str, ready: int = 503, timeout: float = 40) -> None:
    """Each of them names the part that is away."""

    async def one(service: str) -> Any:
        async def look() -> bool:
            status, said = await readyz(world, service)
            return status == ready and said["parts"].get(part, "ok") not in ("ok", "starting")

        return await wait_for(look, f"{service} saying that {part} is away", timeout)

    await asyncio.gather(*(one(service) for service in services))


async def all_ready(world: World) -> None:
    await asyncio.to_thread(world.system.await_ready, *SERVICES)
