"""What Microsoft refuses, and what we refuse: each ends as a sentence on the page, and the way on is open."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.e2e_kit import Customer, World
from tests.e2e.e2e_pages import Invitee
from tokenswitch_dev.simulator.directory.directory import GLOBAL_ADMINISTRATOR


async def refused(world: World, customer: Customer, invitee: Invitee, reason: str, words: str) -> None:
    """The wizard offers another try and says why; the operator sees the same reason; nothing is in force."""
    page = await invitee.until("choose")
    assert "did not succeed" in page.words
    assert words in page.words, page.words
    shown = await world.until(customer, switch={"state": "opened", "last_failure": {"code": reason}})
    assert shown["method"] == "app_registration"
    at_auth = await world.document("auth", "access", customer.id)
    assert at_auth.get("proposed") is None and at_auth["attempt"].get("redeemed") is None


async def goes_on(world: World, customer: Customer, invitee: Invitee) -> None:
    """The same invitation, the right account, and it completes."""
    await world.approve(await invitee.ask_code(customer.user("admin")), customer.user("admin"))
    await invitee.until("done")
    await world.until(customer, switch="completed")


async def test_an_account_without_the_role(world: World) -> None:
    customer = await world.customer()
    invitee = await world.invited(customer)
    await world.approve(await invitee.ask_code(customer.user("user")), customer.user("user"))
    await refused(world, customer, invitee, "no_role", customer.user("user"))
    await goes_on(world, customer, invitee)


async def test_a_guest_even_with_a_role(world: World) -> None:
    home = await world.tenant()
    account = {
        "upn": f"guest_{home.domain}#EXT#@own.example",
        "name": "Gale Guest",
        "roles": [GLOBAL_ADMINISTRATOR],
        "home": {"tid": home.tid, "oid": "0d9a1c5e-0000-4000-8000-000000000001", "upn": home.user("admin")},
    }
    customer = await world.customer(accounts=[account])
    invitee = await world.invited(customer)
    await world.approve(await invitee.ask_code(home.user("admin")), home.user("admin"))
    await refused(world, customer, invitee, "guest", "Guest accounts cannot approve")


async def test_an_account_of_another_tenant_is_refused_by_microsoft_itself(world: World) -> None:
    customer, other = await world.customer(), await world.tenant()
    invitee = await world.invited(customer)
    code = await invitee.ask_code(customer.user("admin"))
    said = await world.approve(code, other.user("admin"))
    assert (said["outcome"], said["code"]) == ("refused", "50020")
    assert (await invitee.get("/w")).screen == "code"
    assert (await world.approve(code, customer.user("admin")))["outcome"] == "approved"
    await invitee.until("done")


async def test_declined(world: World) -> None:
    customer = await world.customer()
    invitee = await world.invited(customer)
    await world.sim("decline", user_code=await invitee.ask_code(customer.user("admin")))
    await refused(world, customer, invitee, "declined", "cancelled the sign-in")
    await goes_on(world, customer, invitee)


async def test_a_code_that_ran_out(world: World) -> None:
    customer = await world.customer()
    invitee = await world.invited(customer)
    code = await invitee.ask_code(customer.user("admin"))
    await world.sim("faults", where="poll", code="70020", tenant=customer.tid, times=1)
    await refused(world, customer, invitee, "code_expired", "The code has expired")
    again = await invitee.ask_code(customer.user("admin"))
    assert again != code
    await world.approve(again, customer.user("admin"))
    await invitee.until("done")


async def test_declined_at_the_sign_in_button(world: World) -> None:
    customer = await world.customer()
    invitee = await world.invited(customer)
    url, account = await invitee.ask_sign_in(), customer.user("admin")
    back = await world.sim("authorize", url=url, account=account, consent=False)
    await invitee.get(back["redirect"])
    await refused(world, customer, invitee, "consent_declined", "permissions were not approved")


async def test_security_defaults_block_the_code_and_the_button_is_offered(world: World) -> None:
    """The refusal is seen in the person's browser only, so the wizard asks what Microsoft showed."""
    customer = await world.customer(device_code="security_defaults")
    invitee = await world.invited(customer)
    code = await invitee.ask_code(customer.user("admin"))
    assert (await world.approve(code, customer.user("admin")))["code"] == "530035"
    trouble = await invitee.get("/w/trouble")
    page = await invitee.send(trouble, "/w/trouble", seen="code_blocked")
    assert page.screen == "choose"
    assert page.text.index('id="way-sign_in"') < page.text.index('id="way-device_code"')
    back = await world.sim("authorize", url=await invitee.ask_sign_in(), account=customer.user("admin"))
    await invitee.get(back["redirect"])
    await invitee.until("done")
    await world.until(customer, switch="completed")


@pytest.mark.parametrize(
    "faults",
    [
        [
            {"where": "devicecode", "code": "throttle", "retry_after": 1, "times": 1},
            {"where": "poll", "code": "throttle", "retry_after": 1, "times": 1},
        ],
        [
            {"where": "devicecode", "code": "outage", "retry_after": 1, "times": 1},
            {"where": "poll", "code": "outage", "retry_after": 1, "times": 1},
            {"where": "graph", "code": "outage", "retry_after": 1, "times": 1},
        ],
    ],
    ids=["throttled", "out of order"],
)
async def test_microsofts_bad_minutes_only_take_time(world: World, faults: list[dict[str, Any]]) -> None:
    customer = await world.customer()
    invitee = await world.invited(customer)
    for fault in faults:
        await world.sim("faults", tenant=customer.tid, **fault)
    await goes_on(world, customer, invitee)
    assert "AuthenticationFailed" not in await world.said(customer)


async def test_an_entered_app_registration_that_is_wrong(world: World) -> None:
    customer = await world.customer()
    invitee = await world.invited(customer)
    await invitee.enter_app(customer.client_id, "not-the-secret")
    await refused(world, customer, invitee, "secret_wrong", "client secret is wrong")
    await invitee.enter_app(customer.client_id, customer.client_secret)
    await invitee.until("done")
    await world.until(customer, switch="completed")
