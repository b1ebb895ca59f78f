"""The whole switch in a real browser: operator and administrator, each way, and the way back."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from tests.browser.conftest import Walkers
from tests.e2e.e2e_kit import World
from tokenswitch_dev.walkthrough.browser import PHONE
from tokenswitch_dev.walkthrough.steps import INVITATION, Walkthrough, steps
from tokenswitch_dev.walkthrough.wizard import Wizard

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def invited(walk: Walkthrough) -> Wizard:
    """The operator asks, the mail is opened, the wizard stands at its choice."""
    who = walk.people
    await walk.portal.show(who.customer)
    before = await walk.mailbox.count(who.admin, INVITATION)
    await walk.portal.invite(who.admin)
    await walk.mailbox.open_newest(who.admin, INVITATION, before + 1)
    wizard = Wizard(await walk.mailbox.follow())
    await wizard.start()
    return wizard


async def test_all_sixteen_steps_with_the_device_code(world: World, walkers: Walkers) -> None:
    walk = await walkers(await world.customer(), signed_in=False)
    await walk.portal.sign_in(walk.people.operator)
    walked = [step.number async for step in steps(walk)]
    assert list(dict.fromkeys(walked)) == list(range(1, 17))


async def test_again_with_the_sign_in_button_and_the_way_back(world: World, walkers: Walkers) -> None:
    customer = await world.customer()
    walk = await walkers(customer)
    wizard = await invited(walk)
    microsoft = await wizard.sign_in()
    await microsoft.identify(customer.user("admin"))
    await microsoft.accept()
    await wizard.done()
    assert wizard.page.url.endswith("/w"), "the address holds nothing of the sign-in"
    await expect(walk.portal.fact("Method in force")).to_contain_text("Auth token")
    mails = await walk.mailbox.count(customer.user("admin"), INVITATION)
    await walk.portal.switch_back()
    await expect(walk.portal.status).to_contain_text("Successful")
    await expect(walk.portal.link("Switch to auth token")).to_be_visible()
    assert await walk.mailbox.count(customer.user("admin"), INVITATION) == mails


async def test_again_with_app_registration(world: World, walkers: Walkers) -> None:
    customer = await world.customer()
    walk = await walkers(customer)
    wizard = await invited(walk)
    await wizard.use_app_registration(customer.client_id, "not-the-secret")
    await wizard.refused("The client secret is wrong")
    await wizard.use_app_registration(customer.client_id, customer.client_secret)
    await wizard.done()
    await expect(walk.portal.page.get_by_text("Completed").first).to_be_visible()


async def test_the_wizard_on_a_phone(world: World, walkers: Walkers) -> None:
    customer = await world.customer()
    walk = await walkers(customer, PHONE)
    wizard = await invited(walk)
    code = await wizard.get_code(customer.user("admin"))
    width = await wizard.page.evaluate("document.documentElement.scrollWidth")
    assert width <= PHONE["width"], "nothing is cut off or scrolled sideways"
    microsoft = await wizard.microsoft()
    await microsoft.enter_code(code)
    await microsoft.identify(customer.user("admin"))
    await microsoft.finish()
    await wizard.done()
