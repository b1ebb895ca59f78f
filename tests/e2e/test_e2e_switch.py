"""The whole switch, each way through the wizard, the way back and renewal: four services, one outcome."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator

from tests.e2e.e2e_kit import Body, Customer, World
from tests.e2e.e2e_wait import wait_for

REGISTERED = ["CustomerRegistered", "TenantResolved", "TenantPinned"]
INVITED = ["SwitchRequested", "InvitationCreated", "EmailSent", "InvitationOpened", "AuthenticationStarted"]


async def agree(world: World, customer: Customer, number: int, method: str) -> None:
    """What each service's own document says of the switch, once all have heard of its end."""
    place = f"{customer.id}/{number}"
    wanted = {
        "config": ("completed", method),
        "invite": "done",
        "auth": (number, method),
        "notify": True,
        "proposed": None,
    }

    async def look() -> Body | None:
        at_config = await world.document("config", "customers", customer.id)
        at_invite = await world.document("invite", "invitations", place)
        at_auth = await world.document("auth", "access", customer.id)
        at_notify = await world.document("notify", "outgoing_mails", place)
        found = {
            "config": (at_config["switch"]["state"], at_config["method"]),
            "invite": at_invite.get("state", "done"),
            "auth": (at_auth["settled"], at_auth["in_force"]),
            "notify": at_notify.get("over", True),
            "proposed": at_auth.get("proposed") or at_auth.get("proposed_registration"),
        }
        return found if found == wanted else None

    await wait_for(look, f"agreement on {wanted}")


@contextlib.asynccontextmanager
async def stream(world: World, customer: Customer) -> AsyncIterator[list[Body]]:
    """The event stream of one customer, collected while it runs."""
    heard: list[Body] = []
    opened = asyncio.Event()

    async def listen() -> None:
        params = {"customer": customer.id}
        async with world.api.http.stream("GET", "/api/v1/events", params=params, timeout=60) as answer:
            async for line in answer.aiter_lines():
                if line.startswith("id: "):
                    opened.set()  # it says where in the log it is
                heard.extend([json.loads(line[6:])] if line.startswith("data: {") else [])

    listening = asyncio.create_task(listen())
    await asyncio.wait_for(opened.wait(), 10)
    try:
        yield heard
    finally:
        listening.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await listening


async def test_by_device_code_each_step_is_an_event_in_order_and_in_the_stream(world: World) -> None:
    customer = await world.customer()
    assert (await world.validate(customer))["status"] == "successful"
    async with stream(world, customer) as heard:
        await world.request(customer)
        link = await world.link(customer)
        await world.until(customer, switch={"mail": {"state": "sent"}})  # it is said before somebody opens the link
        invitee = world.browser()
        await invitee.open(link)
        code = await invitee.ask_code(customer.user("admin"))
        assert (await world.approve(code, customer.user("admin")))["outcome"] == "approved"
        done = await invitee.until("done")
        assert customer.user("admin") in done.words
        shown = await world.until(customer, switch="completed")
        assert (shown["method"], shown["status"], shown["switch"]["method"]) == (
            "token",
            "successful",
            "device_code",
        )
        assert shown["grant"]["user_name"] == customer.user("admin")
        await world.mail(customer.user("admin"), "^Done:")
        await agree(world, customer, 1, "token")

        async def all_said() -> list[str] | None:
            said = await world.said(customer)
            return said if said.count("EmailSent") >= 2 else None

        said = await wait_for(all_said, "mails of the end")
        steps = [name for name in said if name != "EmailSent"]
        assert steps == [
            *REGISTERED,
            "ValidationRequested",
            "AuthenticationValidated",
            "AccessProven",
            *(name for name in INVITED if name != "EmailSent"),
            "DeviceCodeIssued",
            "TokenClaimed",
            "SwitchCompleted",
        ]
        assert said.index("InvitationCreated") < said.index("EmailSent") < said.index("InvitationOpened")
        since = said[said.index("SwitchRequested") :]

        async def all_heard() -> bool:
            return [event["type"].rpartition(".")[2] for event in heard][: len(since)] == since

        await wait_for(all_heard, f"stream of {since}", told=lambda: [event["type"] for event in heard])
    assert all("code" not in event["data"] for event in heard)


async def test_by_the_sign_in_button(world: World) -> None:
    customer = await world.customer()
    invitee = await world.invited(customer)
    back = await world.sim("authorize", url=await invitee.ask_sign_in(), account=customer.user("admin"))
    page = await invitee.get(back["redirect"])
    assert "code=" not in page.url
    await invitee.until("done")
    shown = await world.until(customer, switch="completed")
    assert (shown["method"], shown["switch"]["method"]) == ("token", "sign_in")
    said = [name for name in await world.said(customer) if name != "EmailSent"]
    assert said[-4:] == ["SignInReady", "SignInReturned", "TokenClaimed", "SwitchCompleted"]
    await agree(world, customer, 1, "token")


async def test_by_an_app_registration_entered_in_the_wizard(world: World) -> None:
    customer = await world.customer()
    invitee = await world.invited(customer)
    await invitee.enter_app(customer.client_id, customer.client_secret)
    await invitee.until("done")
    shown = await world.until(customer, switch="completed")
    assert (shown["method"], shown["switch"]["method"]) == ("app_registration", "app_registration")
    said = [name for name in await world.said(customer) if name != "EmailSent"]
    assert said[-2:] == ["AppRegistrationProven", "SwitchCompleted"]
    await agree(world, customer, 1, "app_registration")
    assert (await world.validate(customer))["status"] == "successful"


async def test_the_way_back_needs_no_mail_and_erases_the_token(world: World) -> None:
    customer = await world.customer()
    await world.switched(customer)
    mails = await world.mails(customer.user("admin"))
    await world.api.done("POST", f"{customer.path}/switch", {"to": "app_registration"})
    shown = await world.until(customer, method="app_registration", switch="completed")
    assert (shown["grant"], shown["status"]) == (None, "successful")
    await agree(world, customer, 2, "app_registration")
    at_auth = await world.document("auth", "access", customer.id)
    assert at_auth.get("grant") is None
    assert len(await world.mails(customer.user("admin"))) <= len(mails) + 1, "the end of switch 1 at most"
    said = [name for name in await world.said(customer) if name != "EmailSent"]
    assert said[-3:] == ["SwitchRequested", "AppRegistrationProven", "SwitchCompleted"]


async def test_the_way_back_with_a_secret_that_is_wrong_meanwhile_fails_and_changes_nothing(
    world: World,
) -> None:
    customer = await world.customer()
    before = await world.switched(customer)
    await world.sim("secrets", client_id=customer.client_id, value="another-secret")
    await world.api.done("POST", f"{customer.path}/switch", {"to": "app_registration"})
    shown = await world.until(customer, switch="failed")
    assert shown["switch"]["reason"]["code"] == "secret_wrong"
    assert (shown["method"], shown["grant"]) == ("token", before["grant"])


async def test_renewal_claims_a_new_grant_in_place(world: World) -> None:
    customer = await world.customer()
    before = await world.switched(customer)
    assert await world.api.refused("POST", f"{customer.path}/switch", {"to": "token"}) == (409, "already")
    after = await world.switched(customer, renew=True)
    assert after["switch"]["number"] == 2
    assert after["grant"]["id"] != before["grant"]["id"]
    assert after["method"] == "token"
    await agree(world, customer, 2, "token")
