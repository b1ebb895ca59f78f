"""The keyboard alone does a whole switch: the operator from the sign-in to the cancel, the administrator to Done."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser, expect

from tests.browser.conftest import Walkers
from tests.browser.keyboard import Keyboard
from tests.e2e.e2e_kit import Customer, World
from tokenswitch_dev.simulator.demo import PASSWORD
from tokenswitch_dev.walkthrough.browser import PHONE, open_window

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def signs_in(person: Keyboard, account: str) -> None:
    """At Microsoft: account, password, the number on the phone."""
    await person.type("Email, phone, or Skype", account)
    await person.enter()
    await expect(person.page.get_by_label("Password")).to_be_focused()
    await person.page.keyboard.type(PASSWORD)
    await person.enter()
    number = (await person.page.locator("#number").inner_text()).strip()
    await person.type("Enter the number shown to sign in", number)
    await person.enter()


async def begun(chromium: Browser, world: World, customer: Customer, **more: object) -> tuple[Keyboard, list[str]]:
    """The administrator's browser on the choice of ways, reached from the link."""
    await world.request(customer)
    window = await open_window(chromium, **more)  # type: ignore[arg-type]
    person = Keyboard(await window.page())
    await person.page.goto(await world.link(customer))
    await person.follow("Start")
    await expect(person.page.locator("#screen-choose")).to_be_visible()
    return person, window.complaints


async def test_the_operator_asks_resends_and_cancels(world: World, walkers: Walkers) -> None:
    customer = await world.customer()
    walk = await walkers(customer, signed_in=False)
    page, person = walk.portal.page, Keyboard(walk.portal.page)
    await page.goto(walk.addresses.portal)
    await signs_in(person, walk.people.operator)
    await expect(page.get_by_role("heading", name="Customers", exact=True)).to_be_visible()

    await person.to("Skip to the content")
    await page.keyboard.press("Enter")
    await person.type("Search", customer.id)
    await person.enter()
    await expect(page.get_by_role("link", name=f"Customer {customer.id}")).to_be_visible()
    await person.follow(f"Customer {customer.id}")
    await person.follow("Switch to auth token")
    await person.type("E-mail of the customer administrator", customer.user("admin"))
    await person.to("Language of the invitation")
    await page.keyboard.press("ArrowDown")
    await person.to("Device code")
    await page.keyboard.press("Space")
    await expect(page.get_by_label("Device code")).not_to_be_checked()
    await page.keyboard.press("Space")
    await person.follow("OK")
    await expect(page.get_by_role("heading", name="Please confirm")).to_be_visible()
    await expect(page.locator("dl")).to_contain_text("Deutsch")
    await person.follow("Confirm and send")
    await expect(page.get_by_text("The switch has begun.")).to_be_visible()

    # The page moves on by itself while the focus stands on one of its buttons: it stays there.
    await person.to("Resend Invitation")
    await expect(page.locator("#switch-card .pill", has_text="Sent")).to_be_visible()
    await expect(page.get_by_role("button", name="Resend Invitation")).to_be_focused()
    await person.enter()
    await expect(page.get_by_text("The invitation is on its way again.")).to_be_visible()
    await person.follow("Cancel switch")
    await expect(page.get_by_role("heading", name="Cancel this switch?")).to_be_visible()
    await person.follow("Cancel switch")
    await expect(page.get_by_text("The switch is cancelled.")).to_be_visible()
    assert person.faults == []


async def test_the_administrator_gets_a_code_and_sees_done(world: World, chromium: Browser) -> None:
    customer = await world.customer()
    person, complaints = await begun(chromium, world, customer, size=PHONE)
    page = person.page
    await person.follow("Use Device Token")
    await person.type("User name", customer.user("admin"))
    await person.enter()
    await expect(page.locator("#screen-code h1")).to_be_focused()
    await person.to("Copy code and open page in new tab (opens in a new tab)")
    await person.press("Copy code")
    await expect(page.locator("#copy-code")).to_contain_text("Copied")
    code = str(await page.evaluate("navigator.clipboard.readText()"))
    await world.approve(code, customer.user("admin"))
    await expect(page.locator("#screen-done h1")).to_be_focused()
    assert person.faults == [] and complaints == []
    await page.context.close()


async def test_the_administrator_signs_in_with_the_button(world: World, chromium: Browser) -> None:
    customer = await world.customer()
    person, complaints = await begun(chromium, world, customer)
    page = person.page
    await person.follow("Sign in with Microsoft")
    await expect(page.locator("#screen-ready h1")).to_be_focused()
    await person.follow("Continue to Microsoft")
    await signs_in(person, customer.user("admin"))
    await person.follow("Accept")
    await expect(page.locator("#screen-done h1")).to_be_visible()
    assert person.faults == [] and complaints == []
    await page.context.close()
