"""Secrets between services: a JWE to the reader's public key, bound to customer, event and attempt, with an expiry.

The context stands inside what is sealed, so that a sealed part copied into another event does not open. Old private
keys are kept (for the topic's retention) and go on opening what was sealed for them.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import ECKey
from pydantic import AfterValidator, TypeAdapter

from shared.crypto.secret import Secret

Reader = Literal["auth", "invite"]
KEY_ALGORITHM, CONTENT_ALGORITHM = "ECDH-ES+A256KW", "A256GCM"
LIFETIME = timedelta(minutes=15)
LEEWAY = timedelta(seconds=60)
MAX_TOKEN_CHARACTERS = 64 * 1024
_REGISTRY = jwe.JWERegistry(algorithms=[KEY_ALGORITHM, CONTENT_ALGORITHM])
_HEADER = frozenset({"alg", "enc", "kid", "epk"})


class SealError(Exception):
    """A sealed part cannot be opened: a failed attempt that may be tried again, never a dead letter."""


@dataclass(frozen=True, slots=True)
class _Content:
    context: tuple[str, str, int | None]
    exp: float | None
    value: dict[str, str] = field(repr=False)


_CONTENT = TypeAdapter(_Content)


class Sealer:
    """Seals for other services, with their public keys."""

    def __init__(self, keys: Mapping[str, ECKey]) -> None:
        self._keys = keys

    @classmethod
    def from_file(cls, path: Path | str) -> Sealer:
        """Reads {"auth": <public JWKS>, "invite": <public JWKS>}. Raises: ValueError with what is wrong."""
        readers = _read(path)
        if any("d" in key for keys in readers.values() for key in _keys_of(keys, path)):
            raise ValueError(f"names a file that holds a private key; give the public ones only ({path})")
        return cls({reader: _import(_keys_of(keys, path)[0], path) for reader, keys in readers.items()})

    def seal(
        self,
        reader: Reader,
        value: Mapping[str, str],
        *,
        customer: str,
        event: str,
        attempt: int | None,
        now: datetime,
        lifetime: timedelta | None = LIFETIME,
    ) -> str:
        """A compact JWE. `lifetime` None: stored credentials, which do not expire."""
        key = self._keys.get(reader)
        if key is None:
            raise SealError(f"SEAL_PUBLIC_KEYS_FILE has no key of {reader}")
        expires = (now + lifetime).timestamp() if lifetime is not None else None
        body = _CONTENT.dump_json(_Content((customer, event, attempt), expires, dict(value)))
        header = {"alg": KEY_ALGORITHM, "enc": CONTENT_ALGORITHM, "kid": key.kid}
        return jwe.encrypt_compact(header, body, key, registry=_REGISTRY)


class Opener:
    """Opens what was sealed for this service, with any of its private keys."""

    def __init__(self, keys: Mapping[str, ECKey]) -> None:
        self._keys = keys

    @classmethod
    def from_file(cls, path: Path | str) -> Opener:
        """Reads a private JWKS. Raises: ValueError with what is wrong."""
        keys = [_import(key, path) for key in _keys_of(_read(path), path)]
        if not all(key.is_private for key in keys):
            raise ValueError(f"names a file without the private keys of this service ({path})")
        return cls({str(key.kid): key for key in keys})

    def open(
        self, token: str, *, customer: str, event: str, attempt: int | None, now: datetime
    ) -> dict[str, Secret[str]]:
        """What was sealed for exactly this context. Raises: SealError."""
        body = self._decrypt(token)
        if body.context != (customer, event, attempt):
            raise SealError("it was sealed for another customer, event or attempt")
        if body.exp is not None and now.timestamp() > body.exp + LEEWAY.total_seconds():
            raise SealError("it has expired")
        return {name: Secret(value) for name, value in body.value.items()}

    def _decrypt(self, token: str) -> _Content:
        key = self._keys.get(_kid(token))
        if key is None:
            raise SealError("it was sealed for a key that SEAL_KEYS_FILE does not hold")
        try:
            plain = jwe.decrypt_compact(token, key, registry=_REGISTRY).plaintext
            return _CONTENT.validate_json(plain or b"")
        except (JoseError, ValueError, TypeError, KeyError, OverflowError):
            raise SealError("it was changed, or sealed with another key") from None


def _kid(token: str) -> str:
    """The key id, if the header is exactly of our kind: no other algorithm, no compression. Raises: SealError."""
    try:
        first = token[:2048].encode("ascii").split(b".", 1)[0]
        header = json.loads(urlsafe_b64decode(first + b"=" * (-len(first) % 4)))
        ours = header.keys() == _HEADER and len(token) <= MAX_TOKEN_CHARACTERS
        wanted = (header["alg"], header["enc"]) == (KEY_ALGORITHM, CONTENT_ALGORITHM)
        if ours and wanted and isinstance(header["kid"], str):
            return str(header["kid"])
    except (ValueError, KeyError, AttributeError, TypeError, RecursionError):
        pass
    raise SealError("it is not sealed in a way that is accepted here")


def _read(path: Path | str) -> dict[str, Any]:
    try:
        content = json.loads(Path(path).read_bytes())
    except OSError as error:
        raise ValueError(f"names a file that cannot be read ({path}: {error.strerror})") from None
    except ValueError:
        raise ValueError(f"names a file that is not JSON ({path})") from None
    if not isinstance(content, dict):
        raise ValueError(f"names a file that is not a JSON object ({path})")
    return content


def _keys_of(keys: Any, path: Path | str) -> list[dict[str, Any]]:
    listed = keys.get("keys") if isinstance(keys, dict) else None
    if not isinstance(listed, list) or not listed or not all(isinstance(key, dict) for key in listed):
        raise ValueError(f'names a file without keys; write {{"keys": [<EC P-256 JWK with kid>]}} ({path})')
    return listed


def _import(key: dict[str, Any], path: Path | str) -> ECKey:
    try:
        imported = ECKey.import_key({name: value for name, value in key.items() if name not in ("use", "key_ops")})
    except (JoseError, ValueError, TypeError, KeyError):
        raise ValueError(f"names a file with a key that is no EC key ({path})") from None
    if imported.curve_name != "P-256" or not imported.kid:
        raise ValueError(f"names a file with a key that is not on P-256 or has no kid ({path})")
    return imported


def _private_file(path: Path) -> Path:
    Opener.from_file(path)
    return path


def _public_file(path: Path) -> Path:
    Sealer.from_file(path)
    return path


SealKeysFile = Annotated[Path, AfterValidator(_private_file)]
SealPublicKeysFile = Annotated[Path, AfterValidator(_public_file)]
"""Settings whose files must hold this service's private keys; the public keys of all."""
