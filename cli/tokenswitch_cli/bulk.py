"""tokenswitch bulk: switches of whole files, followed, paused, stopped, reminded; and `switch --file` itself."""

from __future__ import annotations

import hashlib
import json as json_module
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer

from tokenswitch_cli import output
from tokenswitch_cli.client import Api
from tokenswitch_cli.common import Json, Limit, api, reports_problems
from tokenswitch_cli.errors import FAILED, USAGE, Problem

app = typer.Typer(no_args_is_help=True, help="Bulk switches: how far they are, and what to do with them.")
HERE = "/bulk-switches"
POLL_SECONDS, MAX_FOLLOW_SECONDS = 2.0, 24 * 3600
CSV = {"Content-Type": "text/csv; charset=utf-8"}
UNANSWERED = ("requested", "invited", "opened")
Id = Annotated[str, typer.Argument(help="The bulk switch's id, or `last`: the newest that has begun.", metavar="BULK")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    name: str
    per_minute: int
    first: int
    pause: bool
    skip_problems: bool

    @property
    def query(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "per_minute": self.per_minute,
            "first": self.first,
            "pause_after_first": self.pause,
            "skip_problems": self.skip_problems,
        }


def from_file(portal: Api, file: Path, options: Options, *, check: bool, follow: bool, json: bool) -> None:
    """The same file with the same options is the same bulk switch: it goes on where it was."""
    try:
        text = file.read_bytes()
    except OSError as error:
        raise Problem(f"{file} cannot be read: {error}", USAGE) from None
    if check:
        _checked(portal, text, json)
        return
    key = hashlib.sha256(text + json_module.dumps(options.query, sort_keys=True).encode()).hexdigest()
    try:
        answer = portal.command(HERE, key=key, content=text, headers=CSV, params=options.query)
    except Problem as problem:
        if problem.answer.get("code") != "bulk_problems":
            raise
        problems = problem.answer["problems"]
        _tell(problems)
        sentence = f"{len(problems)} lines have problems, nobody was asked: correct them, or leave them out by"
        raise Problem(sentence, problem.code, problem.answer) from None
    if follow:
        _follow(portal, answer["bulk"], json)
        return
    output.as_json(answer) if json else output.say(f"Bulk switch {answer['bulk']} has begun.")


def _checked(portal: Api, text: bytes, json: bool) -> None:
    report = portal.command(f"{HERE}/check", content=text, headers=CSV)
    if json:
        output.as_json(report)
    else:
        _tell(report["problems"])
    output.say(f"{report['good']} of {report['rows']} lines can be asked.")
    if report["problems"]:
        raise typer.Exit(FAILED)


def _tell(problems: Any) -> None:
    for row in problems:
        output.say(f"line {row['line']}: {row['customer']}: {row['detail']}")


def _follow(portal: Api, id: str, json: bool) -> None:
    """Shows how far it is until all are asked or somebody must go on. Ctrl-C leaves it running."""
    before, until = "", time.monotonic() + MAX_FOLLOW_SECONDS
    try:
        while time.monotonic() < until:
            bulk = portal.get(f"{HERE}/{id}")
            line = _line(bulk)
            if line != before and not json:
                output.say(line)
            before = line
            if bulk["state"] in ("ended", "stopped", "paused"):
                break
            time.sleep(POLL_SECONDS)
        else:
            raise Problem(f"It still runs after a day: `tokenswitch bulk show {id}`.", FAILED)
    except KeyboardInterrupt:
        output.say(f"It goes on without you: `tokenswitch bulk show {id}`.")
        raise
    if json:
        output.as_json(bulk)
    elif bulk["state"] == "paused":
        output.say(f"It waits: look at what came of the first, then `tokenswitch bulk resume {id}`.")


def _line(bulk: dict[str, Any]) -> str:
    counts = bulk["counts"]
    asked = counts["all"] - counts["problem"] - counts["waiting"]
    open_ = sum(counts.get(state, 0) for state in UNANSWERED)
    return (
        f"{bulk['name']} ({bulk['state']}): {asked} of {counts['all'] - counts['problem']} asked, "
        f"{counts['refused']} refused, {open_} not answered, {counts.get('completed', 0)} completed"
    )


@app.command("list")
@reports_problems
def list_(limit: Annotated[int, typer.Option(help="Rows at most.", min=1, max=100)] = 20, json: Json = False) -> None:
    """The newest bulk switches."""
    with api() as portal:
        rows = portal.get(HERE, limit=limit)["items"]
    if json:
        output.as_json(rows)
        return
    output.table(
        ("id", "name", "state", "by", "begun"),
        [(row["id"], row["name"], row["state"], row["by"], row["begun_at"]) for row in rows],
    )


@app.command()
@reports_problems
def show(bulk: Id = "last", json: Json = False) -> None:
    """How far one is."""
    with api() as portal:
        row = portal.get(f"{HERE}/{_id(portal, bulk)}")
    output.as_json(row) if json else output.facts({"id": row["id"], "progress": _line(row), **row["counts"]})


@app.command()
@reports_problems
def rows(
    bulk: Id = "last",
    state: Annotated[list[str] | None, typer.Option(help="Only these states (may be repeated).")] = None,
    unanswered: Annotated[bool, typer.Option("--unanswered", help="Only who has not answered.")] = False,
    limit: Limit = 0,
    json: Json = False,
) -> None:
    """Its lines as they stand now."""
    wanted = list(UNANSWERED) if unanswered else state or None
    with api() as portal:
        lines = list(portal.every(f"{HERE}/{_id(portal, bulk)}/rows", limit, state=wanted))
    if json:
        output.as_json(lines)
        return
    output.table(
        ("line", "customer", "administrator", "state", "problem"),
        [
            (row["line"], row["customer"], row["admin_email"], row["state"], row["detail"] or row["problem"])
            for row in lines
        ],
    )


@app.command()
@reports_problems
def result(
    bulk: Id = "last", to: Annotated[Path | None, typer.Option(help="A file; else it is printed.")] = None
) -> None:
    """The result file, as CSV."""
    with api() as portal:
        text = portal.text(f"{HERE}/{_id(portal, bulk)}/rows", "text/csv")
    if to is None and sys.stdout.isatty():
        for line in text.splitlines():
            print(output.clean(line))
        return
    if to is None:
        sys.stdout.flush()
        sys.stdout.buffer.write(text.encode())
        return
    to.write_text(text, "utf-8", newline="")
    output.say(f"Written to {to}.")


def _command(verb: str, what: str) -> None:
    @reports_problems
    def act(bulk: Id = "last", json: Json = False) -> None:
        with api() as portal:
            answer = portal.command(f"{HERE}/{_id(portal, bulk)}/{verb}")
        output.as_json(answer) if json else output.say(f"{what} ({answer['bulk']}).")

    act.__doc__ = what + "."
    app.command(verb)(act)


for _verb, _what in {
    "pause": "Nobody else is asked for now",
    "resume": "It goes on",
    "stop": "Nobody else is asked",
    "remind": "Who has not answered gets the invitation again",
}.items():
    _command(_verb, _what)


def _id(portal: Api, bulk: str) -> str:
    if bulk != "last":
        return quote(bulk, safe="")
    begun = [row for row in portal.get(HERE, limit=100)["items"] if row["state"] != "draft"]
    if not begun:
        raise Problem("There is no bulk switch yet: `tokenswitch switch --file customers.csv`.", FAILED)
    return str(begun[0]["id"])
