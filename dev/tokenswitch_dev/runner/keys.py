"""Keys for a development system, made once: link, vault and sealing keys, readable by their owner only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from joserfc.jwk import ECKey

from shared.admin.key_files import File, read_file, sealing_key, symmetric_key, write_file, write_text
from tokenswitch_dev.services import SERVICES


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
    private = {service.key: files.seal(service.key) for service in SERVICES if service.reads_sealed}
    for path in private.values():
        _once(path, _sealing_pair)
    public = {key: _public(path) for key, path in private.items()}
    write_file(files.seal_public, public)
    return files


def write_secret(path: Path, secret: str) -> Path:
    """A secret file as the services take it: one line, for its owner only."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_text(path, secret + "\n")
    return path


def _once(path: Path, make: Callable[[], File]) -> None:
    if not path.exists():
        write_file(path, make())


def _symmetric() -> File:
    kid, key = symmetric_key()
    return {"current": kid, "keys": {kid: key}}


def _sealing_pair() -> File:
    return {"keys": [dict(sealing_key().as_dict(private=True))]}


def _public(private_set: Path) -> File:
    keys = read_file(private_set)["keys"]
    return {"keys": [dict(ECKey.import_key(key).as_dict(private=False)) for key in keys]}
