"""Microsoft's pages for a person (the simulator's): code, account, password, Authenticator, consent."""

from __future__ import annotations

from playwright.async_api import Locator, Page, expect

from tokenswitch_dev.simulator.demo import PASSWORD


class Microsoft:
    """One browser page on its way through a sign-in."""

    def __init__(self, page: Page) -> None:
        self.page = page

    async def enter_code(self, code: str) -> None:
        await self.page.fill("#otc", code)
        await self.page.click("#next")

    async def pick(self, account: str) -> None:
        """A tile of `Pick an account`, or typed under `Use another account`."""
        tile = self.page.locator(f"button.tile[value='{account}']")
        await self.page.locator("#loginfmt").wait_for()
        if await tile.count():
            await tile.click()
        else:
            await self.page.fill("#loginfmt", account)
            await self.page.click("#next")

    async def password(self) -> None:
        await self.page.fill("#passwd", PASSWORD)
        await self.page.click("#signin")

    async def number(self) -> str:
        return (await self.page.locator("#number").inner_text()).strip()

    async def approve(self) -> None:
        """The number that the page shows is entered on the phone."""
        await self.page.fill("#phone-number", await self.number())
        await self.page.click("#approve")

    async def identify(self, account: str) -> None:
        await self.pick(account)
        await self.password()
        await self.approve()

    async def go_on(self) -> None:
        """`Continue`, only on the way by code."""
        await self.page.click("#continue")

    async def accept(self) -> None:
        """The permissions, if Microsoft asks for them: once per account. (Else it is done, or back at the wizard.)"""
        await self.page.locator("#accept, #done, [id^=screen-]").first.wait_for()
        if await self.page.locator("#accept").count():
            await self.page.click("#accept")

    async def finish(self) -> None:
        """By code: Continue, the permissions, and `You may now close this window`."""
        await self.go_on()
        await self.accept()
        await expect(self.page.locator("#done")).to_contain_text("You have signed in")

    @property
    def refusal(self) -> Locator:
        return self.page.locator("#error")
