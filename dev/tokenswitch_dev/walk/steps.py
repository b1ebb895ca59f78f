"""The sixteen steps of the switch with a device code, one after the other, each checked before it is told."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from playwright.async_api import Browser, Page, StorageState, ViewportSize, expect

from tokenswitch_dev.walk.browser import LAPTOP, Window, open_window
from tokenswitch_dev.walk.mail import Mailbox, mailbox_at
from tokenswitch_dev.walk.places import Places, Someone
from tokenswitch_dev.walk.portal import Portal
from tokenswitch_dev.walk.wizard import Wizard

INVITATION = "asks for your approval"


@dataclass(frozen=True)
class Step:
    """What was just done, and the page on which it can be seen."""

    number: int
    name: str
    told: str
    page: Page


@dataclass(frozen=True)
class Cast:
    """The two people: the operator at the portal, the administrator with mail, wizard and Microsoft's pages."""

    places: Places
    someone: Someone
    operator: Window
    administrator: Window
    portal: Portal
    mailbox: Mailbox

    @property
    def complaints(self) -> list[str]:
        return self.operator.complaints + self.administrator.complaints

    async def close(self) -> None:
        await self.operator.context.close()
        await self.administrator.context.close()


async def cast(
    browser: Browser,
    places: Places,
    someone: Someone,
    size: ViewportSize = LAPTOP,
    signed_in: StorageState | None = None,
) -> Cast:
    """`size`: of the administrator's window, who may have a phone. `signed_in`: an operator who is so already."""
    operator = await open_window(browser, known=signed_in)
    administrator = await open_window(browser, size=size)
    portal = Portal(await operator.page(), places.portal)
    mailbox = await mailbox_at(await administrator.page(), places.mailbox)
    return Cast(places, someone, operator, administrator, portal, mailbox)


async def sixteen(people: Cast) -> AsyncIterator[Step]:
    async for step in _ask(people):
        yield step
    async for step in _answer(people):
        yield step
    async for step in _look(people):
        yield step


async def _ask(people: Cast) -> AsyncIterator[Step]:
    """Steps 1 to 5: the operator."""
    portal, who = people.portal, people.someone
    await portal.open(who.customer)
    yield Step(1, "m365-configuration", f"The operator opens M365 Configuration of {who.name}.", portal.page)
    await portal.validate()
    told = "Validate Authentication: Last Authentication Status: Successful."
    yield Step(2, "validated", told, portal.page)
    await portal.ask_for_token()
    yield Step(3, "switch-to-auth-token", "Switch to auth token opens the dialog.", portal.page)
    await portal.name_administrator(who.admin)
    yield Step(4, "administrator", f"The customer's administrator is {who.admin}; OK.", portal.page)
    await portal.dialog_ok()
    await expect(portal.page.get_by_text(who.admin).first).to_be_visible()
    yield Step(5, "confirmation", "The confirmation says who gets what, until when.", portal.page)


async def _answer(people: Cast) -> AsyncIterator[Step]:
    """Steps 6 to 14: the administrator."""
    who, mailbox = people.someone, people.mailbox
    before = await mailbox.count(who.admin, INVITATION)
    await people.portal.confirm()
    await mailbox.open_newest(who.admin, INVITATION, before + 1)
    yield Step(5, "mail", "It is sent: the invitation has arrived in the mailbox.", mailbox.page)
    wizard = Wizard(await mailbox.follow())
    told = "Its button starts the wizard, which says who asks for what, until when."
    yield Step(6, "invitation", told, wizard.page)
    await wizard.start()
    await wizard.use_device_token()
    yield Step(7, "use-device-token", "Start, then Use Device Token.", wizard.page)
    await wizard.start_authentication(who.admin)
    yield Step(8, "start-authentication", f"User name {who.admin}, Start authentication: the code.", wizard.page)
    code = await wizard.copied_code()
    if code != await wizard.code():
        raise AssertionError("the clipboard does not hold the code that is shown")
    microsoft = await wizard.microsoft()
    await microsoft.page.locator("#otc").wait_for()
    yield Step(9, "code-copied", "The code is copied, Microsoft's page opened in a new tab.", microsoft.page)
    await microsoft.enter_code(code)
    await microsoft.pick(who.admin)
    yield Step(10, "account", "The code is entered, the account picked.", microsoft.page)
    await microsoft.password()
    await microsoft.page.locator("#number").wait_for()
    yield Step(11, "authenticator", "The password is entered; Authenticator asks for the number.", microsoft.page)
    await microsoft.approve()
    await microsoft.page.locator("#continue").wait_for()
    yield Step(12, "continue", "Approved; Microsoft names the application: Continue.", microsoft.page)
    await microsoft.finish()
    await wizard.done()
    yield Step(13, "done", "The wizard turns to Done by itself.", wizard.page)
    yield Step(14, "close-window", "Microsoft's page too says that it may be closed.", microsoft.page)
    await microsoft.page.close()
    await wizard.page.close()


async def _look(people: Cast) -> AsyncIterator[Step]:
    """Steps 15 and 16: the operator again, whose page was open all the time."""
    portal, who = people.portal, people.someone
    await expect(portal.fact("Method in force")).to_contain_text("Auth token")
    await expect(portal.status).to_contain_text("Successful")
    await expect(portal.link("Switch to App Registration")).to_be_visible()
    told = "Without reloading: Authentication Status: Successful, and Switch to App Registration."
    yield Step(15, "microsoft-365-settings", told, portal.page)
    await portal.pending_invitations()
    for column in ("Token: Created at", "Token: Expires at"):
        await expect(portal.cell(who.customer, column).locator("time")).to_be_visible()
    await expect(portal.cell(who.customer, "Device Authenticated")).to_contain_text("Yes")
    await portal.cell(who.customer, "Token: Created at").scroll_into_view_if_needed()
    yield Step(16, "pending-invitations", "Pending Invitations shows the claimed token's dates.", portal.page)
