"""Live and Authentication Status in a real browser: lines come, pause and resume; what is ticked stays ticked."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from config_svc.stream.sse import EventStream
from config_svc.stream.streams import Streams
from shared.contracts.events import AuthenticationValidated
from tests.config_svc.config_kit import C, Config
from tests.config_svc.pages.test_config_pages_browser import Scene, opened

pytestmark = pytest.mark.asyncio(loop_scope="session")


class Log:
    """What the stream says, as the test has it: without a broker, in the stream's own format."""

    def __init__(self) -> None:
        self.places: list[str | None] = []
        self.said: asyncio.Queue[bytes | None] = asyncio.Queue()

    def events(self, streams: Streams, last: str | None, *rest: Any, **more: Any) -> AsyncIterator[bytes]:
        self.places.append(last)
        return self._run()

    async def _run(self) -> AsyncIterator[bytes]:
        yield b"retry: 100\n\n"
        while (chunk := await self.said.get()) is not None:
            yield chunk

    def say(self, n: int, **more: Any) -> None:
        line = {
            "id": f"e{n}",
            "at": f"2126-03-01T12:00:{n:02}Z",
            "url": f"/customers/{C}",
            "name": "Contoso GmbH",
            "title": f"Event {n}",
            "text": "",
            "tone": "success",
            "by": "",
        } | more
        self.said.put_nowait(f"id: 0:{n}\ndata: {json.dumps(line)}\n\n".encode())

    def event(self, name: str) -> None:
        self.said.put_nowait(f"event: {name}\ndata: {{}}\n\n".encode())


@pytest_asyncio.fixture(loop_scope="session")
async def log(monkeypatch: pytest.MonkeyPatch) -> Log:
    made = Log()
    monkeypatch.setattr(Streams, "events", lambda *given, **more: made.events(*given, **more))
    return made


@pytest_asyncio.fixture(loop_scope="session")
async def scene(browser_config: Config, chromium: Browser, log: Log) -> AsyncIterator[Scene]:
    await browser_config.registered()
    async with opened(browser_config, chromium) as made:
        yield made
        log.said.put_nowait(None)


async def test_lines_come_pause_go_on_and_the_list_stays_bounded(scene: Scene, log: Log) -> None:
    page = await scene.page("/live")
    lines, state = page.locator("#lines > li"), page.locator("#connection")
    await expect(state).to_contain_text("Live")
    log.say(1, title="<img src=x onerror=alert(1)>")
    log.say(1)
    log.say(2, tone="danger", text="Why it failed")
    await expect(lines.first).to_contain_text("Event 2")
    await expect(lines.nth(1)).to_contain_text("<img src=x")
    assert await lines.first.get_by_role("link").get_attribute("href") == f"/customers/{C}"
    pause = page.get_by_role("button", name="Pause")
    await pause.click()
    log.say(3)
    log.say(4)
    await expect(page.get_by_role("button", name="Go on (2 new)")).to_have_attribute("aria-pressed", "true")
    await expect(lines.first).to_contain_text("Event 2")
    await page.get_by_role("button", name="Go on").click()
    await expect(lines.first).to_contain_text("Event 4")
    for n in range(5, 59):
        log.say(n)
    await expect(lines.first).to_contain_text("Event 58")
    assert await lines.count() == 40


async def test_the_connection_says_how_it_is_and_goes_on_where_it_was(scene: Scene, log: Log) -> None:
    page = await scene.page("/live")
    state = page.locator("#connection")
    await expect(state).to_contain_text("Live")
    log.say(7)
    await expect(page.locator("#lines > li").first).to_contain_text("Event 7")
    log.event("delayed")
    await expect(state).to_contain_text("Delayed since")
    log.event("back")
    await expect(state).to_have_text("Live")
    log.said.put_nowait(None)  # the replica is gone
    for _ in range(600):
        if len(log.places) > 1:
            break
        await asyncio.sleep(0.1)
    assert log.places[:2] == [None, "0:7"]
    await expect(state).to_have_text("Live")
    log.say(8)
    await expect(page.locator("#lines > li").first).to_contain_text("Event 8")


async def test_live_works_without_script_and_reads_as_tables(scene: Scene) -> None:
    page = await scene.page("/live?window=7d", java_script_enabled=False)
    await expect(page.locator("#lines > li").first).to_contain_text("Contoso GmbH")
    await expect(page.get_by_role("table", name="How far they came")).to_be_visible()
    await page.get_by_text("Show as a table").click()
    await expect(page.get_by_role("table", name="Switches by day (UTC)").get_by_role("row")).to_have_count(9)


async def test_ticks_stay_while_rows_move_and_outcomes_come_without_reloading(scene: Scene) -> None:
    config = scene.config
    for n, id in enumerate(("adatum", "fabrikam")):
        await config.gateway().put(
            f"/customers/{id}",
            {
                "name": id.title(),
                "tenant": f"{id}.example",
                "app_registration": {"client_id": "c0de0001-0003-4000-9abc-d00d00010000", "client_secret": "x"},
            },
        )
        await config.relays()
        await config.pinned(id, f"c0de010{n}-0001-4000-9abc-d00d00010000")
    page = await scene.page("/status")
    await page.get_by_label("Select Adatum").check()
    await page.get_by_role("button", name="Validate selected (1)").click()
    row, other = page.locator("#row-adatum"), page.get_by_label("Select Fabrikam")
    await expect(row).to_contain_text("Checking")
    await page.evaluate("window.sameDocument = true")
    await other.check()
    state = await config.customer("adatum")
    assert state.request is not None
    await config.hears(
        AuthenticationValidated(
            customer="adatum",
            request=state.request,
            method="app_registration",
            outcome="failed",
            checked_at=config.now,
            revision=state.revision,
            grant=None,
            reason="secret_wrong",
        )
    )
    await expect(row).to_contain_text("Failed")
    await expect(row).to_contain_text("An administrator of the customer")
    await expect(other).to_be_checked()
    await expect(page.get_by_role("button", name="Validate selected (1)")).to_be_visible()
    assert await page.evaluate("window.sameDocument") is True and "begun" not in page.url
    await page.get_by_label("Select all shown").check()
    await expect(page.get_by_role("button", name="Validate selected (3)")).to_be_visible()


async def test_a_stream_is_let_go_even_if_a_cancellation_is_swallowed() -> None:
    """A wait that ends in the moment of its cancellation swallows it; the stream then went on for nobody."""
    ended = asyncio.Event()

    async def chunks() -> AsyncGenerator[bytes]:
        try:
            for _ in range(2):
                try:
                    await asyncio.sleep(60)
                except asyncio.CancelledError:
                    yield b"swallowed\n\n"
        finally:
            ended.set()

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(0.05)
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        await asyncio.sleep(0)

    await asyncio.wait_for(EventStream(chunks())({"type": "http"}, receive, send), 10)
    assert ended.is_set()
