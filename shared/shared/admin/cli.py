"""What a service does besides serving: `python -m config_svc dead|keys|reindex|indexes ...`, for those who run it.

With the settings of the service, on its own servers. Prints text, with --json one JSON document; exits with 0, with 1
where it was refused, failed again or a server is away, with 2 on a wrong call.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from shared.admin.indexes import WantedIndexes, build
from shared.admin.keys import GRACE, Keys
from shared.admin.reindex import reindex
from shared.domain.rules import Refused, Unavailable
from shared.messaging.dead_letters import DeadLetter, DeadLetters
from shared.store.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Admin:
    """The commands of one service."""

    dead_letters: DeadLetters
    keys: Keys
    stores: Mapping[str, Store[Any]]
    indexes: WantedIndexes

    def main(self, service: str, arguments: Sequence[str], close: Callable[[], Awaitable[object]]) -> int:
        """Does what the arguments say, then `close`; gives the exit code."""
        asked = parser(service).parse_args(arguments)

        async def run() -> int:
            try:
                code: int = await asked.run(self, asked)
                return code
            except (Refused, Unavailable) as error:
                print(error.detail if isinstance(error, Refused) else f"{error}; try again later.", file=sys.stderr)
                return 1
            finally:
                await close()

        return asyncio.run(run())


Run = Callable[[Admin, argparse.Namespace], Awaitable[int]]


def parser(service: str) -> argparse.ArgumentParser:
    program = f"python -m {service.replace('-', '_')}"
    parser = argparse.ArgumentParser(prog=program, description="Without a command: serve.")
    commands = parser.add_subparsers(dest="command", required=True)
    _add_dead(commands.add_parser("dead", help="events that could not be taken in"))
    _add_keys(commands.add_parser("keys", help="the keys of this service"))
    anew = _add(commands, "reindex", "write documents anew, with the search fields of this version", _reindex)
    anew.add_argument("--store", help="only this collection")
    anew.add_argument("--after", default="", help="go on behind this id, as a stopped call has shown it")
    indexes = _add(commands, "indexes", "build the indexes that this version needs, before it is rolled out", _indexes)
    indexes.add_argument("--drop", action="store_true", help="drop those that it does not need, after the roll-out")
    return parser


def _add(commands: Any, name: str, help: str, run: Run) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(name, help=help)
    command.add_argument("--json", action="store_true", help="one JSON document")
    command.set_defaults(run=run)
    return command


def _add_dead(dead: argparse.ArgumentParser) -> None:
    verbs = dead.add_subparsers(dest="verb", required=True)
    _add(verbs, "list", "those that are open", _list)
    one = (
        _add(verbs, "show", "one, whole", _show),
        _add(verbs, "replay", "take one in once more, by the document where it failed", _replay),
        _add(verbs, "discard", "let one go", _discard),
    )
    for verb in one:
        verb.add_argument("number", type=int, help="as `dead list` shows it")


def _add_keys(keys: argparse.ArgumentParser) -> None:
    verbs = keys.add_subparsers(dest="verb", required=True)
    _add(verbs, "status", "ids, ages, and how many documents are sealed under each", _status)
    rotate = _add(verbs, "rotate", "write the key file with a new key", _rotate)
    _add(verbs, "reseal", "bring all documents under the key that seals now", _reseal)
    retire = _add(verbs, "retire", "write the key file without an old key, if nothing needs it any more", _retire)
    for verb in (rotate, retire):
        verb.add_argument("kind", choices=("vault", "link", "seal"))
        verb.add_argument("--out", type=Path, help="where to write the file (default: where it is)")
        verb.add_argument("--public-out", type=Path, help="the same for the public keys (seal)")
    rotate.add_argument("--grace", type=_minutes, default=GRACE, help="minutes until it seals (60): restart all before")
    retire.add_argument("key", help="its id, as `keys status` shows it")


def _minutes(text: str) -> timedelta:
    return timedelta(minutes=float(text))


# --- dead letters ---------------------------------------------------------------------------------


async def _list(admin: Admin, asked: argparse.Namespace) -> int:
    letters = await admin.dead_letters.open()
    if asked.json:
        return _print_json([letter.summary() for letter in letters])
    for letter in letters:
        print(_line(letter))
    return _print(f"{len(letters)} open." if letters else "No open dead letters.")


async def _show(admin: Admin, asked: argparse.Namespace) -> int:
    letter = await admin.dead_letters.one(asked.number)
    return _print_json(letter.summary() | {"body": letter.body()})


async def _replay(admin: Admin, asked: argparse.Namespace) -> int:
    why = await admin.dead_letters.replay(asked.number)
    if asked.json:
        _print_json({"number": asked.number, "taken": why is None, "why": why})
    else:
        print(f"{asked.number}: taken in." if why is None else f"{asked.number}: failed again, stays open: {why}")
    return 0 if why is None else 1


async def _discard(admin: Admin, asked: argparse.Namespace) -> int:
    await admin.dead_letters.discard(asked.number)
    if asked.json:
        return _print_json({"number": asked.number, "discarded": True})
    return _print(f"{asked.number}: let go.")


def _line(letter: DeadLetter) -> str:
    document = letter.document or "-"
    return f"{letter.number:>6}  {letter.at[:19]}  {letter.type or '-':<28} {document:<40} {letter.reason}"


# --- keys -----------------------------------------------------------------------------------------


async def _status(admin: Admin, asked: argparse.Namespace) -> int:
    rows = await admin.keys.status()
    if asked.json:
        return _print_json(rows)
    for key in rows:
        days = "-" if key["days"] is None else key["days"]
        line = f"{key['kind']:<6} {key['key']:<16} {key['role']:<13} {days!s:>5} days  {key['documents']:>7} documents"
        print(f"{line}  from {key['begins'][:16]}" if key["begins"] else line)
    return 0


async def _rotate(admin: Admin, asked: argparse.Namespace) -> int:
    return _print_json(admin.keys.rotate(asked.kind, asked.out, asked.public_out, asked.grace))


async def _reseal(admin: Admin, asked: argparse.Namespace) -> int:
    changed = await admin.keys.reseal(lambda seen, changed: _progress(f"{seen} seen, {changed} brought under the key"))
    return _print_json({"resealed": changed}) if asked.json else _print(f"{changed} documents brought under the key.")


async def _retire(admin: Admin, asked: argparse.Namespace) -> int:
    return _print_json(await admin.keys.retire(asked.kind, asked.key, asked.out, asked.public_out))


# --- documents ------------------------------------------------------------------------------------


async def _reindex(admin: Admin, asked: argparse.Namespace) -> int:
    def progress(store: str, id: str, written: int) -> None:
        _progress(f"{store}: {written}, up to {id}")

    written = await reindex(admin.stores, asked.store, asked.after, progress)
    if asked.json:
        return _print_json(written)
    return _print("\n".join(f"{store}: {number} written" for store, number in written.items()))


async def _indexes(admin: Admin, asked: argparse.Namespace) -> int:
    left = await build(admin.indexes, drop=asked.drop, progress=_progress)
    if asked.json:
        return _print_json(left)
    what = "dropped" if asked.drop else "left over; --drop them once every replica is of this version"
    lines = [f"{collection}: {name} {what}" for collection, names in left.items() for name in names]
    return _print("\n".join([*lines, "All indexes are built."]))


def _progress(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _print(text: str) -> int:
    print(text)
    return 0


def _print_json(document: Any) -> int:
    return _print(json.dumps(document, indent=1, ensure_ascii=sys.stdout.isatty()))
