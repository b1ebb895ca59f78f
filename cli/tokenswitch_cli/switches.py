"""tokenswitch validate, switch, resend, cancel, pending, status, timeline."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import typer

from tokenswitch_cli import bulk, output
from tokenswitch_cli.client import Api
from tokenswitch_cli.common import Customer, Json, Limit, api, body, customer_path, reports_problems
from tokenswitch_cli.errors import AWAY, FAILED, NOT_SIGNED_IN, USAGE, Problem

POLL_SECONDS = 2.0
Number = Annotated[int | None, typer.Option("--switch", help="Which switch is meant; else the current one.")]


def add_to(app: typer.Typer) -> None:
    for command in (validate, switch, resend, cancel, pending, status, timeline):
        app.command()(command)


@reports_problems
def validate(
    customers: Annotated[list[str], typer.Argument(help="Ids of customers.", metavar="CUSTOMER...")],
    wait: Annotated[int, typer.Option(help="Seconds to wait for the outcomes; 0: do not wait.", min=0, max=3600)] = 60,
    json: Json = False,
) -> None:
    """Prove the method in force; exit code 1 if one of them failed or did not answer in time."""
    with api() as portal:
        refused = {id: _asked(portal, id, alone=len(customers) == 1) for id in dict.fromkeys(customers)}
        until = time.monotonic() + wait if wait else None
        rows = [
            {"id": id, "status": "refused", "reason": why} if why else _outcome(portal, id, until)
            for id, why in refused.items()
        ]
    if json:
        output.as_json(rows)
    else:
        output.table(("customer", "status", "reason"), [(row["id"], row["status"], row["reason"]) for row in rows])
    if wait and any(row["status"] != "successful" for row in rows):
        raise typer.Exit(FAILED)


def _asked(portal: Api, id: str, alone: bool) -> str:
    """Why this one was refused; one of several does not keep the others from being asked."""
    try:
        portal.command(customer_path(id, "/validation"))
    except Problem as problem:
        if alone or problem.code in (AWAY, NOT_SIGNED_IN):
            raise
        return problem.sentence
    return ""


def _outcome(portal: Api, id: str, until: float | None) -> dict[str, Any]:
    while True:
        customer = portal.get(customer_path(id))
        if customer["status"] != "checking" or until is None or time.monotonic() >= until:
            if waiting := output.waiting(customer):
                return {"id": id, "status": "waiting", "reason": waiting}
            reason = customer["status_reason"] or {}
            return {"id": id, "status": customer["status"], "reason": reason.get("sentence") or reason.get("code")}
        time.sleep(POLL_SECONDS)


@reports_problems
def switch(
    customer: Annotated[str | None, typer.Argument(help="The customer's id; or --file.", metavar="[CUSTOMER]")] = None,
    email: Annotated[str | None, typer.Option(help="The administrator who is to sign in.")] = None,
    name: Annotated[str, typer.Option(help="Their name; with --file the bulk switch's.")] = "",
    to: Annotated[str | None, typer.Option(help="token (so without it) or app_registration.")] = None,
    language: Annotated[str | None, typer.Option(help="en (so without it), de, fr, es or ja.")] = None,
    reference: Annotated[str | None, typer.Option(help="Your own, a ticket's number say.")] = None,
    renew: Annotated[bool, typer.Option("--renew", help="Claim the access in force anew.")] = False,
    file: Annotated[
        Path | None, typer.Option(help="CSV: customer, admin_email, admin_name, locale, reference.")
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="With --file: only look at the file.")] = False,
    pace: Annotated[
        int | None, typer.Option(help="With --file: invitations a minute; else 60.", min=1, max=600)
    ] = None,
    first: Annotated[int | None, typer.Option(help="With --file: so many first, else 10; 0: no waves.", min=0)] = None,
    go_on: Annotated[bool, typer.Option("--go-on", help="With --file: do not pause after the first.")] = False,
    skip_problems: Annotated[bool, typer.Option("--skip-problems", help="With --file: ask the good lines.")] = False,
    follow: Annotated[bool, typer.Option(help="With --file: show how far it is until all are asked.")] = True,
    json: Json = False,
) -> None:
    """Ask for a switch: of one customer, or of all in a file. The same file again goes on where it was."""
    if (customer is None) == (file is None):
        raise Problem("Name one customer, or a file by --file.", USAGE)
    alone = {"--email": email, "--to": to, "--language": language, "--reference": reference, "--renew": renew or None}
    files = {
        "--check": check or None,
        "--pace": pace,
        "--first": first,
        "--go-on": go_on or None,
        "--skip-problems": skip_problems or None,
        "--no-follow": None if follow else True,
    }
    if strange := [option for option, given in (alone if file else files).items() if given is not None]:
        what = "is of one customer; a file has columns for it" if file else "goes with --file only"
        raise Problem(f"{', '.join(strange)} {what}.", USAGE)
    with api() as portal:
        if file is not None:
            waves = 10 if first is None else first
            options = bulk.Options(
                name=name or file.stem, per_minute=pace or 60, first=waves, pause=not go_on, skip_problems=skip_problems
            )
            bulk.from_file(portal, file, options=options, check=check, follow=follow, json=json)
            return
        request = body(
            to=to or "token",
            admin_email=email,
            admin_name=name,
            locale=language,
            reference=reference,
            renew=renew or None,
        )
        answer = portal.command(customer_path(str(customer), "/switch"), request)
    output.as_json(answer) if json else output.say(f"Switch {answer['switch']} of {customer} has begun.")


@reports_problems
def resend(
    customer: Customer,
    number: Number = None,
    email: Annotated[str | None, typer.Option(help="Another address: a new switch.")] = None,
    json: Json = False,
) -> None:
    """Send the invitation again."""
    with api() as portal:
        request = body(switch=number or _current(portal, customer), admin_email=email)
        answer = portal.command(customer_path(customer, "/switch/resend"), request)
    output.as_json(answer) if json else output.say(f"The invitation of switch {answer['switch']} is on its way.")


@reports_problems
def cancel(customer: Customer, number: Number = None, json: Json = False) -> None:
    """End a running switch; what is in force stays in force."""
    with api() as portal:
        number = number or _current(portal, customer)
        answer = portal.delete(customer_path(customer, "/switch"), "switch_ended", switch=number)
    output.as_json(answer) if json else output.say(f"Switch {answer['switch']} is cancelled.")


def _current(portal: Api, customer: str) -> int:
    switch = portal.get(customer_path(customer))["switch"]
    if not switch:
        raise Problem(f"{customer} has no switch; ask for one by `tokenswitch switch`.", FAILED)
    return int(switch["number"])


@reports_problems
def pending(
    q: Annotated[str | None, typer.Argument(help="Beginnings of words.")] = None,
    state: Annotated[str, typer.Option(help="all, pending, or a state.")] = "pending",
    sort: Annotated[str, typer.Option(help="created, expires or name; with - the other way round.")] = "-created",
    limit: Limit = 50,
    json: Json = False,
) -> None:
    """Pending invitations."""
    with api() as portal:
        rows = list(portal.every("/invitations", limit, q=q, state=state, sort=sort))
    if json:
        output.as_json(rows)
        return
    output.table(
        ("customer", "administrator", "state", "created", "expires", "reference"),
        [
            (
                row["customer"],
                row["invitation_email"],
                row["state"],
                row["created_at"],
                row["expires_at"],
                row["reference"],
            )
            for row in rows
        ],
    )


@reports_problems
def status(
    q: Annotated[str | None, typer.Argument(help="Beginnings of words.")] = None,
    state: Annotated[str, typer.Option(help="failed, checking, unknown, successful, or all.")] = "failed",
    limit: Limit = 50,
    json: Json = False,
) -> None:
    """Customers whose access does not work (or in another status); exit code 1 if any failed."""
    with api() as portal:
        rows = list(portal.every("/customers", limit, q=q, status=None if state == "all" else state))
        failed = [row for row in rows if row["status"] == "failed"]
        if state == "all" and not failed:  # it may stand behind the rows that are shown
            failed = portal.get("/customers", q=q, status="failed", limit=1)["items"]
    if json:
        output.as_json(rows)
    else:
        output.table(
            ("customer", "name", "status", "since", "reason"),
            [
                (
                    row["id"],
                    row["name"],
                    row["status"],
                    row["status_at"],
                    output.waiting(row) or (row["status_reason"] or {}).get("sentence"),
                )
                for row in rows
            ],
        )
    if failed:
        raise typer.Exit(FAILED)


@reports_problems
def timeline(customer: Customer, limit: Limit = 30, json: Json = False) -> None:
    """What happened to a customer, newest first."""
    with api() as portal:
        rows = list(portal.every(customer_path(customer, "/timeline"), limit))
    if json:
        output.as_json(rows)
        return
    output.table(("at", "what", "by"), [(row["at"], row["summary"], row.get("by")) for row in rows])
