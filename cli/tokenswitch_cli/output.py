"""What is printed: tables for people, JSON for programs. Nothing that came from elsewhere can steer the terminal."""

from __future__ import annotations

import json
import sys
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

WIDE = 10_000
"""Columns where nobody looks: in a pipe no cell is cut or broken."""


def console(stderr: bool = False) -> Console:
    stream = sys.stderr if stderr else sys.stdout
    return Console(file=stream, width=None if stream.isatty() else WIDE, highlight=False, soft_wrap=not stream.isatty())


def clean(value: Any) -> str:
    """A value as one line of text without control characters (terminals take them as commands)."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "".join(" " if unicodedata.category(letter).startswith("C") else letter for letter in str(value))


def waiting(customer: Mapping[str, Any]) -> str | None:
    """That Microsoft has not answered about a customer, and when it is asked again; None: nothing is waited for."""
    found = customer.get("waiting")
    return f"waiting for Microsoft since {found['since']}, next try {found['next_try']}" if found else None


def as_json(value: Any) -> None:
    """At a terminal without letters beyond ASCII: some of them are commands to it."""
    tty = sys.stdout.isatty()
    print(json.dumps(value, indent=2 if tty else None, ensure_ascii=tty or sys.stdout.encoding != "utf-8"))


def json_line(value: Any) -> None:
    print(json.dumps(value), flush=True)


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """A table; in a pipe one line a row, parted by tabs, with a heading."""
    rows = list(rows)
    if not sys.stdout.isatty():
        for row in ([column.upper() for column in columns], *rows):
            print("\t".join(clean(cell) for cell in row))
        return
    made = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        made.add_column(column.upper(), overflow="fold")
    for row in rows:
        made.add_row(*(Text(clean(cell)) for cell in row))
    console().print(made)


def facts(pairs: Mapping[str, Any]) -> None:
    """Names and values, one a line."""
    width = max((len(name) for name in pairs), default=0)
    for name, value in pairs.items():
        print(f"{name:<{width}}  {clean(value)}")


def say(text: str) -> None:
    """A word to the person, beside the output: never in a program's way."""
    print(clean(text), file=sys.stderr, flush=True)
