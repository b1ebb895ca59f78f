"""Live and Audit over HTTP: numbers, charts with their tables, lines in words, filters, roles."""

from __future__ import annotations

import asyncio
import re

import pytest

from config_svc.pages import charts
from config_svc.pages.live import LINES
from shared.contracts.events import Actor, AuthenticationFailed, EmailSent, LinkCopied
from shared.domain.rules import Unavailable
from tests.config_svc.config_kit import C, Config


@pytest.mark.parametrize(
    ("most", "top"),
    [(0, 2), (1, 2), (3, 4), (5, 6), (7, 10), (11, 20), (61, 100), (100, 100), (101, 200), (8001, 10000)],
)
def test_a_scale_ends_above_the_highest_and_halves_evenly(most: int, top: int) -> None:
    assert charts.rounded(most) == top and top % 2 == 0


def test_a_chart_draws_just_its_numbers() -> None:
    chart = charts.columns(["a", "b"], ["x", "y"], [[0, 4], [2, 0]])
    assert [(rect.series, rect.value, rect.height) for rect in chart.rects] == [(1, 4, 100.0), (0, 2, 50.0)]
    assert all(rect.x >= 0 and rect.x + rect.width <= chart.width and rect.y >= 0 for rect in chart.rects)
    assert charts.columns(["a"], ["x"], [[0]]).rects == []
    assert [bar.share for bar in charts.bars([("a", 4), ("b", 1), ("c", 0)])] == [100, 25, 0]
    assert [bar.share for bar in charts.bars([("a", 0)])] == [0]


async def test_live_shows_what_stands_how_and_what_came_of_the_switches(config: Config) -> None:
    await config.invited()
    await config.hears(
        AuthenticationFailed(customer=C, switch=1, attempt=1, method="device_code", reason="code_blocked")
    )
    browser = await config.browser("viewer")
    await browser.open("/live")
    text = browser.text
    assert "1 Opened" in text and "Auth token 0 App registration 1 None 0 Customers 1" in text
    assert "Requested 1 Invited 0 Opened 0 Signing in 0 Completed 0" in text
    assert "Your organisation does not allow sign-in by code" in text and "No invited switch was completed" in text
    page = browser.page.text
    assert page.count("<table") == page.count("<caption") == 3  # each chart has its table
    assert 'http-equiv="refresh"' in page and "style=" not in page
    await config.claims()
    config.later(seconds=1)
    for _ in range(300):  # counted anew every few seconds, for all readers together
        await browser.open("/live/numbers?window=30d&wall=1")
        if "Completed 1" in browser.text:
            break
        await asyncio.sleep(0.2)
    assert "<html" not in browser.page.text and "window=7d&amp;wall=1" in browser.page.text
    assert re.search(r"Half within \d+ seconds 9 of 10 within \d+ seconds", browser.text)
    assert re.search(r"Requested 1 .* Completed 1", browser.text)


async def test_the_numbers_of_a_chart_stand_in_its_table(config: Config) -> None:
    await config.invited()
    browser = await config.browser()
    await browser.open("/live?window=7d")
    table = browser.page.text.partition('class="numbers"')[2].partition("</table>")[0]
    rows = re.findall(r"<tr><th scope=\"row\">(.*?)</th><td>(.*?)</td><td>(.*?)</td><td>(.*?)</td>", table)
    assert len(rows) == 8 and rows[-1] == ("Mar 1", "1", "0", "0") and rows[0][1:] == ("0", "0", "0")
    assert browser.page.text.count("<title>Requested: 1</title>") == 1


async def test_the_last_events_of_all_customers_newest_first_with_names(config: Config) -> None:
    await config.registered()
    for n in range(LINES + 5):
        config.later(seconds=1)
        await config.hears(
            EmailSent(customer=C, switch=1, kind="invitation", generation=1, tries=1, count=n), "notify/outgoing_mails"
        )
    await config.hears(LinkCopied(customer="stranger", switch=1, generation=1, by=Actor(id="u", name="<b>Olga</b>")))
    browser = await config.browser("viewer")
    await browser.open("/live/lines")
    assert browser.page.text.count("<li ") == LINES and browser.text.count("Contoso GmbH") == LINES - 1
    assert "E-mail sent Contoso GmbH invitation" in browser.text and "stranger" in browser.text
    assert '<a href="/customers/contoso">' in browser.page.text and "/customers/stranger" not in browser.page.text
    german = await config.browser("viewer", "de")
    await german.open("/live/lines")
    assert "E-Mail" in german.text and "E-mail sent" not in german.text


async def test_a_line_is_told_even_if_nobody_knows_the_name(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    """The stream has moved on by then: what is not sent now would never be."""
    await config.registered()

    async def away(*args: object, **more: object) -> list[object]:
        raise Unavailable("MongoDB", "gone")

    monkeypatch.setattr(config.customers.collection, "find_ids", away)
    browser = await config.browser("viewer")
    await browser.open("/live/lines")
    assert "Customer registered" in browser.text and C in browser.text and "<a " not in browser.page.text


async def test_the_wall_is_the_page_without_navigation(config: Config) -> None:
    browser = await config.browser("viewer")
    await browser.open("/live?wall=1&window=30d")
    assert 'class="portal live-page wall"' in browser.page.text and "Leave wall view" in browser.text
    assert browser.page.text.count("&amp;wall=1") >= 4
    await browser.open("/live?window=nonsense")
    assert 'id="window-24h" href="/live?window=24h" aria-current' in browser.page.text


async def test_the_first_load_of_live_is_small(config: Config) -> None:
    await config.invited()
    browser = await config.browser()
    total = len((await browser.open("/live")).content)
    for path in re.findall(r'(?:href|src)="(/static/[^"]+)"', browser.page.text):
        answer = await browser.http.get(path, headers={"Accept-Encoding": "gzip"})
        total += int(answer.headers.get("content-length", len(answer.content)))
    assert total < 150_000


# --- audit -----------------------------------------------------------------------------------------------------------


async def test_the_audit_page_is_filtered_by_its_address_and_linked(config: Config) -> None:
    await config.invited()
    browser = await config.browser()
    await browser.open("/audit")
    assert "Switch requested" in browser.text and "Gateway operator olga@provider.example" in browser.text
    assert "192.0.2.9" in browser.text and f"/audit?customer={C}" in browser.page.text
    await browser.open(f"/audit?action=CustomerRegistered&customer={C}&from=2126-03-01&to=2126-03-01")
    assert "Customer registered" in browser.text and "To Auth token" not in browser.text
    assert 'value="2126-03-01"' in browser.page.text
    await browser.open("/audit?to=2126-02-28")
    assert "Nobody did anything that fits these filters." in browser.text
    await browser.open("/audit?from=rubbish&action=Nothing&customer=%00&cursor=x")
    assert browser.page.status_code == 400
    await browser.open("/audit?from=rubbish&action=Nothing&customer=%24where")
    assert browser.page.status_code == 200 and "Customer registered" in browser.text


async def test_the_audit_pages_by_cursor_with_its_filters(config: Config) -> None:
    for n in range(60):
        config.later(seconds=1)
        await config.hears(LinkCopied(customer="c1", switch=n, generation=1, by=Actor(id="u", name="Olga")))
    browser = await config.browser()
    await browser.open("/audit?actor=olga")
    older = re.search(r'rel="next" href="([^"]+)"', browser.page.text)
    assert older and "Newest" not in browser.text and "switch 10" in browser.text
    await browser.open(older[1].replace("&amp;", "&"))
    assert "switch 9" in browser.text and "switch 10" not in browser.text and "Newest" in browser.text
    assert 'rel="next"' not in browser.page.text


async def test_the_audit_is_for_operators_and_empty_at_first(config: Config) -> None:
    viewer, operator = await config.browser("viewer"), await config.browser()
    assert (await viewer.open("/audit")).status_code == 403
    assert (await viewer.open("/audit.csv")).status_code == 403
    await operator.open("/audit")
    assert "Nothing was done yet" in operator.text
    await config.hears(LinkCopied(customer="c1", switch=1, generation=1, by=Actor(id="u", name="Olga")))
    answer = await operator.open("/audit.csv?customer=c1")
    assert "Invitation link copied" in answer.text and answer.headers["content-type"].startswith("text/csv")


async def test_days_of_the_filter_are_whole_days_in_utc(config: Config) -> None:
    config.now = config.now.replace(hour=23, minute=59)
    await config.hears(LinkCopied(customer="c1", switch=1, generation=1, by=Actor(id="u", name="Olga")))
    config.later(minutes=2)
    await config.hears(LinkCopied(customer="c1", switch=2, generation=1, by=Actor(id="u", name="Olga")))
    browser = await config.browser()
    for asked, seen in (("from=2126-03-01&to=2126-03-01", [1]), ("from=2126-03-02", [2]), ("to=2126-03-02", [2, 1])):
        await browser.open(f"/audit?{asked}")
        assert [int(n) for n in re.findall(r"switch (\d)</span>", browser.page.text)] == seen
