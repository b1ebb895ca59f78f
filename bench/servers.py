"""The servers that the benchmarks use: embedded ones of their own, in a folder that goes away."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tokenswitch_dev.stack.kafka import EmbeddedKafka
from tokenswitch_dev.stack.mongo import EmbeddedMongo
from tokenswitch_dev.stack.process import free_port


@dataclass(frozen=True, slots=True)
class Servers:
    kafka: str
    mongo: str


@contextlib.contextmanager
def servers() -> Iterator[Servers]:
    with (
        tempfile.TemporaryDirectory(prefix="tokenswitch-bench-") as folder,
        contextlib.ExitStack() as running,
    ):
        kafka = running.enter_context(EmbeddedKafka(Path(folder) / "kafka", free_port()))
        mongo = running.enter_context(EmbeddedMongo(Path(folder) / "mongo", free_port()))
        print(f"MongoDB: {mongo.program.name}")
        yield Servers(kafka.bootstrap, mongo.url)
