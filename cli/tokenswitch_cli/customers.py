"""tokenswitch customers: list, show, import."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from tokenswitch_cli import output
from tokenswitch_cli.client import Api
from tokenswitch_cli.common import Customer, Json, Limit, api, body, customer_path, reports_problems
from tokenswitch_cli.errors import AWAY, FAILED, NOT_SIGNED_IN, USAGE, Problem

app = typer.Typer(no_args_is_help=True, help="Customers: list, show, import.")
COLUMNS = ("id", "name", "tenant", "reference", "client_id", "client_secret", "secret_expires_on")
NEEDED = COLUMNS[:3]
MAX_ROWS = 10_000
PLAIN_NAME = re.compile(r"[a-z_]{1,30}")
"""Names of columns that are told; a file without a heading has a client secret where a name should be."""


@app.command("list")
@reports_problems
def list_(
    q: Annotated[str | None, typer.Argument(help="Beginnings of words.")] = None,
    method: Annotated[str | None, typer.Option(help="token, app_registration or none.")] = None,
    status: Annotated[str | None, typer.Option(help="failed, checking, unknown or successful.")] = None,
    switch: Annotated[str | None, typer.Option(help="running, none, or a state.")] = None,
    limit: Limit = 50,
    json: Json = False,
) -> None:
    """Customers by name, filtered and searched as in the portal."""
    with api() as portal:
        rows = list(portal.every("/customers", limit, q=q, method=method, status=status, switch=switch))
    if json:
        output.as_json(rows)
        return
    output.table(
        ("id", "name", "tenant", "method", "status", "switch"),
        [
            (row["id"], row["name"], row["tenant"], row["method"], row["status"], (row["switch"] or {}).get("state"))
            for row in rows
        ],
    )


@app.command()
@reports_problems
def show(customer: Customer, json: Json = False) -> None:
    """One customer: how it is reached, whether that works, its switch."""
    with api() as portal:
        record = portal.get(customer_path(customer))
    if json:
        output.as_json(record)
        return
    switch, reason = record["switch"] or {}, record["status_reason"] or {}
    output.facts(
        {
            "id": record["id"],
            "name": record["name"],
            "tenant": record["tenant"],
            "tenant id": record["tenant_id"],
            "method": record["method"],
            "status": record["status"],
            "since": record["status_at"],
            "reason": reason.get("sentence") or reason.get("code"),
            "waiting": output.waiting(record),
            "roles": ", ".join(record["roles"]) or None,
            "secret expires": record["secret_expires_on"],
            "switch": f"{switch['number']} to {switch['to']}: {switch['state']}" if switch else None,
        }
    )


@app.command("import")
@reports_problems
def import_(
    file: Annotated[Path, typer.Argument(help=f"CSV with the columns {', '.join(NEEDED)} and more.")],
    check: Annotated[bool, typer.Option("--check", help="Only look at the file.")] = False,
    json: Json = False,
) -> None:
    """Register customers, or change their master data. The same file again changes nothing more, but a client secret
    counts as a new one each time. A column that the file has not stays as it is."""
    rows, problems = read(file)
    for problem in problems:
        output.say(problem)
    if problems:
        raise Problem(f"{len(problems)} lines have problems; nothing was sent.", USAGE, {"problems": problems})
    if check:
        if json:
            output.as_json({"rows": len(rows), "problems": []})
        output.say(f"{len(rows)} lines, no problem found.")
        return
    done: list[dict[str, Any]] = []
    try:
        with api() as portal:
            done.extend(_put(portal, line, row) for line, row in rows)
    except Problem:
        output.say(f"{len(done)} of {len(rows)} lines were sent. The same file again does the others as well.")
        raise
    failed = [row for row in done if row["problem"]]
    if json:
        output.as_json(done)
    else:
        output.table(("line", "id", "problem"), [(row["line"], row["id"], row["problem"]) for row in failed or done])
    output.say(f"{len(done) - len(failed)} of {len(done)} customers are as the file says.")
    if failed:
        raise typer.Exit(FAILED)


def read(file: Path) -> tuple[list[tuple[int, dict[str, str]]], list[str]]:
    """Lines by number, and every problem of the file. Raises: Problem, where it is no such file at all."""
    try:
        text = file.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise Problem(f"{file} cannot be read as UTF-8: {error}", USAGE) from None
    delimiter = max((",", ";", "\t"), key=text.partition("\n")[0].count)
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter)
    missing = [name for name in NEEDED if name not in (reader.fieldnames or ())]
    unknown = [name for name in reader.fieldnames or () if name not in COLUMNS]
    twice = sorted({name for name in reader.fieldnames or () if list(reader.fieldnames or ()).count(name) > 1})
    if missing or unknown or twice:
        names = ", ".join(name for name in unknown if PLAIN_NAME.fullmatch(name)) if not missing else ""
        kinds = (
            ("missing", ", ".join(missing)),
            ("unknown", names or str(len(unknown) or "")),
            ("twice", ", ".join(name for name in twice if name in COLUMNS)),
        )
        faults = "; ".join(f"{what}: {names}" for what, names in kinds if names)
        raise Problem(f"The first line of {file} must name columns of {', '.join(COLUMNS)} ({faults}).", USAGE)
    try:
        rows = [(reader.line_num, row) for row in reader]
    except csv.Error as error:
        raise Problem(f"Line {reader.line_num} of {file} is not CSV ({error}).", USAGE) from None
    if len(rows) > MAX_ROWS:
        raise Problem(f"{file} has more than {MAX_ROWS} lines; split it.", USAGE)
    return rows, _problems(rows)


def _problems(rows: list[tuple[int, dict[str, str]]]) -> list[str]:
    seen: set[str] = set()
    problems = []
    for line, row in rows:
        gaps = [name for name in NEEDED if not (row.get(name) or "").strip()]
        if not gaps and (row.get("client_secret") or "").strip() and not (row.get("client_id") or "").strip():
            problems.append(f"line {line}: a client_secret needs its client_id")
        elif gaps or None in row:
            problems.append(f"line {line}: {', '.join(gaps) + ' is missing' if gaps else 'more cells than columns'}")
        elif row["id"].strip() in seen:
            problems.append(f"line {line}: {row['id']} stands in an earlier line already")
        seen.add((row.get("id") or "").strip())
    return problems


def _put(portal: Api, line: int, row: Mapping[str, str]) -> dict[str, Any]:
    cells = {name: (row.get(name) or "").strip() for name in COLUMNS}
    registration = body(**{name: cells[name] for name in COLUMNS[4:]})
    try:
        portal.put(
            customer_path(cells["id"]),
            body(
                name=cells["name"],
                tenant=cells["tenant"],
                app_registration=registration if cells["client_id"] else None,
            )
            | ({"reference": cells["reference"] or None} if "reference" in row else {}),
        )
    except Problem as problem:
        if problem.code in (AWAY, NOT_SIGNED_IN):
            raise
        return {"line": line, "id": cells["id"], "problem": problem.sentence}
    return {"line": line, "id": cells["id"], "problem": None}
