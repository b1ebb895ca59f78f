"""Lists in a real browser: search by keyboard, rows that move without losing anything, what a page weighs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from shared.contracts.events import EmailSent, InvitationOpened
from shared.store.write_plan import WritePlan
from tests.config_svc.config_kit import Config
from tests.config_svc.pages.test_config_invitations import invite, work
from tests.config_svc.pages.test_config_pages_browser import Scene, opened
from tests.config_svc.queries.test_config_plans import customer
from tests.shared.kit.core import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")
FIRST_LOAD = 150_000
MANY = 120


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def scene(tmp_path_factory: pytest.TempPathFactory, mongo_url: str, chromium: Browser) -> AsyncIterator[Scene]:
    """Three whose administrators are invited, and many more customers, half of them asked to switch too."""
    folder: Path = tmp_path_factory.mktemp("lists")
    config = Config(folder, mongo_url, f"test_lists_{folder.name}")
    await config.prepare()
    plans = [WritePlan(id=f"c-{n:05}", version=0, state=customer(n, config)) for n in range(1, MANY)]
    await config.customers.collection.write([config.customers._mapping.write(plan, None, config.now) for plan in plans])
    config.later(minutes=5)
    await invite(config, "alpha", "beta", "gamma")
    async with opened(config, chromium) as made:
        yield made
    await config.close()


async def polled(page: Page) -> None:
    """The list has asked for itself once more."""
    async with page.expect_response(lambda answer: "/invitations/rows" in answer.url, timeout=60_000) as answer:
        pass
    await (await answer.value).finished()
    await page.wait_for_timeout(100)


async def test_a_customer_is_found_and_opened_by_keyboard_from_anywhere(scene: Scene) -> None:
    page = await scene.page("/status")
    field = page.get_by_role("combobox", name="Search customers")
    await field.focus()
    await page.keyboard.type("name")
    options = page.get_by_role("listbox", name="Customers found").get_by_role("option")
    await expect(options).to_have_count(3)
    await expect(options.first).to_contain_text("Name alpha")
    await expect(options.first).to_contain_text("alpha.example · alpha")
    await expect(page.locator("#announcer")).to_have_text("3 customers found")
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("ArrowDown")
    await expect(field).to_have_attribute("aria-activedescendant", "found-2")
    await expect(page.locator("#found [aria-selected=true]")).to_contain_text("Name beta")
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(f"{scene.base}/customers/beta")
    await page.go_back()
    await expect(page).to_have_url(f"{scene.base}/status")
    await expect(page.locator("#found")).to_be_hidden()
    await field.fill("GAMMA.example")
    await expect(options).to_have_count(1)
    await page.keyboard.press("Escape")
    await expect(options).to_have_count(0)
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(f"{scene.base}/customers?q=GAMMA.example")
    await expect(page.get_by_role("link", name="Name gamma")).to_be_visible()


async def test_the_list_moves_by_itself_and_keeps_ticks_focus_and_place(scene: Scene) -> None:
    config, page = scene.config, await scene.page("/invitations?state=pending")
    await page.evaluate("window.sameDocument = true")
    tick = page.get_by_label("Select Name beta")
    await tick.check()
    await expect(page.locator("[data-selected]")).to_have_text("1 selected")
    await page.evaluate("window.scrollTo(0, 300)")
    below = page.locator("#row-c-00021")
    await below.get_by_role("button", name="Resend Invitation").focus()
    before = await below.evaluate("row => row.getBoundingClientRect().top")
    await config.hears(
        InvitationOpened(customer="alpha", switch=1, generation=1, opened_at=config.now), "invite/invitations"
    )
    await config.hears(
        EmailSent(customer="alpha", switch=1, kind="invitation", generation=1, tries=1, count=1),
        "notify/outgoing_mails",
    )
    await expect(page.locator("#row-alpha [data-state=opened]")).to_be_visible(timeout=60_000)
    await expect(tick).to_be_checked()
    await expect(below.get_by_role("button", name="Resend Invitation")).to_be_focused()
    assert abs(await below.evaluate("row => row.getBoundingClientRect().top") - before) < 60
    assert await page.evaluate("window.sameDocument") is True


async def test_a_reference_is_changed_in_its_place_while_the_list_waits(scene: Scene) -> None:
    page = await scene.page("/invitations?state=pending&sort=-created")
    row = page.locator("#row-gamma")
    await row.get_by_role("link", name="Change the reference of Name gamma").click()
    field = row.get_by_label("Reference of Name gamma")
    await expect(field).to_be_focused()
    await field.fill("see www.evil.example")
    await page.keyboard.press("Enter")
    await expect(row.get_by_role("alert")).to_contain_text("Leave out web")
    await field.fill("TICKET-5")
    await page.wait_for_timeout(3500)
    await expect(field).to_have_value("TICKET-5")
    await page.keyboard.press("Enter")
    await expect(row.locator(".reference")).to_contain_text("TICKET-5")
    await expect(row.get_by_role("link", name="Change the reference")).to_be_focused()
    await polled(page)
    await expect(row.locator(".reference")).to_contain_text("TICKET-5")
    await row.get_by_role("link", name="Change the reference").click()
    await expect(field).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(row.locator(".reference")).to_contain_text("TICKET-5")
    await page.reload()
    await expect(row.locator(".reference")).to_contain_text("TICKET-5")


async def test_several_are_sent_again_with_their_outcomes_and_the_back_button_works(scene: Scene) -> None:
    page = await scene.page("/invitations?state=pending&sort=-created")
    await page.get_by_label("Select Name alpha").check()
    await page.get_by_label("Select Name beta").check()
    await page.get_by_role("button", name="Resend selected").click()
    await expect(page.get_by_role("heading", name="Resend these invitations?")).to_be_visible()
    await page.go_back()
    await expect(page).to_have_url(f"{scene.base}/invitations?state=pending&sort=-created")
    await page.go_forward()
    await page.reload()
    await expect(page.get_by_text("admin@beta.example")).to_be_visible()
    await page.get_by_role("button", name="Resend 2 invitations").click()
    await expect(page.get_by_text("0 of 2 done")).to_be_visible()
    await work(scene.config)
    await expect(page.get_by_role("heading", name="Finished")).to_be_visible()
    await expect(page.locator("[data-state=done]")).to_have_count(2)
    await page.reload()
    await expect(page.locator("[data-state=done]")).to_have_count(2)
    await page.get_by_role("link", name="Back to the list").click()
    await expect(page).to_have_url(f"{scene.base}/invitations?state=pending&sort=-created")


async def test_every_row_can_be_ticked_at_once(scene: Scene) -> None:
    page = await scene.page("/invitations?state=pending", viewport={"width": 390, "height": 844})
    await page.get_by_label("Select all on this page").check()
    await expect(page.locator("[data-selected]")).to_have_text("30 selected")
    await page.get_by_label("Select Name beta").uncheck()
    await expect(page.locator("[data-selected]")).to_have_text("29 selected")
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")


async def test_a_link_of_a_row_goes_into_the_clipboard(scene: Scene) -> None:
    page = await scene.page("/invitations?state=pending")
    row = page.locator("#row-alpha")
    await row.get_by_role("button", name="Copy link").click()
    await expect(row.get_by_role("button", name="Copied")).to_be_visible()
    assert "/i/" in await page.evaluate("navigator.clipboard.readText()")
    await expect(page.locator("#row-beta").get_by_role("button", name="Copy link")).to_be_visible()


async def test_a_long_timeline_is_read_to_its_beginning_in_its_place_and_without_script(scene: Scene) -> None:
    config = scene.config
    for n in range(70):
        config.later(seconds=1)
        await config.hears(
            EmailSent(customer="beta", switch=1, kind="reminder", generation=1, tries=1, count=n),
            "notify/outgoing_mails",
        )
    everything = (await config.gateway().get("/customers/beta/timeline", params={"limit": 200})).json()["items"]
    page = await scene.page("/customers/beta")
    events = page.locator(".event")
    await expect(events).to_have_count(30)
    await page.get_by_role("link", name="Load older entries").click()
    await expect(events).to_have_count(60)
    await config.hears(
        EmailSent(customer="beta", switch=1, kind="reminder", generation=1, tries=1, count=99), "notify/outgoing_mails"
    )
    await expect(events).to_have_count(61)
    await page.get_by_role("link", name="Load older entries").click()
    await expect(page.get_by_text("This is where it began.")).to_be_visible()
    await expect(events).to_have_count(len(everything) + 1)
    page = await scene.page("/customers/beta", java_script_enabled=False)
    seen = await events_on(page)
    while await page.get_by_role("link", name="Load older entries").count():
        await page.get_by_role("link", name="Load older entries").click()
        seen += await events_on(page)
    assert seen == len(everything) + 1


async def events_on(page: Page) -> int:
    return await page.locator(".event").count()


@pytest.mark.parametrize(
    "path",
    [
        "/customers",
        "/m365",
        "/customers/beta",
        "/customers/beta/timeline",
        "/invitations",
        "/invitations?state=pending",
        "/status",
        "/add-customer",
        "/customers/beta/edit",
        "/customers/beta/resend",
        "/customers/beta/cancel",
        "/customers/c-00001/switch?to=token",
    ],
)
async def test_the_first_load_of_a_page_is_small(scene: Scene, path: str) -> None:
    """All bytes that cross the network, headers included, in a browser that has seen nothing yet."""
    context = await scene.browser.new_context()
    session = (await scene.config.browser("operator")).http.cookies["ts-config"]
    await context.add_cookies([{"name": "ts-config", "value": session, "url": scene.base}])
    page = await context.new_page()
    network, transferred = await context.new_cdp_session(page), [0.0]
    await network.send("Network.enable")
    await network.send("Network.setCacheDisabled", {"cacheDisabled": True})
    network.on("Network.loadingFinished", lambda said: transferred.append(said["encodedDataLength"]))
    await page.goto(scene.base + path, wait_until="load")

    async def weighed() -> bool:  # what was loaded is told just after the page says that it is
        return len(transferred) >= 6

    await eventually(weighed)
    await context.close()
    assert sum(transferred) < FIRST_LOAD, sum(transferred)
