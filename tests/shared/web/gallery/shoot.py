"""Pictures of all components: python tests/shared/web_gallery/shoot.py FOLDER (needs a Chromium)."""

from __future__ import annotations

import asyncio
import socket
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import uvicorn
from playwright.async_api import Browser, async_playwright
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from shared.web.pages import NavGroup, NavItem, Pages
from tests.shared.kit.protected import protect
from tokenswitch_dev.walkthrough.browser import launch

NAV = (
    NavGroup(
        (
            NavItem(label="Customers", url="/", key="customers", icon="customers"),
            NavItem(label="Live", url="/live", key="live", icon="live"),
        )
    ),
    NavGroup((NavItem(label="M365 Configuration", url="/m365", key="m365", icon="settings"),), "Configuration"),
    NavGroup(
        (
            NavItem(label="Pending Invitations", url="/p", key="p", icon="mail", count=12),
            NavItem(label="Authentication Status", url="/s", key="s", icon="shield"),
        ),
        "Multitenant",
    ),
)
WINDOWS = {"desktop": 1280, "phone": 390, "narrow": 320}


def gallery() -> Starlette:
    pages = Pages(Path(__file__).parent, "gallery", defaults={"nav": NAV, "active": "m365"})

    async def page(request: Request) -> Response:
        name = request.path_params["name"]
        if name not in ("gallery", "step"):
            return pages.error(request, 404, reference="0af7651916cd43dd", action_url="/", action_label="Home")
        steps = [{"label": f"Step {n}", "state": s} for n, s in ((1, "done"), (2, "done"), (3, "current"), (4, "todo"))]
        return pages.render(
            request,
            name + ".html",
            now=datetime.now(UTC),
            hours=lambda n: timedelta(hours=n),
            steps=steps,
            name="Fabrikam",
        )

    app = Starlette(routes=[Route("/{name:str}", page)])
    pages.install(app)
    return app


async def shoot(browser: Browser, base: str, folder: Path) -> None:
    for scheme in ("light", "dark"):
        for window, width in WINDOWS.items():
            context = await browser.new_context(
                viewport={"width": width, "height": 844}, color_scheme=scheme, locale="en-GB"
            )
            page = await context.new_page()
            page.on("console", lambda message: print(message.type, message.text))
            for name in ("gallery", "gallery#switch", "gallery#nav", "step", "error?lang=de"):
                await page.goto("about:blank")
                await page.goto(f"{base}/{name}")
                await page.wait_for_timeout(300)
                over = await page.evaluate("document.documentElement.scrollWidth - innerWidth")
                print(scheme, window, name, "overflow", over)
                shot = f"{name.split('?')[0].replace('#', '-')}-{window}-{scheme}.png"
                await page.screenshot(path=folder / shot, full_page="#" not in name)
            await context.close()


async def main(folder: Path) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    base = f"http://127.0.0.1:{listener.getsockname()[1]}"
    server = uvicorn.Server(uvicorn.Config(protect(gallery(), base), log_level="warning", proxy_headers=False))
    serving = asyncio.create_task(server.serve([listener]))
    async with async_playwright() as playwright:
        browser = await launch(playwright)
        await shoot(browser, base, folder)
        await browser.close()
    server.should_exit = True
    await serving


if __name__ == "__main__":
    shots = Path(sys.argv[1])
    shots.mkdir(parents=True, exist_ok=True)
    asyncio.run(main(shots))
