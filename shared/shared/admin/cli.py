"""What a service does besides serving: `python -m config_svc dead|keys|reindex ...`, for those who run it.

With the settings of the service, on its own servers. Prints text, with --json one JSON document; exits with 0, with 1
where it was refused, failed again or a server is away, with 2 on a wrong call.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from shared.admin.keys import GRACE, Keys
from shared.admin.reindex import Reindex
from shared.domain.rules import Refused, Unavailable
from shared.messaging.dead_letters import DeadLetter, DeadLetters


def parser(service: str) -> argparse.ArgumentParser:
    found = argparse.ArgumentParser(
        prog=f"python -m {service.replace('-', '_')}", description="Without a command: serve."
    )
    commands = found.add_subparsers(dest="command", required=True)
    dead = commands.add_parser("dead", help="events that could not be taken in")
    verbs = dead.add_subparsers(dest="verb", required=True)
    for name, what in (
        ("list", "those that are open"),
        ("show", "one, whole"),
        ("replay", "take one in once more, by the document where it failed"),
        ("discard", "let one go"),
    ):
        verb = verbs.add_parser(name, help=what)
        verb.add_argument("--json", action="store_true", help="one JSON document")
        if name != "list":
            verb.add_argument("number", type=int, help="as `dead list` shows it")
    _add_keys(commands)
    again = commands.add_parser("reindex", help="write documents anew, with the search fields of this version")
    again.add_argument("--json", action="store_true", help="one JSON document")
    again.add_argument("--store", help="only this collection")
    again.add_argument("--after", default="", help="go on behind this id, as a stopped call has shown it")
    again.set_defaults(verb="reindex")
    return found


def _add_keys(commands: Any) -> None:
    verbs = commands.add_parser("keys", help="the keys of this service").add_subparsers(dest="verb", required=True)
    for name, what in (
        ("status", "ids, ages, and how many documents are sealed under each"),
        ("rotate", "write the key file with a new key"),
        ("reseal", "bring all documents under the key that seals now"),
        ("retire", "write the key file without an old key, if nothing needs it any more"),
    ):
        verb = verbs.add_parser(name, help=what)
        verb.add_argument("--json", action="store_true", help="one JSON document")
        if name in ("rotate", "retire"):
            verb.add_argument("kind", choices=("vault", "link", "seal"))
            verb.add_argument("--out", type=Path, help="where to write the file (default: where it is)")
            verb.add_argument("--public-out", type=Path, help="the same for the public keys (seal)")
    rotate = verbs.choices["rotate"]
    rotate.add_argument("--grace", type=_minutes, default=GRACE, help="minutes until it seals (60): restart all before")
    verbs.choices["retire"].add_argument("key", help="its id, as `keys status` shows it")


def _minutes(text: str) -> timedelta:
    return timedelta(minutes=float(text))


def operate(
    service: str,
    arguments: Sequence[str],
    letters: DeadLetters,
    close: Callable[[], Awaitable[object]],
    keys: Keys | None = None,
    reindex: Reindex | None = None,
) -> int:
    asked = parser(service).parse_args(arguments)

    async def run() -> int:
        try:
            part: Any = {"dead": letters, "keys": keys, "reindex": reindex}[asked.command]
            return await _VERBS[asked.verb](part, asked)
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
    letter = await letters.one(asked.number)
    return _print(letter.summary() | {"body": letter.body()})


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


def _line(one: DeadLetter) -> str:
    return f"{one.number:>6}  {one.at[:19]}  {one.type or '-':<28} {one.document or '-':<40} {one.reason}"


def _print(found: Any) -> int:
    print(json.dumps(found, indent=1, ensure_ascii=sys.stdout.isatty()))
    return 0


async def _status(keys: Keys, asked: argparse.Namespace) -> int:
    found = await keys.status()
    if asked.json:
        return _print(found)
    for one in found:
        days = "-" if one["days"] is None else one["days"]
        line = f"{one['kind']:<6} {one['key']:<16} {one['role']:<13} {days!s:>5} days  {one['documents']:>7} documents"
        print(f"{line}  from {one['begins'][:16]}" if one["begins"] else line)
    return 0


async def _rotate(keys: Keys, asked: argparse.Namespace) -> int:
    return _print(keys.rotate(asked.kind, asked.out, asked.public_out, asked.grace))


async def _reseal(keys: Keys, asked: argparse.Namespace) -> int:
    changed = await keys.reseal(lambda seen, changed: _progress(f"{seen} seen, {changed} brought under the key"))
    return _print({"resealed": changed}) if asked.json else _say(f"{changed} documents brought under the key.")


async def _retire(keys: Keys, asked: argparse.Namespace) -> int:
    return _print(await keys.retire(asked.kind, asked.key, asked.out, asked.public_out))


async def _reindex(reindex: Reindex, asked: argparse.Namespace) -> int:
    written = await reindex.run(asked.store, asked.after, lambda store, id, n: _progress(f"{store}: {n}, up to {id}"))
    return _print(written) if asked.json else _say("\n".join(f"{name}: {n} written" for name, n in written.items()))


def _progress(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _say(text: str) -> int:
    print(text)
    return 0


_VERBS: dict[str, Callable[[Any, argparse.Namespace], Awaitable[int]]] = {
    "list": _list,
    "show": _show,
    "replay": _replay,
    "discard": _discard,
    "status": _status,
    "rotate": _rotate,
    "reseal": _reseal,
    "retire": _retire,
    "reindex": _reindex,
}
