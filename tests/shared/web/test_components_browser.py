"""The pages in a real browser: live changes, copying, dialogs and the strict CSP hold together."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio
import uvicorn
from playwright.async_api import Browser, BrowserContext, Page
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from shared.web.pages import Pages
from tests.shared.kit.protected import protect
from tokenswitch_dev.walkthrough.browser import TIMEOUT_MILLISECONDS

pytestmark = pytest.mark.asyncio(loop_scope="session")

FRAME = """{% extends "wizard.html" %}{% block head %}{{ c.live_without_script(1) }}{% endblock %}
{% block heading %}Live{% endblock %}
{% block content %}{% call c.live("/state", 1) %}{% include "state.html" %}{% endcall %}
{{ c.dialog_button("Open", "sure") }}{% endblock %}
{% block dialogs %}{% call c.dialog("sure", "Sure?") %}<form method="post" action="/">
{{ c.text_field("to", "To") }}{{ c.dialog_cancel() }}</form>{% endcall %}{% endblock %}"""
STATE = """{% import "components.html" as c %}<p id="count">Count {{ count }}</p><p id="code">ABC</p>
{{ c.copy_button("Copy code", "ABC", id="copy") }}<p>{{ c.time_left(deadline) }}</p>
{% if count > 3 %}<h2 data-focus="second" id="second">Second step</h2>{% endif %}"""


class Service:
    """A page whose live region counts how often it was asked, up to `most`, and which can be away."""

    def __init__(self, folder: Path) -> None:
        (folder / "templates").mkdir()
        (folder / "templates" / "frame.html").write_text(FRAME)
        (folder / "templates" / "state.html").write_text(STATE)
        self.pages = Pages(folder, "live")
        self.count, self.most, self.away = 0, 9, False

    async def frame(self, request: Request) -> Response:
        return self._show(request, "frame.html")

    async def state(self, request: Request) -> Response:
        self.count = min(self.count + 1, self.most)
        return Response("away", 503) if self.away else self._show(request, "state.html")

    def _show(self, request: Request, name: str) -> Response:
        return self.pages.render(
            request, name, count=self.count, deadline=datetime.now(UTC) + timedelta(minutes=14, seconds=30)
        )

    def application(self) -> Starlette:
        app = Starlette(routes=[Route("/", self.frame), Route("/state", self.state)])
        self.pages.install(app)
        return app


@pytest_asyncio.fixture(loop_scope="session")
async def service(tmp_path: Path) -> AsyncIterator[tuple[Service, str]]:
    served = Service(tmp_path)
    listener = socket.create_server(("127.0.0.1", 0))
    base = f"http://127.0.0.1:{listener.getsockname()[1]}"
    config = uvicorn.Config(protect(served.application(), base), log_level="error", proxy_headers=False)
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve([listener]))
    yield served, base
    server.should_exit = True
    await serving


@pytest_asyncio.fixture(loop_scope="session", params=[True], ids=["script"])
async def context(request: pytest.FixtureRequest, chromium: Browser) -> AsyncIterator[BrowserContext]:
    found = await chromium.new_context(java_script_enabled=request.param, locale="en")
    found.set_default_timeout(TIMEOUT_MILLISECONDS)
    yield found
    await found.close()


async def opened(context: BrowserContext, address: str) -> tuple[Page, list[str]]:
    page, complaints = await context.new_page(), list[str]()
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    await page.goto(address)
    return page, complaints


async def until(page: Page, condition: str, tries: int = 300) -> None:
    """Playwright's own wait_for_function needs eval, which the pages' CSP forbids."""
    for _ in range(tries):
        if await page.evaluate(condition):
            return
        await asyncio.sleep(0.1)
    pytest.fail(f"never came true: {condition}")


async def test_a_live_change_keeps_focus_and_selection_and_moves_them_only_to_a_new_step(
    context: BrowserContext, service: tuple[Service, str]
) -> None:
    served, base = service
    served.most = 2  # and there it stays until we have looked
    page, complaints = await opened(context, base)
    await page.focus("#copy")
    await page.evaluate("getSelection().selectAllChildren(document.getElementById('code'))")
    await until(page, "document.getElementById('count').textContent === 'Count 2'")
    assert await page.evaluate("document.activeElement.id") == "copy"
    assert await page.evaluate("String(getSelection())") == "ABC"
    served.most = 4
    await until(page, "document.activeElement.id === 'second'")
    assert complaints == []


async def test_copying_says_so_through_the_next_live_change_and_time_runs_down(
    context: BrowserContext, service: tuple[Service, str]
) -> None:
    served, base = service
    served.most = 1
    await context.grant_permissions(["clipboard-read"])
    page, complaints = await opened(context, base)
    now = datetime.now(UTC)
    await page.clock.set_fixed_time(now)
    await page.click("#copy")
    assert await page.evaluate("navigator.clipboard.readText()") == "ABC"
    await until(page, "document.getElementById('count').textContent === 'Count 1'")
    assert await page.inner_text("#copy") == "Copied"
    assert await page.inner_text("#announcer") == "Copied"
    await page.clock.set_fixed_time(now + timedelta(seconds=3))
    await until(page, "document.getElementById('copy').innerText === 'Copy code'")
    assert (await page.inner_text(".time-left")).startswith("14:")
    assert complaints == []


async def test_an_interruption_is_shown_and_goes_away_by_itself(
    context: BrowserContext, service: tuple[Service, str]
) -> None:
    served, base = service
    page, _ = await opened(context, base)
    served.away = True
    await page.wait_for_selector("#offline", state="visible")
    served.away = False
    await page.wait_for_selector("#offline", state="hidden")


async def test_a_dialog_takes_the_focus_keeps_it_and_gives_it_back(
    context: BrowserContext, service: tuple[Service, str]
) -> None:
    page, complaints = await opened(context, service[1])
    await page.focus("a[data-dialog]")
    await page.keyboard.press("Enter")
    await until(page, "document.activeElement.id === 'f-to'")
    assert await page.evaluate("document.getElementById('sure').matches(':modal')")
    await page.keyboard.press("Escape")
    await until(page, "document.activeElement.textContent === 'Open'")
    await page.goto(service[1] + "/#sure")
    await until(page, "document.activeElement.id === 'f-to'")
    await page.click("text=Cancel")
    await until(page, "!document.getElementById('sure').open && location.hash === ''")
    assert complaints == []


@pytest.mark.parametrize("context", [False], ids=["no-script"], indirect=True)
async def test_without_script_the_page_reloads_itself_and_a_dialog_opens_by_its_address(
    context: BrowserContext, service: tuple[Service, str]
) -> None:
    page, _ = await opened(context, service[1])
    async with page.expect_navigation():
        service[0].count = 7
    assert await page.inner_text("#count") == "Count 7"
    assert not await page.is_visible("#copy")
    await page.goto(service[1] + "/#sure")
    assert await page.is_visible("#f-to")
