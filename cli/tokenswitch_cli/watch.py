"""tokenswitch watch: follows the event stream, and goes on where it was when the connection breaks."""

from __future__ import annotations

import json as json_module
import time
from collections.abc import Iterable, Iterator
from typing import Annotated, Any

import httpx
import typer

from tokenswitch_cli import output
from tokenswitch_cli.client import Api, refusal
from tokenswitch_cli.common import Json, api, reports_problems
from tokenswitch_cli.errors import AWAY, Problem

WAIT_SECONDS, MAX_WAIT_SECONDS, MAX_TRIES = 1.0, 30.0, 100


def add_to(app: typer.Typer) -> None:
    app.command()(watch)


@reports_problems
def watch(
    customer: Annotated[str | None, typer.Option(help="Only this customer's events.")] = None,
    kind: Annotated[list[str] | None, typer.Option("--type", help="Only these types (may be repeated).")] = None,
    count: Annotated[int, typer.Option(help="End after so many; 0: never.", min=0)] = 0,
    json: Json = False,
) -> None:
    """Events as they come, one a line; with --json one JSON object a line."""
    with api() as portal:
        for number, event in enumerate(_wanted(events(portal), customer, kind), 1):
            output.json_line(event) if json else print(_line(event), flush=True)
            if number == count:
                return


def _wanted(
    all_events: Iterable[dict[str, Any]], customer: str | None, kinds: list[str] | None
) -> Iterator[dict[str, Any]]:
    return (
        event
        for event in all_events
        if customer in (None, event["data"].get("customer")) and (not kinds or event["type"] in kinds)
    )


def _line(event: dict[str, Any]) -> str:
    return "  ".join(output.clean(part) for part in (event["time"], event["type"], event["data"].get("customer")))


def events(portal: Api) -> Iterator[dict[str, Any]]:
    """Every event since now, none twice. Raises: Problem, when the portal stays away."""
    last, wait, failed = "", WAIT_SECONDS, 0
    while failed < MAX_TRIES:
        try:
            with portal.stream("/events", {"Last-Event-ID": last} if last else {}) as answer:
                if answer.status_code != 200:
                    answer.read()
                    raise refusal(answer)
                for kind, id, data in messages(answer.iter_lines()):
                    last, wait, failed = id or last, WAIT_SECONDS, 0
                    if kind == "reset":
                        output.say(f"Some events were missed: {(data or {}).get('reason')}.")
                    elif not kind and data is not None:
                        yield data
        except httpx.TransportError:
            pass
        except Problem as problem:
            if problem.code != AWAY:
                raise
        failed += 1
        time.sleep(wait)
        wait = min(MAX_WAIT_SECONDS, wait * 2)
    raise Problem("The portal is away; try again later.", AWAY)


def messages(lines: Iterable[str]) -> Iterator[tuple[str, str, dict[str, Any] | None]]:
    """Server-sent events with JSON data: (kind, id, data). The kind of an event of the log is empty; one without data
    only says the place in the log by now."""
    kind, id, data = "", "", list[str]()
    for line in lines:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "event":
            kind = value
        elif name == "id":
            id = value
        elif name == "data":
            data.append(value)
        elif not line:
            if id or data:
                yield kind, id, json_module.loads("\n".join(data)) if data else None
            kind, data = "", []
