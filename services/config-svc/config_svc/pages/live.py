"""Live: what happens now, what stands how, what came of the switches. For a desk, a phone, and the wall of a room."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query
from pydantic import BaseModel, BeforeValidator
from starlette.responses import Response

from config_svc.application import App, Application
from config_svc.pages import charts
from config_svc.pages.addresses import one_of
from config_svc.pages.dependencies import Layout, ViewerSession
from config_svc.pages.layout import PortalLayout, PortalRoute
from config_svc.queries.customer_counts import CustomerCounts
from config_svc.queries.statistics import WINDOWS, Window
from config_svc.stream.sse import EventStream
from config_svc.texts.event_texts import PLACES, Say, describe
from config_svc.texts.state_texts import STEP_NAMES
from shared.contracts.reasons import explain
from shared.domain.rules import Unavailable
from shared.i18n.marks import N_

HERE, NUMBERS = "/live", "/live/numbers"
LINES = 40
REASONS = 8
FUNNEL = (
    ("asked", STEP_NAMES["requested"]),
    ("invited", STEP_NAMES["invited"]),
    ("opened", STEP_NAMES["opened"]),
    ("started", STEP_NAMES["authenticating"]),
    ("claimed", STEP_NAMES["completed"]),
)
SERIES = (
    (("requested",), N_("Requested")),
    (("completed",), N_("Completed")),
    (("cancelled", "expired", "failed"), N_("Cancelled, expired or failed")),
)
RUNNING, ENDED = ("requested", "invited", "opened", "authenticating"), ("completed", "cancelled", "expired", "failed")
DEFAULT_WINDOW = next(iter(WINDOWS))

router = APIRouter(route_class=PortalRoute, include_in_schema=False)
Line = Mapping[str, Any]


class LiveQuery(BaseModel):
    """`wall`: in large letters, without the rest of the portal."""

    window: Annotated[str, one_of(WINDOWS, DEFAULT_WINDOW)] = DEFAULT_WINDOW
    wall: Annotated[bool, BeforeValidator(lambda text: text == "1")] = False


Asked = Annotated[LiveQuery, Query()]


@router.get(HERE)
async def live(session: ViewerSession, application: App, layout: Layout, query: Asked) -> Response:
    lines = await _recent_lines(application, layout)
    numbers = await _numbers(application, layout, query)
    return layout.show("live.html", active="live", most=LINES, lines=lines, **numbers)


@router.get(NUMBERS)
async def live_numbers(session: ViewerSession, application: App, layout: Layout, query: Asked) -> Response:
    """The part that moves by itself."""
    return layout.show("live_numbers.html", active="live", **await _numbers(application, layout, query))


@router.get(f"{HERE}/lines")
async def live_lines(session: ViewerSession, application: App, layout: Layout) -> Response:
    """The last events: for the moment between the page and its stream, and after a reset of it."""
    return layout.show("live_lines.html", active="live", lines=await _recent_lines(application, layout))


@router.get(f"{HERE}/events")
async def live_events(
    session: ViewerSession,
    application: App,
    layout: Layout,
    last: str | None = None,
    last_event_id: Annotated[str | None, Header()] = None,
) -> Response:
    """The stream in sentences of the reader's language. A script that begins anew names its place as `last`."""

    async def render(events: Sequence[Mapping[str, Any]]) -> Sequence[Line]:
        rows = [(event["id"], event["time"], event["type"], event["data"]) for event in events]
        return await _lines(application, layout, rows)

    return EventStream(application.streams.events(last_event_id or last, None, session.actor.id, render))


# --- what happens now ------------------------------------------------------------------------------------------------


async def _recent_lines(application: Application, layout: PortalLayout) -> Sequence[Line]:
    rows = await application.history.recent(LINES)
    return await _lines(application, layout, [(row["_id"], row["at"], row["type"], row["data"]) for row in rows])


async def _lines(
    application: Application, layout: PortalLayout, events: Sequence[tuple[str, Any, str, Mapping[str, Any]]]
) -> list[Line]:
    names = await _names(application, {str(data.get("customer", "")) for _, _, _, data in events})
    return [_line(id, at, type_name, data, names, layout.gettext) for id, at, type_name, data in events]


async def _names(application: Application, ids: set[str]) -> Mapping[str, str]:
    """Without the database the ids must do: a line is better than none."""
    try:
        rows = await application.customers.store.collection.find_ids(sorted(ids), fields=("state.name",))
    except Unavailable:
        return {}
    return {row["_id"]: row["state"]["name"] for row in rows}


def _line(id: str, at: Any, type_name: str, data: Mapping[str, Any], names: Mapping[str, str], say: Say) -> Line:
    customer, told = str(data.get("customer", "")), describe(type_name, data, say)
    place = PLACES.get(customer)
    url = place[1] if place else f"/customers/{customer}" if customer in names else ""
    return {
        "id": id,
        "at": at,
        "url": url,
        "name": say(place[0]) if place else names.get(customer, customer),
        **asdict(told),
    }


# --- what stands how -------------------------------------------------------------------------------------------------


async def _numbers(application: Application, layout: PortalLayout, query: LiveQuery) -> dict[str, Any]:
    gettext = layout.gettext
    window = await application.statistics.window(query.window)
    counts = await application.customer_counter.counts()
    return {
        "window": query.window,
        "wall": query.wall,
        "windows": [(name, _address(name, query.wall)) for name in WINDOWS],
        "numbers_url": _address(query.window, query.wall, NUMBERS),
        "wall_url": _address(query.window, not query.wall),
        "counts": counts,
        "running": _states(counts, RUNNING),
        "ended": _states(counts, ENDED),
        "funnel": charts.bars([(gettext(label), window.count(key)) for key, label in FUNNEL]),
        "median": window.took(0.5),
        "p90": window.took(0.9),
        "reasons": charts.bars([(gettext(explain(code).sentence), n) for code, n in window.reasons()[:REASONS]]),
        "chart": lambda label: _chart(window, gettext, label),
        "span": window,
    }


def _states(counts: CustomerCounts, states: Sequence[str]) -> list[tuple[str, int | None]]:
    return [(state, counts.switch[state]) for state in states]


def _chart(window: Window, gettext: Say, label: Callable[[datetime], str]) -> charts.Columns:
    values = [[sum(column.counts.get(name, 0) for name in names) for names, _ in SERIES] for column in window.columns]
    labels = [label(column.at) for column in window.columns]
    return charts.columns(labels, [gettext(title) for _, title in SERIES], values)


def _address(window: str, wall: bool, path: str = HERE) -> str:
    return f"{path}?window={window}{'&wall=1' if wall else ''}"
