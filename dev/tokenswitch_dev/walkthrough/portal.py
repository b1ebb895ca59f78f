"""The operator's portal: sign-in, Microsoft 365 Settings of a customer, the switch dialog, Pending Invitations."""

from __future__ import annotations

import re

from playwright.async_api import Locator, Page, expect

from tokenswitch_dev.walkthrough.microsoft import Microsoft


class Portal:
    def __init__(self, page: Page, address: str) -> None:
        self.page, self._address = page, address

    async def sign_in(self, operator: str) -> None:
        await self.page.goto(self._address)
        await Microsoft(self.page).identify(operator)
        await expect(self.page.get_by_role("heading", name="Customers", exact=True)).to_be_visible()

    async def open(self, customer: str) -> None:
        """`M365 Configuration`, then the customer: as an operator goes there."""
        await self.page.goto(self._address)
        await self.page.get_by_role("link", name="M365 Configuration").click()
        await self.page.locator(f"main a[href='/customers/{customer}']").first.click()
        await expect(self.page.get_by_role("heading", name="Microsoft 365 Settings")).to_be_visible()

    async def show(self, customer: str) -> None:
        await self.page.goto(f"{self._address}/customers/{customer}")

    # --- Microsoft 365 Settings -------------------------------------------------------------------------

    def fact(self, label: str) -> Locator:
        return self.page.locator("dl.facts > div", has=self.page.get_by_text(label, exact=True)).locator("dd")

    @property
    def status(self) -> Locator:
        """The line `Last Authentication Status: Successful`."""
        return self.page.locator("main p", has_text="Last Authentication Status").first

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    def link(self, name: str) -> Locator:
        return self.page.get_by_role("link", name=name, exact=True)

    async def validate(self, outcome: str = "Successful") -> None:
        await self.button("Validate Authentication").click()
        await expect(self.page.get_by_text("The validation has begun.")).to_be_visible()
        await expect(self.status).to_contain_text(outcome)

    # --- the switch dialog ------------------------------------------------------------------------------

    async def ask_for_token(self) -> None:
        await self.link("Switch to auth token").click()
        await expect(self.page.get_by_label("E-mail of the customer administrator")).to_be_visible()

    async def name_administrator(self, email: str, name: str = "Avery Admin") -> None:
        await self.page.get_by_label("E-mail of the customer administrator").fill(email)
        await self.page.get_by_label("Full name").fill(name)

    async def dialog_ok(self) -> None:
        await self.button("OK").first.click()
        await expect(self.page.get_by_role("heading", name="Please confirm")).to_be_visible()

    async def confirm(self) -> None:
        await self.page.get_by_role("button", name=re.compile(r"^Confirm")).click()
        await expect(self.page.get_by_text("The switch has begun.")).to_be_visible()

    async def invite(self, email: str) -> None:
        """The whole dialog at once."""
        await self.ask_for_token()
        await self.name_administrator(email)
        await self.dialog_ok()
        await self.confirm()

    async def switch_back(self) -> None:
        """With the stored app registration: nobody is mailed."""
        await self.link("Switch to App Registration").click()
        await self.dialog_ok()
        await self.confirm()
        await expect(self.fact("Method in force")).to_contain_text("App registration")

    async def cancel(self) -> None:
        await self.link("Cancel switch").click()
        await self.button("Cancel switch").click()
        await expect(self.page.get_by_text("The switch is cancelled.")).to_be_visible()

    async def make_ready(self) -> bool:
        """Back to where a walk begins: no switch runs, the app registration is in force. Was there anything to do?"""
        cancelled = await self.link("Cancel switch").count() > 0
        if cancelled:
            await self.cancel()
        switched = await self.link("Switch to App Registration").count() > 0
        if switched:
            await self.switch_back()
        return cancelled or switched

    # --- Pending Invitations ----------------------------------------------------------------------------

    async def pending_invitations(self) -> None:
        await self.page.get_by_role("link", name="Pending Invitations").click()
        await expect(self.page.get_by_role("heading", name="Pending Invitations")).to_be_visible()

    def row(self, customer: str) -> Locator:
        return self.page.locator("tbody tr", has=self.page.locator(f"a[href='/customers/{customer}']")).first

    def cell(self, customer: str, column: str) -> Locator:
        return self.row(customer).locator(f"[data-label='{column}']")
