"""Pictures of every screen of the wizard: python -m tests.invite_svc.invite_shots FOLDER [fr-FR] [390-light ...]."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Literal

import uvicorn
from playwright.async_api import BrowserContext, Page, async_playwright

from shared.contracts.events import AuthenticationFailed, InvitationResendRequested, SwitchCancelled, SwitchCompleted
from tests.invite_svc.invite_kit import ADMIN, APP_ID, CUSTOMER, NOW, STATE, Wizard, claimed, requested
from tokenswitch_dev.runner import plan
from tokenswitch_dev.stack.mongo import EmbeddedMongo
from tokenswitch_dev.stack.process import free_port
from tokenswitch_dev.walkthrough.browser import launch

Scheme = Literal["light", "dark"]
LOOKS: tuple[tuple[Scheme, int], ...] = (
    ("light", 1280),
    ("light", 390),
    ("dark", 390),
    ("dark", 1280),
)
CORRELATION = "0af76519-16cd-43dd-8448-eb211c80319c"
Shoot = Callable[[str], Awaitable[None]]


@contextlib.asynccontextmanager
async def served(wizard: Wizard, sock: socket.socket) -> AsyncIterator[None]:
    """The application alone: without Kafka, since the script plays the other services."""
    config = uvicorn.Config(wizard.app, log_level="warning", proxy_headers=False, lifespan="off")
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve([sock]))
    yield
    server.should_exit = True
    await serving


async def walk(wizard: Wizard, page: Page, base: str, shoot: Shoot) -> None:
    """The way of one invitee past every screen."""
    await page.goto(base + wizard.link(id="contoso/9"))
    await shoot("waiting")
    await page.goto(base + wizard.link())
    await shoot("invitation")
    await page.click("form[action$='/start'] button")
    await page.wait_for_url("**/w")
    await shoot("choose")
    await page.goto(f"{base}/w/device")
    await shoot("device")
    await page.fill("#f-user_name", "nobody")
    await page.locator("#f-user_name").press("Enter")
    await page.wait_for_selector(".field-error")
    await shoot("device-wrong")
    await page.fill("#f-user_name", "admin@contoso.example")
    await page.locator("#f-user_name").press("Enter")
    await page.wait_for_selector("#screen-preparing")
    await shoot("preparing")
    wizard.later(seconds=70)
    await shoot("preparing-stuck")
    await wizard.code_comes()
    await shoot("code")
    await page.click("a[href='/w/trouble']")
    await shoot("trouble")
    await page.click("form[action='/w/trouble'] button")
    await page.wait_for_selector(".alert-danger")
    await shoot("trouble-wrong")
    await page.goto(f"{base}/w/ways")
    await shoot("ways")
    wizard.later(minutes=16)
    await page.goto(f"{base}/w")
    await shoot("code-over")
    await page.goto(f"{base}/w/ways")
    await page.click("form[action='/w/sign-in'] button")
    await page.wait_for_selector("#screen-preparing")
    await wizard.sign_in_ready(2)
    await shoot("ready")
    await page.goto(f"{base}/signin/return?code=c&state={STATE}")
    await shoot("checking")
    await wizard.hears(
        AuthenticationFailed(
            customer=CUSTOMER,
            switch=1,
            attempt=2,
            method="sign_in",
            reason="blocked_by_policy",
            aadsts=53003,
            correlation_id=CORRELATION,
            trace_id="t",
            account=ADMIN,
        )
    )
    await shoot("failed")
    await page.goto(f"{base}/w/app")
    await page.fill("#f-client_id", "x")
    await page.fill("#f-client_secret", APP_ID)
    await page.click("form[action='/w/app'] button")
    await page.wait_for_selector(".field-error")
    await shoot("app-wrong")
    await wizard.hears(claimed(2))
    await page.goto(f"{base}/w")
    await shoot("finishing")
    await wizard.hears(
        SwitchCompleted(
            customer=CUSTOMER,
            switch=1,
            to="token",
            method="sign_in",
            invited=True,
            grant="g",
            revision=None,
            account=ADMIN,
            in_force="token",
        )
    )
    await shoot("done")


async def ends(wizard: Wizard, page: Page, base: str, shoot: Shoot, language: str) -> None:
    """The pages where a link leads no further."""
    await wizard.hears(requested(switch=2, locale=language[:2]))
    other = wizard.browser()
    await other.open(wizard.link(id="contoso/2"))
    await other.send("/start")
    await page.goto(base + wizard.link(id="contoso/2"))
    await shoot("elsewhere")
    await wizard.hears(
        InvitationResendRequested(customer=CUSTOMER, switch=2, generation=2, expires_at=NOW + timedelta(days=9))
    )
    await page.goto(base + wizard.link(id="contoso/2"))
    await shoot("replaced")
    await page.click("form[action$='/ask'] button")
    await page.wait_for_url("**/ask")
    await shoot("asked")
    await wizard.hears(SwitchCancelled(customer=CUSTOMER, switch=2, reason="cancelled", invited=True))
    await page.goto(base + wizard.link(id="contoso/2"))
    await shoot("revoked")
    await page.goto(f"{base}/guidance")
    await shoot("guidance")
    await page.goto(f"{base}/i/wrong")
    await shoot("wrong")
    await page.goto(f"{base}/signin/return?code=c&state={STATE}")
    await shoot("return-alone")


async def shoot_all(context: BrowserContext, wizard: Wizard, base: str, folder: Path, look: str, language: str) -> None:
    page = await context.new_page()
    page.on("console", lambda message: print(look, message.type, message.text))

    async def shoot(name: str) -> None:
        await page.wait_for_timeout(1400 if name in ("preparing-stuck", "code", "failed", "done", "ready") else 150)
        over = await page.evaluate("document.documentElement.scrollWidth - innerWidth")
        if over > 0:
            print(f"{look} {name}: {over} px too wide")
        await page.screenshot(path=folder / f"{name}-{look}.png", full_page=True)

    await wizard.hears(requested(locale=language[:2]))
    await walk(wizard, page, base, shoot)
    await ends(wizard, page, base, shoot, language)


async def main(folder: Path, mongo_url: str, language: str, looks: Sequence[tuple[Scheme, int]]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    async with async_playwright() as playwright:
        browser = await launch(playwright)
        for scheme, width in looks:
            sock = socket.create_server(("127.0.0.1", 0))
            base = f"http://127.0.0.1:{sock.getsockname()[1]}"
            with tempfile.TemporaryDirectory() as keys:
                wizard = Wizard(
                    Path(keys),
                    mongo_url,
                    f"shots_{scheme}_{width}",
                    entra_app_name="Tokenswitch",
                    entra_device_app_name="Tokenswitch (sign-in by code)",
                    entra_client_id=APP_ID,
                    provider_logo_file=plan.LOGO if scheme == "light" else None,
                )
                async with served(wizard, sock):
                    context = await browser.new_context(
                        viewport={"width": width, "height": 844}, color_scheme=scheme, locale=language
                    )
                    await shoot_all(
                        context, wizard, base=base, folder=folder, look=f"{width}-{scheme}", language=language
                    )
                    await context.close()
                await wizard.close()
        await browser.close()


if __name__ == "__main__":
    given = sys.argv[2:]
    locale = next((word for word in given if word[2:3] == "-"), "en-GB")
    wanted = [look for look in LOOKS if not given or given == [locale] or f"{look[1]}-{look[0]}" in given]
    with tempfile.TemporaryDirectory() as data, EmbeddedMongo(Path(data), free_port()) as server:
        asyncio.run(main(Path(sys.argv[1]), server.url, locale, wanted))
