"""Keys of a service, for the people who run it: which there are and what needs them, a new one, the end of an old one.

`rotate` writes a file with a new key; every replica is given it and started anew before the key begins to seal.
`reseal` brings documents under it, `retire` writes a file without the old one once nothing needs that any more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from shared.admin.key_files import (
    File,
    Key,
    pair_keys,
    pair_with_new,
    pair_without,
    read_file,
    ring_keys,
    ring_with_new,
    ring_without,
    write_file,
)
from shared.admin.sealed_values import sealed_under
from shared.domain.rules import Clock, Refused, Rule, utc_now
from shared.messaging.kafka import RETENTION_MS
from shared.store.store import Store

Kind = Literal["vault", "link", "seal"]
PAGE_SIZE = 200
GRACE = timedelta(hours=1)
NEEDED_AFTER: Mapping[Kind, tuple[timedelta, str]] = {
    "vault": (timedelta(hours=1), "sign-ins that are under way carry its signature"),
    "link": (timedelta(days=91), "invitations, which live 90 days at most, carry its signature"),
    "seal": (timedelta(milliseconds=RETENTION_MS, days=1), "events on the topic hold parts that are sealed under it"),
}
"""How long a key must open after its successor began to seal, and why. (The topic keeps 30 days; if yours keeps its
events longer, a key of the kind `seal` is needed for as long as they can be read anew.)"""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyFile:
    """One key file of a service: a ring of symmetric keys, or the private keys of one reader (`seal`)."""

    kind: Kind
    path: Path
    public: Path | None = None
    """The file with the public keys of all readers."""
    reader: str = ""
    """Whose private keys these are."""


class Keys:
    """`resealing`: store name -> the rule that brings a document under the key that seals now."""

    def __init__(
        self,
        files: Sequence[KeyFile],
        stores: Mapping[str, Store[Any]],
        resealing: Mapping[str, Rule[Any]],
        clock: Clock = utc_now,
    ) -> None:
        self._files = {one.kind: one for one in files}
        self._stores, self._resealing, self._clock = stores, resealing, clock

    async def status(self) -> list[dict[str, Any]]:
        """All keys, newest first in each file, with the number of documents that are sealed under each."""
        counted, now = await self._counted(), self._clock()
        return [
            _row(kind, key, now) | {"documents": counted[kind, key.kid]}
            for kind in self._files
            for key in self._keys(kind)
        ]

    def rotate(self, kind: Kind, out: Path | None, public_out: Path | None, grace: timedelta) -> dict[str, Any]:
        """Writes the file with a new key. Raises: Refused."""
        file, now = self._file(kind), self._clock()
        held = read_file(file.path)
        if file.public is None:
            ring, kid = ring_with_new(held, now + grace)
            write_file(out or file.path, ring)
            return {"kind": kind, "key": kid, "seals_from": (now + grace).isoformat(), "file": str(out or file.path)}
        private, public, kid = pair_with_new(held, read_file(file.public), file.reader, now)
        write_file(out or file.path, private)
        write_file(public_out or file.public, public)
        return {"kind": kind, "key": kid, "file": str(out or file.path), "public": str(public_out or file.public)}

    async def reseal(self, progress: Callable[[int, int], None] = lambda seen, changed: None) -> int:
        """Brings every document under the key that seals now, page by page; gives how many were changed. `progress`
        hears after each page how many were seen and changed.

        Each is one ordinary guarded write. Stopped at any place, it is simply called again. Raises: Unavailable.
        """
        changed = seen = 0
        for name, rule in self._resealing.items():
            store = self._stores[name]
            async for page in store.collection.pages(PAGE_SIZE, fields=("_id",)):
                for document in page:
                    changed += (await store.apply(document["_id"], rule)).changed
                seen += len(page)
                progress(seen, changed)
        return changed

    async def retire(self, kind: Kind, kid: str, out: Path | None, public_out: Path | None) -> dict[str, Any]:
        """Writes the file without the key. Raises: Refused, while anything may still need it; Unavailable."""
        file = self._file(kind)
        key = next((key for key in self._keys(kind) if key.kid == kid), None)
        _demand_spare(kind, key, kid, self._clock())
        if held := (await self._counted())[kind, kid]:
            advice = "run `keys reseal`" if kind == "vault" else "they go with their attempts, within 15 minutes"
            raise _kept(kid, f"{held} documents still hold what is sealed under it; {advice}")
        self._write_without(file, kid, out, public_out)
        return {"kind": kind, "key": kid, "retired": True, "file": str(out or file.path)}

    def _write_without(self, file: KeyFile, kid: str, out: Path | None, public_out: Path | None) -> None:
        held = read_file(file.path)
        if file.public is None:
            seals = next(key.kid for key in self._keys(file.kind) if key.seals)
            return write_file(out or file.path, ring_without(held, kid, seals))
        private, public = pair_without(held, read_file(file.public), file.reader, kid)
        write_file(public_out or file.public, public)  # first: nobody seals any more for what nobody opens
        return write_file(out or file.path, private)

    def _file(self, kind: Kind) -> KeyFile:
        if kind not in self._files:
            detail = f"This service has no keys of the kind {kind}; it has {', '.join(self._files) or 'none'}."
            raise Refused("keys_unknown", detail, status=404)
        return self._files[kind]

    def _keys(self, kind: Kind) -> list[Key]:
        file = self._file(kind)
        read: Callable[[File, datetime], list[Key]] = ring_keys if file.public is None else pair_keys
        return read(read_file(file.path), self._clock())

    async def _counted(self) -> Counter[tuple[str, str]]:
        counted: Counter[tuple[str, str]] = Counter()
        for store in self._stores.values():
            async for page in store.collection.pages(PAGE_SIZE, fields=("state", "outbox")):
                for document in page:
                    counted.update(dict.fromkeys(sealed_under(document), 1))
        return counted


def _row(kind: Kind, key: Key, now: datetime) -> dict[str, Any]:
    waits = key.begins is not None and key.begins > now
    age = (now - key.begins).days if key.begins and not waits else None
    role = "seals" if key.seals else "begins later" if waits else "opens"
    return {
        "kind": kind,
        "key": key.kid,
        "role": role,
        "days": age,
        "begins": key.begins.isoformat() if key.begins else None,
    }


def _demand_spare(kind: Kind, key: Key | None, kid: str, now: datetime) -> None:
    if key is None:
        raise Refused("key_unknown", f"There is no key {kid} of the kind {kind}.", status=404)
    if key.seals or key.ended is None:
        raise _kept(kid, "it seals, or has not begun to; only a key that another one followed can go")
    after, why = NEEDED_AFTER[kind]
    if now < key.ended + after:
        raise _kept(kid, f"until {(key.ended + after):%Y-%m-%d %H:%M} UTC {why}")


def _kept(kid: str, why: str) -> Refused:
    return Refused("key_needed", f"The key {kid} must stay: {why}.", status=409)
