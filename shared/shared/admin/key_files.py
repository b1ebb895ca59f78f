"""Key files as those who run a service change them: a new key, an old one gone. Written whole, for the owner only.

Two forms: a ring of symmetric keys (`crypto.vault`), and the private keys of one reader with the public keys of all
(`crypto.sealed_box`). Nothing here prints a key.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from joserfc.jwk import ECKey, KeyParameters

from shared.domain.rules import Refused

File = dict[str, Any]
MAX_KEYS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """`begins`: from when it seals; None: since before that was written down. `ended`: when its successor began."""

    kid: str
    begins: datetime | None
    ended: datetime | None
    seals: bool


def ring_keys(ring: File, now: datetime) -> list[Key]:
    """Newest first."""
    begins = {kid: datetime.fromisoformat(text) for kid, text in ring.get("from", {}).items()}
    late = sorted(begins, key=lambda kid: begins[kid])
    rest = [kid for kid in ring["keys"] if kid not in begins and kid != ring["current"]]
    order = [*rest, *([ring["current"]] if ring["current"] not in begins else []), *late]
    return _in_order([(kid, begins.get(kid)) for kid in order], now)


def pair_keys(private: File, now: datetime) -> list[Key]:
    """Newest first, as they stand in the file; `iat` says since when."""
    times = [(key["kid"], _at(key.get("iat"), now)) for key in reversed(private["keys"])]
    return _in_order(times, now)


def _at(seconds: float | None, now: datetime) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, now.tzinfo)


def _in_order(oldest_first: list[tuple[str, datetime | None]], now: datetime) -> list[Key]:
    begun = [kid for kid, at in oldest_first if at is None or at <= now]
    ends = [at for _, at in oldest_first[1:]] + [None]
    keys = [
        Key(
            kid=kid,
            begins=begins,
            ended=end if end and end <= now else None,
            seals=kid == begun[-1:][0] if begun else False,
        )
        for (kid, begins), end in zip(oldest_first, ends, strict=True)
    ]
    return keys[::-1]


def symmetric_key() -> tuple[str, str]:
    """A new key for a ring: its id, and 256 bits in base64url."""
    return secrets.token_hex(4), base64.urlsafe_b64encode(secrets.token_bytes(32)).rstrip(b"=").decode()


def sealing_key() -> ECKey:
    """A new private key for a reader, with an id of its own."""
    parameters: KeyParameters = {"kid": secrets.token_hex(4), "use": "enc", "alg": "ECDH-ES+A256KW"}
    return ECKey.generate_key("P-256", parameters, private=True)


def ring_with_new(ring: File, begins: datetime) -> tuple[File, str]:
    """A new key that seals from `begins` on. Raises: Refused."""
    _demand_room(ring["keys"])
    kid, key = symmetric_key()
    at = {**ring.get("from", {}), kid: begins.isoformat()}
    return {"current": ring["current"], "keys": {**ring["keys"], kid: key}, "from": at}, kid


def ring_without(ring: File, kid: str, seals: str) -> File:
    """`seals`: the key that seals now, which is `current` from then on."""
    keys = {name: key for name, key in ring["keys"].items() if name != kid}
    at = {name: text for name, text in ring.get("from", {}).items() if name != kid}
    return {"current": seals, "keys": keys, "from": at}


def pair_with_new(private: File, public: File, reader: str, now: datetime) -> tuple[File, File, str]:
    """A new private key as the first, and its public key as the first of `reader`. Raises: Refused."""
    _demand_room(private["keys"])
    made = sealing_key()
    own = {**made.as_dict(private=True), "iat": int(now.timestamp())}
    shown = {**made.as_dict(private=False), "iat": int(now.timestamp())}
    keys = {"keys": [shown, *public[reader]["keys"]]}
    return {"keys": [own, *private["keys"]]}, {**public, reader: keys}, str(own["kid"])


def pair_without(private: File, public: File, reader: str, kid: str) -> tuple[File, File]:
    kept = [key for key in private["keys"] if key["kid"] != kid]
    shown = [key for key in public[reader]["keys"] if key["kid"] != kid]
    return {"keys": kept}, {**public, reader: {"keys": shown}}


def _demand_room(keys: Mapping[str, Any] | list[Any]) -> None:
    if len(keys) >= MAX_KEYS:
        raise Refused("keys_too_many", f"There are {len(keys)} keys already; retire old ones first.", status=409)


def read_file(path: Path) -> File:
    content: File = json.loads(path.read_bytes())
    return content


def write_file(path: Path, content: File) -> None:
    """Raises: Refused."""
    write_text(path, json.dumps(content, indent=1))


def write_text(path: Path, text: str) -> None:
    """Whole or not at all, and never readable by others in between. Raises: Refused."""
    fresh = path.with_name(path.name + ".new")
    try:
        fresh.unlink(missing_ok=True)
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
            out.write(text)
            out.flush()
            os.fsync(out.fileno())
        fresh.replace(path)
    except OSError as error:
        detail = f"{path} cannot be written ({error.strerror}); name another place with --out."
        raise Refused("file_unwritable", detail, status=409) from None
