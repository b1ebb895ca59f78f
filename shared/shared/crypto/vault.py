"""Sealing at rest: AES-256-GCM envelopes. Each record has a key of its own, wrapped by a named key of the ring.

The context (such as `access/<customer>/grant/7`) is authenticated: an envelope that is moved to another record does
not open. Keys rotate without downtime: new envelopes take the current key, old ones open as long as theirs is kept.
"""

from __future__ import annotations

import json
import re
import secrets
from base64 import urlsafe_b64decode
from binascii import Error as Base64Error
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import AfterValidator

from shared.crypto.secret import Secret
from shared.domain.rules import Clock, utc_now

Envelope = dict[str, Any]
VERSION = 1
ALGORITHM = "A256GCM"
KEY_BYTES = 32
NONCE_BYTES = 12
_WRAPPED_BYTES = KEY_BYTES + 16
_KID = re.compile(r"[A-Za-z0-9._-]{1,32}")


class VaultError(Exception):
    """An envelope cannot be opened: changed, of another record, or sealed with a key that the ring does not have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRing:
    """Named keys of 32 bytes; all open. The one that began last seals, before any began it is `current`.

    `begins`: from when on a new key seals. Until then every replica can be given the file, and none meets what it
    cannot open.
    """

    current: str
    keys: Mapping[str, Secret[bytes]]
    begins: Mapping[str, datetime] = field(default_factory=dict)
    clock: Clock = utc_now

    @classmethod
    def from_file(cls, path: Path | str) -> KeyRing:
        """Reads {"current": kid, "keys": {kid: base64url of 32 bytes}, "from": {kid: time}}; `from` may be missing.

        Raises: ValueError with what is wrong.
        """
        try:
            content = json.loads(Path(path).read_bytes())
            current, keys = str(content["current"]), {kid: _key(text) for kid, text in content["keys"].items()}
            begins = {kid: _time(text) for kid, text in content.get("from", {}).items()}
        except OSError as error:
            raise ValueError(f"names a file that cannot be read ({path}: {error.strerror})") from None
        except (ValueError, KeyError, TypeError, AttributeError):
            raise ValueError(f"names a file that is no key ring ({path}); {_FORM}") from None
        if current not in keys or not all(_KID.fullmatch(kid) for kid in keys):
            raise ValueError(f"names a key ring without its current key, or with a wrong key id ({path}); {_FORM}")
        if not begins.keys() <= keys.keys():
            raise ValueError(f"names a key ring that says from when a key seals which it does not have ({path})")
        return cls(current=current, keys=keys, begins=begins)

    def sealing(self) -> str:
        """The id of the key that seals now."""
        now = self.clock()
        begun = [(at, kid) for kid, at in self.begins.items() if at <= now]
        return max(begun)[1] if begun else self.current

    def derive(self, kid: str, purpose: str) -> bytes | None:
        """A key for one purpose only; None if there is no such key."""
        key = self.keys.get(kid)
        if key is None:
            return None
        info = f"tokenswitch/{purpose}/1".encode()
        return HKDF(SHA256(), KEY_BYTES, salt=None, info=info).derive(key.reveal())


_FORM = 'write {"current": "<key id>", "keys": {"<key id>": "<base64url of 32 bytes>"}}'


def _key(text: str) -> Secret[bytes]:
    try:
        key = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except Base64Error as error:
        raise ValueError from error
    if len(key) != KEY_BYTES:
        raise ValueError
    return Secret(key)


def _time(text: str) -> datetime:
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError
    return time


def _ring_file(path: Path) -> Path:
    KeyRing.from_file(path)
    return path


KeyRingFile = Annotated[Path, AfterValidator(_ring_file)]
"""A setting whose file must be a key ring."""


class Vault:
    """Seals and opens records."""

    def __init__(self, ring: KeyRing) -> None:
        self._ring = ring

    def seal(self, plain: bytes, context: str) -> Envelope:
        """An envelope of plain BSON values, for this context only."""
        key, nonce = secrets.token_bytes(KEY_BYTES), secrets.token_bytes(NONCE_BYTES)
        sealed = AESGCM(key).encrypt(nonce, plain, _data_context(context))
        return {"v": VERSION, "alg": ALGORITHM, **self._wrap(key, context), "n": nonce, "ct": sealed}

    def open(self, envelope: Mapping[str, Any], context: str) -> Secret[bytes]:
        """What was sealed. Raises: VaultError."""
        key = self._unwrap(envelope, context)
        try:
            return Secret(AESGCM(key).decrypt(envelope["n"], envelope["ct"], _data_context(context)))
        except InvalidTag:
            raise VaultError("the record was changed, or belongs elsewhere") from None

    def rewrap(self, envelope: Mapping[str, Any], context: str) -> Envelope:
        """The same record under the current key. Raises: VaultError."""
        self.open(envelope, context)
        return {**envelope, **self._wrap(self._unwrap(envelope, context), context)}

    def needs_rewrap(self, envelope: Mapping[str, Any]) -> bool:
        return bool(envelope.get("kid") != self._ring.sealing())

    def _wrap(self, key: bytes, context: str) -> Envelope:
        kid, nonce = self._ring.sealing(), secrets.token_bytes(NONCE_BYTES)
        wrapping = AESGCM(self._ring.keys[kid].reveal())
        return {"kid": kid, "wn": nonce, "wk": wrapping.encrypt(nonce, key, _key_context(kid, context))}

    def _unwrap(self, envelope: Mapping[str, Any], context: str) -> bytes:
        _check(envelope)
        kid = envelope["kid"]
        wrapping = self._ring.keys.get(kid)
        if wrapping is None:
            raise VaultError(f"the record is sealed with the key {kid[:32]!r}, which VAULT_KEYS_FILE does not hold")
        try:
            return AESGCM(wrapping.reveal()).decrypt(envelope["wn"], envelope["wk"], _key_context(kid, context))
        except InvalidTag:
            raise VaultError("the record was changed, or belongs elsewhere") from None


_SHAPE: Mapping[str, type] = {"v": int, "alg": str, "kid": str, "wn": bytes, "wk": bytes, "n": bytes, "ct": bytes}


def _check(envelope: Mapping[str, Any]) -> None:
    if envelope.keys() != _SHAPE.keys() or any(type(envelope[name]) is not kind for name, kind in _SHAPE.items()):
        raise VaultError("the record has not the shape of an envelope")
    if envelope["v"] != VERSION or envelope["alg"] != ALGORITHM:
        raise VaultError("the record is of a version or algorithm that is not known here")
    sizes = (len(envelope["wn"]), len(envelope["wk"]), len(envelope["n"]))
    if sizes != (NONCE_BYTES, _WRAPPED_BYTES, NONCE_BYTES) or len(envelope["ct"]) < 16:
        raise VaultError("the record has not the shape of an envelope")


def _data_context(context: str) -> bytes:
    return f"tokenswitch/vault/{VERSION}/{ALGORITHM}/data\n{context}".encode()


def _key_context(kid: str, context: str) -> bytes:
    return f"tokenswitch/vault/{VERSION}/{ALGORITHM}/key\n{kid}\n{context}".encode()
