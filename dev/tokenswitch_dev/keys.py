"""Keys for a development system, made once: link, vault and sealing keys, readable by their owner only."""

from __future__ import annotations

import base64
import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from joserfc.jwk import ECKey, KeyParameters

SEALING_SERVICES = ("auth", "invite")


@dataclass(frozen=True)
class KeyFiles:
    """Where each key lies; the names are those of the settings that take them."""

    home: Path

    @property
    def link(self) -> Path:
        return self.home / "link.json"

    @property
    def vault(self) -> Path:
        return self.home / "vault.json"

    @property
    def seal_public(self) -> Path:
        return self.home / "seal-public.json"

    def seal(self, service: str) -> Path:
        return self.home / f"seal-{service}.json"


def make_keys(home: Path) -> KeyFiles:
    """Makes what is missing and never touches what is there: new keys would make old data unreadable."""
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    files = KeyFiles(home)
    for path in (files.link, files.vault):
        _once(path, _symmetric)
    for service in SEALING_SERVICES:
        _once(files.seal(service), _sealing_pair)
    public = {service: _public(files.seal(service)) for service in SEALING_SERVICES}
    _write(files.seal_public, json.dumps(public, indent=1))
    return files


def write_secret(path: Path, secret: str) -> Path:
    """A secret file as the services take it: one line, for its owner only."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    _write(path, secret + "\n")
    return path


def _once(path: Path, make: Any) -> None:
    if not path.exists():
        _write(path, json.dumps(make(), indent=1))


def _symmetric() -> dict[str, Any]:
    name = secrets.token_hex(4)
    key = base64.urlsafe_b64encode(secrets.token_bytes(32)).rstrip(b"=").decode()
    return {"current": name, "keys": {name: key}}


def _sealing_pair() -> dict[str, Any]:
    parameters: KeyParameters = {"kid": secrets.token_hex(4), "use": "enc", "alg": "ECDH-ES+A256KW"}
    key = ECKey.generate_key("P-256", parameters, private=True)
    return {"keys": [dict(key.as_dict(private=True))]}


def _public(private_set: Path) -> dict[str, Any]:
    keys = json.loads(private_set.read_text())["keys"]
    return {"keys": [dict(ECKey.import_key(key).as_dict(private=False)) for key in keys]}


def _write(path: Path, text: str) -> None:
    """Whole or not at all, and never readable by others in between."""
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        out.write(text)
    fresh.replace(path)
