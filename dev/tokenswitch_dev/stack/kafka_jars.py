"""Kafka's jars in a cache outside the work tree: missing ones are fetched, each is checked by SHA-256."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import logging
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from importlib.resources import files
from pathlib import Path

from jgo.maven import MavenContext

VERSION = "4.3.1"
FETCHES_AT_ONCE = 4
TIMEOUT_SECONDS = 60
CHECKED = "checked"


class WrongJar(RuntimeError):
    """A fetched jar is not the one this project was made with."""


@dataclass(frozen=True, kw_only=True)
class Jar:
    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def name(self) -> str:
        return f"{self.artifact}-{self.version}.jar"


def wanted() -> list[Jar]:
    lines = files("tokenswitch_dev.stack").joinpath("kafka_jars.txt").read_text().splitlines()
    names = [field.name for field in fields(Jar)]
    return [Jar(**dict(zip(names, line.replace(":", " ").split(), strict=True))) for line in lines]


def cache_dir() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "tokenswitch" / f"kafka-{VERSION}"


def jars() -> list[Path]:
    """The class path; the first call on a machine fetches 45 MB. Two processes do it one after the other."""
    home = cache_dir() / "jars"
    home.mkdir(parents=True, exist_ok=True)
    with locked(home.parent / "lock"):
        _complete(home)
    return [home / jar.name for jar in wanted()]


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _complete(home: Path) -> None:
    if _seen_before(home):
        return
    missing = [jar for jar in wanted() if not _right(home / jar.name, jar)]
    if missing:
        _fetch_all(missing, home)
    (home / CHECKED).write_text(_fingerprint(home))


def _fingerprint(home: Path) -> str:
    """Sizes and times stand for contents hashed once: hashing 45 MB at every start would take a while."""
    stats = [(jar.sha256, (home / jar.name).stat()) for jar in wanted()]
    return "\n".join(f"{digest} {stat.st_size} {stat.st_mtime_ns}" for digest, stat in stats)


def _seen_before(home: Path) -> bool:
    with contextlib.suppress(FileNotFoundError):
        return (home / CHECKED).read_text() == _fingerprint(home)
    return False


def _right(path: Path, jar: Jar) -> bool:
    return path.exists() and hashlib.sha256(path.read_bytes()).hexdigest() == jar.sha256


def _fetch_all(missing: list[Jar], home: Path) -> None:
    logging.getLogger("jgo").setLevel(logging.ERROR)
    maven = MavenContext(repo_cache=home.parent / "maven", timeout=TIMEOUT_SECONDS)
    say(f"Apache Kafka {VERSION}: fetching {len(missing)} files, once ...")
    with ThreadPoolExecutor(FETCHES_AT_ONCE) as pool:
        for fetch in [pool.submit(_fetch, maven, jar, home) for jar in missing]:
            fetch.result()


def _fetch(maven: MavenContext, jar: Jar, home: Path) -> None:
    artifact = maven.project(jar.group, jar.artifact).at_version(jar.version).artifact()
    fetched = Path(artifact.resolve())
    if not _right(fetched, jar):
        fetched.unlink()
        raise WrongJar(
            f"{jar.name} is not the file this project was made with (SHA-256 differs); run again, and if "
            "it stays so, look at the Maven mirror in between"
        )
    fetched.replace(home / jar.name)


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
