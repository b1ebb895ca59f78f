"""What a service does besides serving: `python -m config_svc dead list|show|replay|discard`, for those who run it.

With the settings of the service, on its own servers. Prints text, with --json one JSON document; exits with 0, with 1
where it was refused, failed again or a server is away, with 2 on a wrong call.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from shared.change import Refused, Unavailable
from shared.dead import DeadLetters, Letter, content


def parser(service: str) -> argparse.ArgumentParser:
    found = argparse.ArgumentParser(
        prog=f"python -m {service.replace('-', '_')}", description="Without a command: serve."
    )
    commands = found.add_subparsers(dest="command", required=True)
    dead = commands.add_parser("dead", help="events that could not be taken in")
    verbs = dead.add_subparsers(dest="verb", required=True)
    for name, what in (("list", "those that are open"), ("show", "one, whole"),
                       ("replay", "take one in once more, by the document where it failed"),
                       ("discard", "let one go")):  # fmt: skip
        verb = verbs.add_parser(name, help=what)
        verb.add_argument("--json", action="store_true", help="one JSON document")
        if name != "list":
            verb.add_argument("number", type=int, help="as `dead list` shows it")
    return found


def operate(
    service: str, arguments: Sequence[str], letters: DeadLetters, close: Callable[[], Awaitable[object]]
) -> int:
    asked = parser(service).parse_args(arguments)

    async def run() -> int:
        try:
            return await _VERBS[asked.verb](letters, asked)
        except (Refused, Unavailable) as error:
            print(error.detail if isinstance(error, Refused) else f"{error}; try again later.", file=sys.stderr)
            return 1
        finally:
            await close()

    return asyncio.run(run())


async def _list(letters: DeadLetters, asked: argparse.Namespace) -> int:
    found = await letters.open()
    if asked.json:
        return _print([one.summary() for one in found])
    for one in found:
        print(_line(one))
    print(f"{len(found)} open." if found else "No open dead letters.")
    return 0


async def _show(letters: DeadLetters, asked: argparse.Namespace) -> int:
    found = await letters.one(asked.number)
    return _print(found.summary() | {"body": content(found)})


async def _replay(letters: DeadLetters, asked: argparse.Namespace) -> int:
    why = await letters.replay(asked.number)
    said = {"number": asked.number, "taken": why is None, "why": why}
    if asked.json:
        _print(said)
    else:
        print(f"{asked.number}: taken in." if why is None else f"{asked.number}: failed again, stays open: {why}")
    return 0 if why is None else 1


async def _discard(letters: DeadLetters, asked: argparse.Namespace) -> int:
    await letters.discard(asked.number)
    if asked.json:
        return _print({"number": asked.number, "discarded": True})
    print(f"{asked.number}: let go.")
    return 0


def _line(one: Letter) -> str:
    return f"{one.number:>6}  {one.at[:19]}  {one.type or '-':<28} {one.document or '-':<40} {one.reason}"


def _print(found: Any) -> int:
    print(json.dumps(found, indent=1, ensure_ascii=False))
    return 0


_VERBS: dict[str, Callable[[DeadLetters, argparse.Namespace], Awaitable[int]]] = {
    "list": _list, "show": _show, "replay": _replay, "discard": _discard,
}  # fmt: skip
