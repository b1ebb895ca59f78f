"""An invitation's life: sent again, to another address, cancelled, expired; one browser at a time."""

from __future__ import annotations

from tests.e2e.e2e_kit import World


async def test_sent_again_to_the_same_address_the_old_link_says_so(world: World) -> None:
    customer, other = await world.customer(), world.browser()
    number = await world.request(customer)
    old = await world.link(customer)
    await world.api.done("POST", f"{customer.path}/switch/resend", {"switch": number})
    new = await world.link(customer, number=2)
    assert new != old
    assert "newer" in (await other.get(old)).words
    invitee = world.browser()
    await invitee.open(new)
    await world.approve(await invitee.ask_code(customer.user("admin")), customer.user("admin"))
    await invitee.until("done")
    assert (await world.until(customer, switch="completed"))["switch"]["generation"] == 2


async def test_sent_to_another_address_it_is_the_next_switch(world: World) -> None:
    customer = await world.customer()
    number = await world.request(customer)
    old = await world.link(customer)
    body = {"switch": number, "admin_email": customer.user("teams")}
    answer = await world.api.done("POST", f"{customer.path}/switch/resend", body)
    assert answer["switch"] == number + 1
    invitee = world.browser()
    await invitee.open(await world.link(customer, customer.user("teams")))
    assert (await world.browser().get(old)).status == 410
    await world.approve(await invitee.ask_code(customer.user("teams")), customer.user("teams"))
    await invitee.until("done")
    shown = await world.until(customer, switch="completed")
    assert (shown["switch"]["number"], shown["grant"]["user_name"]) == (2, customer.user("teams"))


async def test_cancelled_while_a_code_is_pending_nothing_is_claimed(world: World) -> None:
    customer = await world.customer()
    invitee = await world.invited(customer)
    code = await invitee.ask_code(customer.user("admin"))
    await world.api.done("DELETE", f"{customer.path}/switch", params={"switch": 1})
    assert "withdrawn" in (await invitee.until("ended")).words
    await world.until(customer, switch="cancelled")
    await world.settled(customer, 1)  # until then auth-svc would still take the token
    await world.approve(code, customer.user("admin"))
    await world.mail(customer.user("admin"), "^Withdrawn:")
    assert "TokenClaimed" not in await world.said(customer)
    refused = await world.api.refused("POST", f"{customer.path}/switch/resend", {"switch": 1})
    assert refused == (409, "switch_ended")
    assert (await world.shown(customer))["method"] == "app_registration"


async def test_expired_it_says_so_and_can_be_asked_for_anew(world: World) -> None:
    short = world.system.replicas("config-svc", INVITATION_LIFE="3s")["config-svc"]
    customer = await world.customer()
    body = {"to": "token", "admin_email": customer.user("admin")}
    headers = dict(world.api.http.headers) | {"Idempotency-Key": "short-life"}
    world.system.children["invite-svc"].freeze()  # it alone ends the invitation: not before we have its link
    try:
        answer = await world.api.http.post(f"{short}{customer.path}/switch", json=body, headers=headers)
        assert answer.status_code == 202, answer.text
        link = (await world.api.done("POST", f"{customer.path}/switch/link", {"switch": 1}))["link"]
    finally:
        world.system.children["invite-svc"].thaw()
    await world.until(customer, switch="expired")
    page = await world.browser().get(link)
    assert (page.status, "expired" in page.words) == (410, True)
    await world.mail("ops@provider.example", f"{customer.id}.*expired")
    await world.switched(customer)


async def test_a_link_that_is_not_ours_and_a_second_switch_are_refused(world: World) -> None:
    customer = await world.customer()
    await world.request(customer)
    link = await world.link(customer)
    wrong = [await world.browser().get(address) for address in (link[:-2], link + "A", link.replace("/i/", "/i/B"))]
    assert {page.status for page in wrong} == {404}
    assert len({page.words for page in wrong}) == 1, "the same answer whatever is wrong"
    body = {"to": "token", "admin_email": customer.user("admin")}
    assert await world.api.refused("POST", f"{customer.path}/switch", body) == (409, "switch_running")


async def test_continued_in_another_browser_the_first_one_ends(world: World) -> None:
    customer = await world.customer()
    first = await world.invited(customer)
    code = await first.ask_code(customer.user("admin"))
    second = world.browser()
    page = await second.get(await world.link(customer))
    assert "another browser" in page.words
    await second.send(page, "/start")
    assert (await first.get("/w")).screen == "elsewhere"
    assert code not in (await first.get("/w")).text
    newer = await second.ask_code(customer.user("admin"))
    assert newer != code
    await world.approve(newer, customer.user("admin"))
    await second.until("done")
    await world.until(customer, switch="completed")
