"""What people meet when it does not go straight: another account, another tenant, a refusal, a second browser."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser, expect

from tests.browser.conftest import Walkers
from tests.browser.test_browser_switch import invited
from tests.e2e.e2e_kit import World
from tokenswitch_dev.walkthrough.browser import open_window
from tokenswitch_dev.walkthrough.steps import INVITATION
from tokenswitch_dev.walkthrough.wizard import Wizard

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_an_account_without_the_role_a_refusal_and_an_expired_code(world: World, walkers: Walkers) -> None:
    customer = await world.customer()
    walk = await walkers(customer)
    wizard = await invited(walk)

    code = await wizard.get_code(customer.user("user"))
    microsoft = await wizard.microsoft()
    await microsoft.enter_code(code)
    await microsoft.identify(customer.user("user"))
    await microsoft.finish()
    await wizard.refused(f"You signed in as {customer.user('user')}.")
    await expect(walk.portal.page.get_by_text("The last sign-in failed")).to_be_visible()

    code = await wizard.get_code(customer.user("admin"))
    microsoft = await wizard.microsoft()
    await microsoft.enter_code(code)
    await microsoft.identify(customer.user("admin"))
    await microsoft.page.click("#cancel")
    await expect(microsoft.page.locator("#declined")).to_be_visible()
    await wizard.refused("You cancelled the sign-in")

    await world.sim("faults", where="poll", code="70020", tenant=customer.tid, times=1)
    await wizard.use_device_token()
    await wizard.page.get_by_role("button", name="Start authentication").click()
    await wizard.refused("The code has expired")


async def test_an_account_of_another_tenant_is_told_so_by_microsoft(world: World, walkers: Walkers) -> None:
    customer, other = await world.customer(), await world.tenant()
    walk = await walkers(customer)
    wizard = await invited(walk)
    microsoft = await wizard.sign_in()
    await microsoft.pick(other.user("admin"))
    await microsoft.password()
    await expect(microsoft.refusal).to_contain_text("AADSTS50020")
    await microsoft.page.click("#other")
    await microsoft.identify(customer.user("admin"))
    await microsoft.accept()
    await wizard.done()


async def test_security_defaults_block_the_code_so_the_button_is_recommended(world: World, walkers: Walkers) -> None:
    customer = await world.customer(device_code="security_defaults")
    walk = await walkers(customer)
    wizard = await invited(walk)
    code = await wizard.get_code(customer.user("admin"))
    microsoft = await wizard.microsoft()
    await microsoft.enter_code(code)
    await microsoft.identify(customer.user("admin"))
    await expect(microsoft.refusal).to_contain_text("AADSTS530035")
    await wizard.report("Sign-in is blocked")
    await expect(wizard.page.locator("li.way-best")).to_contain_text("Sign in with Microsoft")
    microsoft = await wizard.sign_in()
    await microsoft.identify(customer.user("admin"))
    await microsoft.accept()
    await wizard.done()


async def test_continue_here_in_a_second_browser(world: World, walkers: Walkers, chromium: Browser) -> None:
    customer = await world.customer()
    walk = await walkers(customer)
    first = await invited(walk)
    await first.get_code(customer.user("admin"))
    window = await open_window(chromium)
    second = Wizard(await window.page())
    await second.page.goto(await walk.mailbox.link())
    await expect(second.page.get_by_text("open in another browser")).to_be_visible()
    await second.continue_here()
    await first.screen("elsewhere").wait_for()
    code = await second.get_code(customer.user("admin"))
    microsoft = await second.microsoft()
    await microsoft.enter_code(code)
    await microsoft.identify(customer.user("admin"))
    await microsoft.finish()
    await second.done()
    assert not window.complaints
    await window.context.close()


async def test_without_script_the_wizard_by_device_code_works(
    world: World, walkers: Walkers, chromium: Browser
) -> None:
    customer = await world.customer()
    walk = await walkers(customer)
    await walk.portal.show(customer.id)
    await walk.portal.invite(customer.user("admin"))
    await walk.mailbox.open_newest(customer.user("admin"), INVITATION)
    window = await open_window(chromium, script=False)
    wizard = Wizard(await window.page())
    await wizard.page.goto(await walk.mailbox.link())
    await wizard.start()
    code = await wizard.get_code(customer.user("admin"))
    await world.approve(code, customer.user("admin"))
    await wizard.done()
    assert not window.complaints
    await window.context.close()
