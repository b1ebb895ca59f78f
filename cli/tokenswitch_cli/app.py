"""tokenswitch: all commands, composed."""

from __future__ import annotations

import io
import json as json_module
import sys
from typing import Annotated

import typer

from tokenswitch_cli import bulk, customers, output, session, switches, watch
from tokenswitch_cli.common import Json, Target, api, reports_problems
from tokenswitch_cli.errors import USAGE, Problem

app = typer.Typer(
    name="tokenswitch",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Move customers to token authentication. Exit codes: 0 done, 1 failed, 2 wrong use, 3 not signed in, "
    "4 not found, 5 conflict, 6 away, 130 interrupted.",
)


@app.callback()
def main(
    url: Annotated[
        str | None, typer.Option(envvar="TOKENSWITCH_URL", help="The portal; else that of the last login.")
    ] = None,
    ca_file: Annotated[str | None, typer.Option(envvar="TOKENSWITCH_CA_FILE", help="A private authority, PEM.")] = None,
) -> None:
    Target.url, Target.ca_file = url, ca_file


@app.command()
@reports_problems
def login(
    url: Annotated[str | None, typer.Option(help="The portal, like https://portal.example.com.")] = None,
    ca_file: Annotated[str | None, typer.Option(help="A private authority, PEM.")] = None,
    browser: Annotated[bool, typer.Option(help="Open a browser; without it the address is printed.")] = True,
    port: Annotated[int | None, typer.Option(help="The loopback port to come back to; else any.")] = None,
    moved: Annotated[bool, typer.Option("--moved", help="The portal that you know has this address now.")] = False,
) -> None:
    """Sign in at the provider's Microsoft tenant, in a browser."""
    address = url or Target.url or session.load("last.json").get("url")
    if not address:
        raise Problem("Name the portal: `tokenswitch login --url https://portal.example.com`.", USAGE)
    where = session.portal_address(address, ca_file or Target.ca_file)
    sign_in = session.sign_in_of(where)
    session.demand_known(where, sign_in, moved)
    output.say(f"Signing in at {sign_in['authority']}; {where.url} will get tokens for {', '.join(sign_in['scopes'])}.")
    show = None if browser else _shown
    person = session.Login(where, sign_in).by_browser(show, port)
    session.save(
        "sign-in.json", json_module.dumps(session.load("sign-in.json") | {where.url: {**sign_in, "person": person}})
    )
    session.save("last.json", json_module.dumps({"url": where.url, "ca_file": where.ca_file}))
    output.say(f"Signed in as {person} at {where.url}.")


def _shown(address: str) -> None:
    output.say("Open this address in a browser on this machine:")
    print(output.clean(address), flush=True)


@app.command()
@reports_problems
def logout() -> None:
    """Forget the tokens on this machine."""
    output.say("Signed out." if session.forget() else "Nobody was signed in.")


@app.command()
@reports_problems
def whoami(json: Json = False) -> None:
    """Who you are for the portal, and what you may do."""
    with api() as portal:
        person = portal.get("/me") | {"url": portal.where.url}
    output.as_json(person) if json else output.facts(person | {"roles": ", ".join(person["roles"])})


app.add_typer(customers.app, name="customers")
app.add_typer(bulk.app, name="bulk")
switches.add_to(app)
watch.add_to(app)


def run() -> None:
    if not sys.stdout.isatty() and isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")  # programs read the same wherever it runs
    app()
