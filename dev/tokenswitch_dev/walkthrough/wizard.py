"""The administrator's wizard: who asks, the three ways, the code, and `Done` by itself."""

from __future__ import annotations

from playwright.async_api import Locator, Page, expect

from tokenswitch_dev.walkthrough.microsoft import Microsoft


class Wizard:
    def __init__(self, page: Page) -> None:
        self.page = page

    def screen(self, name: str) -> Locator:
        return self.page.locator(f"#screen-{name}")

    async def start(self) -> None:
        await self.page.get_by_role("button", name="Start", exact=True).click()
        await self.screen("choose").wait_for()

    async def continue_here(self) -> None:
        await self.page.get_by_role("button", name="Continue here", exact=True).click()
        await self.screen("choose").wait_for()

    # --- with a code ------------------------------------------------------------------------------------

    async def use_device_token(self) -> None:
        await self.page.get_by_role("link", name="Use Device Token").click()
        await self.page.get_by_label("User name").wait_for()

    async def start_authentication(self, user_name: str) -> None:
        await self.page.get_by_label("User name").fill(user_name)
        await self.page.get_by_role("button", name="Start authentication").click()
        await self.screen("code").wait_for()

    async def code(self) -> str:
        """As it is shown, in groups of three."""
        return "".join((await self.page.locator("output.code-value").inner_text()).split())

    async def copied_code(self) -> str:
        """`Copy code`, and what the clipboard then holds."""
        await self.page.get_by_role("button", name="Copy code", exact=True).click()
        await expect(self.page.locator("#copy-code")).to_contain_text("Copied")
        return str(await self.page.evaluate("navigator.clipboard.readText()"))

    async def microsoft(self) -> Microsoft:
        """The address for the code, in a new tab."""
        async with self.page.expect_popup() as opened:
            await self.page.locator("a.address").click()
        return Microsoft(await opened.value)

    async def get_code(self, user_name: str) -> str:
        await self.use_device_token()
        await self.start_authentication(user_name)
        return await self.code()

    async def report(self, shown: str) -> None:
        """`Microsoft shows something else?`: what it was; the other ways are offered then."""
        await self.page.get_by_role("link", name="Microsoft shows something else?").click()
        await self.page.get_by_label(shown).check()
        await self.page.get_by_role("button", name="Go on").click()
        await self.screen("choose").wait_for()

    # --- the other ways ---------------------------------------------------------------------------------

    async def sign_in(self) -> Microsoft:
        """`Sign in with Microsoft`, `Continue to Microsoft`: the same tab goes there and comes back."""
        await self.page.get_by_role("button", name="Sign in with Microsoft").click()
        await self.page.get_by_role("link", name="Continue to Microsoft").click()
        return Microsoft(self.page)

    async def use_app_registration(self, client_id: str, client_secret: str) -> None:
        await self.page.get_by_role("link", name="Use App Registration").click()
        await self.page.get_by_label("Application (Client) ID").fill(client_id)
        await self.page.get_by_label("Client Secret value").fill(client_secret)
        await self.page.get_by_role("button", name="Start authentication").click()

    # --- how it ends ------------------------------------------------------------------------------------

    async def done(self) -> None:
        """The page turns by itself."""
        await self.screen("done").wait_for()
        await expect(self.page.get_by_text("You may close this window.")).to_be_visible()

    async def refused(self, sentence: str) -> None:
        """The sign-in failed, the page says why, and the ways are offered again."""
        await expect(self.page.get_by_role("heading", name="The sign-in did not succeed")).to_be_visible()
        await expect(self.page.locator("main")).to_contain_text(sentence)
        await self.screen("choose").wait_for()
