"""The sixteen steps of the switch with a device code, one after the other, each checked before it is told."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from playwright.async_api import Browser, Page, StorageState, ViewportSize, expect

from tokenswitch_dev.walkthrough.browser import LAPTOP, Window, open_window
from tokenswitch_dev.walkthrough.mail import Mailbox, mailbox_at
from tokenswitch_dev.walkthrough.portal import Portal
from tokenswitch_dev.walkthrough.wizard import Wizard

INVITATION = "asks for your approval"


@dataclass(frozen=True)
class Addresses:
    """Where a running system is found."""

    portal: str
    mailbox: str
    microsoft: str


@dataclass(frozen=True, kw_only=True)
class People:
    """The customer of a walk, and its administrator's account at Microsoft."""

    customer: str
    name: str
    admin: str
    operator: str = "operator@provider.example"


@dataclass(frozen=True, kw_only=True)
class Step:
    """What was just done, and the page on which it can be seen."""

    number: int
    name: str
    what: str
    page: Page


@dataclass(frozen=True, kw_only=True)
class Walkthrough:
    """The two people: the operator at the portal, the administrator with mail, wizard and Microsoft's pages."""

    addresses: Addresses
    people: People
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


async def begin(
    browser: Browser,
    addresses: Addresses,
    people: People,
    size: ViewportSize = LAPTOP,
    signed_in: StorageState | None = None,
) -> Walkthrough:
    """`size`: of the administrator's window, who may have a phone. `signed_in`: an operator who is so already."""
    operator = await open_window(browser, known=signed_in)
    administrator = await open_window(browser, size=size)
    portal = Portal(await operator.page(), addresses.portal)
    mailbox = await mailbox_at(await administrator.page(), addresses.mailbox)
    return Walkthrough(
        addresses=addresses,
        people=people,
        operator=operator,
        administrator=administrator,
        portal=portal,
        mailbox=mailbox,
    )


async def steps(walk: Walkthrough) -> AsyncIterator[Step]:
    async for step in _ask(walk):
        yield step
    async for step in _answer(walk):
        yield step
    async for step in _look(walk):
        yield step


async def _ask(walk: Walkthrough) -> AsyncIterator[Step]:
    """Steps 1 to 5: the operator."""
    portal, who = walk.portal, walk.people
    await portal.open(who.customer)
    yield Step(
        number=1,
        name="m365-configuration",
        what=f"The operator opens M365 Configuration of {who.name}.",
        page=portal.page,
    )
    await portal.validate()
    what = "Validate Authentication: Last Authentication Status: Successful."
    yield Step(number=2, name="validated", what=what, page=portal.page)
    await portal.ask_for_token()
    yield Step(number=3, name="switch-to-auth-token", what="Switch to auth token opens the dialog.", page=portal.page)
    await portal.name_administrator(who.admin)
    yield Step(
        number=4,
        name="administrator",
        what=f"The customer's administrator is {who.admin}; OK.",
        page=portal.page,
    )
    await portal.dialog_ok()
    await expect(portal.page.get_by_text(who.admin).first).to_be_visible()
    yield Step(number=5, name="confirmation", what="The confirmation says who gets what, until when.", page=portal.page)


async def _answer(walk: Walkthrough) -> AsyncIterator[Step]:
    """Steps 6 to 14: the administrator."""
    who, mailbox = walk.people, walk.mailbox
    before = await mailbox.count(who.admin, INVITATION)
    await walk.portal.confirm()
    await mailbox.open_newest(who.admin, INVITATION, before + 1)
    yield Step(number=5, name="mail", what="It is sent: the invitation has arrived in the mailbox.", page=mailbox.page)
    wizard = Wizard(await mailbox.follow())
    what = "Its button starts the wizard, which says who asks for what, until when."
    yield Step(number=6, name="invitation", what=what, page=wizard.page)
    await wizard.start()
    await wizard.use_device_token()
    yield Step(number=7, name="use-device-token", what="Start, then Use Device Token.", page=wizard.page)
    await wizard.start_authentication(who.admin)
    yield Step(
        number=8,
        name="start-authentication",
        what=f"User name {who.admin}, Start authentication: the code.",
        page=wizard.page,
    )
    code = await wizard.copied_code()
    if code != await wizard.code():
        raise AssertionError("the clipboard does not hold the code that is shown")
    microsoft = await wizard.microsoft()
    await microsoft.page.locator("#otc").wait_for()
    yield Step(
        number=9,
        name="code-copied",
        what="The code is copied, Microsoft's page opened in a new tab.",
        page=microsoft.page,
    )
    await microsoft.enter_code(code)
    await microsoft.pick(who.admin)
    yield Step(number=10, name="account", what="The code is entered, the account picked.", page=microsoft.page)
    await microsoft.password()
    await microsoft.page.locator("#number").wait_for()
    yield Step(
        number=11,
        name="authenticator",
        what="The password is entered; Authenticator asks for the number.",
        page=microsoft.page,
    )
    await microsoft.approve()
    await microsoft.page.locator("#continue").wait_for()
    yield Step(
        number=12,
        name="continue",
        what="Approved; Microsoft names the application: Continue.",
        page=microsoft.page,
    )
    await microsoft.finish()
    await wizard.done()
    yield Step(number=13, name="done", what="The wizard turns to Done by itself.", page=wizard.page)
    yield Step(
        number=14,
        name="close-window",
        what="Microsoft's page too says that it may be closed.",
        page=microsoft.page,
    )
    await microsoft.page.close()
    await wizard.page.close()


async def _look(walk: Walkthrough) -> AsyncIterator[Step]:
    """Steps 15 and 16: the operator again, whose page was open all the time."""
    portal, who = walk.portal, walk.people
    await expect(portal.fact("Method in force")).to_contain_text("Auth token")
    await expect(portal.status).to_contain_text("Successful")
    await expect(portal.link("Switch to App Registration")).to_be_visible()
    what = "Without reloading: Authentication Status: Successful, and Switch to App Registration."
    yield Step(number=15, name="microsoft-365-settings", what=what, page=portal.page)
    await portal.pending_invitations()
    for column in ("Token: Created at", "Token: Expires at"):
        await expect(portal.cell(who.customer, column).locator("time")).to_be_visible()
    await expect(portal.cell(who.customer, "Device Authenticated")).to_contain_text("Yes")
    await portal.cell(who.customer, "Token: Created at").scroll_into_view_if_needed()
    yield Step(
        number=16,
        name="pending-invitations",
        what="Pending Invitations shows the claimed token's dates.",
        page=portal.page,
    )
