"""What commands share: their options, and how a problem ends one."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable
from typing import Annotated, Any, TypeVar
from urllib.parse import quote

import typer

from tokenswitch_cli import output, session
from tokenswitch_cli.client import Api, given_token
from tokenswitch_cli.errors import INTERRUPTED, USAGE, Problem

F = TypeVar("F", bound=Callable[..., Any])
Json = Annotated[bool, typer.Option("--json", help="JSON instead of a table.")]
Limit = Annotated[int, typer.Option(help="Rows at most; 0 for all.", min=0)]
Customer = Annotated[str, typer.Argument(help="The customer's id.", metavar="CUSTOMER")]


class Target:
    """Where commands go, chosen before them: `tokenswitch --url ... COMMAND`, the environment, or the last login."""

    url: str | None = None
    ca_file: str | None = None


def api() -> Api:
    """Raises: Problem, where no portal was named."""
    last = session.load("last.json")
    url = Target.url or last.get("url")
    if not url:
        raise Problem("Name the portal: `tokenswitch login --url https://portal.example.com`.", USAGE)
    ca_file = Target.ca_file or (last.get("ca_file") if url.rstrip("/") == last.get("url") else None)
    return Api(session.portal_address(url, ca_file), given_token())


def reports_problems(command: F) -> F:
    """A problem ends the command with its sentence and code; Ctrl-C with 130."""

    @functools.wraps(command)
    def run(*args: Any, **more: Any) -> Any:
        try:
            answer = command(*args, **more)
            sys.stdout.flush()
            return answer
        except Problem as problem:
            if more.get("json"):
                output.as_json(problem.answer)
            output.say(problem.sentence)
            raise typer.Exit(problem.code) from None
        except KeyboardInterrupt:
            raise typer.Exit(INTERRUPTED) from None
        except BrokenPipeError:  # whoever read has read enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is still to be flushed goes nowhere
            raise typer.Exit(0) from None

    return run  # type: ignore[return-value]


def customer_path(customer: str, what: str = "") -> str:
    """The path of a customer, or of something of theirs; whatever was typed as an id stays one part of it."""
    return f"/customers/{quote(customer, safe='')}{what}"


def body(**fields: Any) -> dict[str, Any]:
    """Only what was given."""
    return {name: value for name, value in fields.items() if value not in (None, "", (), [])}
