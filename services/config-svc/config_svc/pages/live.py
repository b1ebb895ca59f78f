"""Live: what happens now, what stands how, what came of the switches. For a desk, a phone, and the wall of a room."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from config_svc.pages import charts
from config_svc.pages.layout import Frame
from config_svc.queries.customer_counts import CustomerCounts
from config_svc.queries.statistics import WINDOWS, Window
from config_svc.stream.sse import EventStream
from config_svc.texts.event_texts import PLACES, Say, describe
from config_svc.texts.state_texts import STEP_NAMES
from shared.contracts.reasons import explain
from shared.domain.rules import Unavailable
from shared.i18n.catalogs import N_
from shared.identity.bearer import VIEWER
from shared.identity.sessions import Session

HERE = "/live"
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
Line = Mapping[str, Any]


class LivePages:
    def __init__(self, frame: Frame) -> None:
        self._frame, self._application = frame, frame.application

    def add_to(self, router: APIRouter) -> None:
        add = self._frame.add
        add(router, HERE, self.page, VIEWER)
        add(router, f"{HERE}/numbers", self.numbers, VIEWER)
        add(router, f"{HERE}/lines", self.lines, VIEWER)
        add(router, f"{HERE}/events", self.events, VIEWER)

    async def page(self, request: Request, session: Session) -> Response:
        return self._frame.show(
            request,
            session,
            "live.html",
            active="live",
            most=LINES,
            lines=await self._recent(request),
            **await self._numbers(request),
        )

    async def numbers(self, request: Request, session: Session) -> Response:
        """The part that moves by itself."""
        return self._frame.show(request, session, "live_numbers.html", active="live", **await self._numbers(request))

    async def lines(self, request: Request, session: Session) -> Response:
        """The last events: for the moment between the page and its stream, and after a reset of it."""
        return self._frame.show(request, session, "live_lines.html", active="live", lines=await self._recent(request))

    async def events(self, request: Request, session: Session) -> Response:
        """The stream in sentences of the reader's language. A script that begins anew names its place as `last`."""
        last = request.headers.get("last-event-id") or request.query_params.get("last")
        say = self._frame.say(request)

        async def dress(events: Sequence[Mapping[str, Any]]) -> Sequence[Line]:
            return await self._lines([(e["id"], e["time"], e["type"], e["data"]) for e in events], say)

        return EventStream(self._application.streams.events(last, None, session.actor.id, dress))

    # --- what is shown -------------------------------------------------------------------------------------------

    async def _recent(self, request: Request) -> Sequence[Line]:
        rows = await self._application.history.recent(LINES, self._application.clock())
        told = [(row["_id"], row["at"], row["type"], row["data"]) for row in rows]
        return await self._lines(told, self._frame.say(request))

    async def _lines(self, events: Sequence[tuple[str, Any, str, Mapping[str, Any]]], say: Say) -> list[Line]:
        names = await self._names({str(data.get("customer", "")) for _, _, _, data in events})
        return [
            _line(
                id,
                at,
                customer=str(data.get("customer", "")),
                names=names,
                told=describe(type_name, data, say),
                say=say,
            )
            for id, at, type_name, data in events
        ]

    async def _names(self, ids: set[str]) -> Mapping[str, str]:
        """Without the database the ids must do: a line is better than none."""
        try:
            found = await self._application.customers.store.collection.find_ids(sorted(ids), fields=("state.name",))
        except Unavailable:
            return {}
        return {document["_id"]: document["state"]["name"] for document in found}

    async def _numbers(self, request: Request) -> dict[str, Any]:
        asked = request.query_params
        name = asked.get("window", "")
        name = name if name in WINDOWS else next(iter(WINDOWS))
        wall = asked.get("wall") == "1"
        window = await self._application.statistics.window(name)
        counts = await self._application.customer_counter.counts()
        say = self._frame.say(request)
        return {
            "window": name,
            "wall": wall,
            "windows": [(key, _address(key, wall)) for key in WINDOWS],
            "numbers_url": _address(name, wall, f"{HERE}/numbers"),
            "wall_url": _address(name, not wall),
            "counts": counts,
            "running": _states(counts, RUNNING),
            "ended": _states(counts, ENDED),
            "funnel": charts.bars([(say(label), window.count(key)) for key, label in FUNNEL]),
            "median": window.took(0.5),
            "p90": window.took(0.9),
            "reasons": charts.bars([(say(explain(code).sentence), n) for code, n in window.reasons()[:REASONS]]),
            "chart": lambda label: _chart(window, say, label),
            "span": window,
        }


def _line(id: str, at: Any, customer: str, names: Mapping[str, str], told: Any, say: Say) -> Line:
    place = PLACES.get(customer)
    url = place[1] if place else f"/customers/{customer}" if customer in names else ""
    return {
        "id": id,
        "at": at,
        "url": url,
        "name": say(place[0]) if place else names.get(customer, customer),
        "title": told.title,
        "text": told.text,
        "tone": told.tone,
        "by": told.by,
    }


def _states(counts: CustomerCounts, states: Sequence[str]) -> list[tuple[str, int | None]]:
    return [(state, counts.switch[state]) for state in states]


def _chart(window: Window, say: Say, label: Callable[[Any], str]) -> charts.Columns:
    values = [[sum(column.counts.get(name, 0) for name in names) for names, _ in SERIES] for column in window.columns]
    return charts.columns([label(column.at) for column in window.columns], [say(title) for _, title in SERIES], values)


def _address(window: str, wall: bool, path: str = HERE) -> str:
    return f"{path}?window={window}{'&wall=1' if wall else ''}"
