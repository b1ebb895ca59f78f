"""The same servers as containers, if a Docker engine answers; the images are settings."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from functools import lru_cache

import docker
import pymongo
from docker.errors import DockerException
from testcontainers.core.container import DockerContainer

from tokenswitch_dev.stack.kafka import knows_brokers
from tokenswitch_dev.stack.mongo import answers_ping
from tokenswitch_dev.stack.process import answers_ok

KAFKA_IMAGE = os.environ.get("TEST_KAFKA_IMAGE", "apache/kafka:4.3.1")
MONGO_IMAGE = os.environ.get("TEST_MONGO_IMAGE", "mongo:8")
MAILPIT_IMAGE = os.environ.get("TEST_MAILPIT_IMAGE", "axllent/mailpit:v1.27")
ALREADY_INITIALIZED = 23
START_TIMEOUT = 120.0
KAFKA_SETTINGS = {
    "KAFKA_NODE_ID": "1",
    "KAFKA_PROCESS_ROLES": "broker,controller",
    "KAFKA_CONTROLLER_QUORUM_VOTERS": "1@localhost:9093",
    "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
    "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "KAFKA_LISTENERS": "PLAINTEXT://:9092,CONTROLLER://:9093",
    "KAFKA_AUTO_CREATE_TOPICS_ENABLE": "false",
    "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
    "KAFKA_OFFSETS_TOPIC_NUM_PARTITIONS": "5",
    "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
    "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR": "1",
    "KAFKA_SHARE_COORDINATOR_STATE_TOPIC_REPLICATION_FACTOR": "1",
    "KAFKA_SHARE_COORDINATOR_STATE_TOPIC_MIN_ISR": "1",
    "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
}


@lru_cache(maxsize=1)
def engine_answers() -> bool:
    """TEST_CONTAINERS=0 keeps an engine that answers out of it."""
    if os.environ.get("TEST_CONTAINERS") == "0":
        return False
    try:
        with contextlib.closing(docker.from_env(timeout=3)) as engine:
            return bool(engine.ping())
    except DockerException:
        return False


@contextlib.contextmanager
def kafka(port: int) -> Iterator[str]:
    """The host's port is chosen before the start, since the broker must advertise it."""
    container = DockerContainer(KAFKA_IMAGE).with_bind_ports(9092, port)
    for name, value in KAFKA_SETTINGS.items():
        container.with_env(name, value)
    container.with_env("KAFKA_ADVERTISED_LISTENERS", f"PLAINTEXT://127.0.0.1:{port}")
    with container:
        wait_for(lambda: knows_brokers(port) > 0, KAFKA_IMAGE)
        yield f"127.0.0.1:{port}"


@contextlib.contextmanager
def mongo() -> Iterator[str]:
    """A replica set of one, as in production: a server alone refuses transactions and keeps no log of changes."""
    container = DockerContainer(MONGO_IMAGE).with_exposed_ports(27017).with_command("--replSet rs0 --bind_ip_all")
    with container:
        port = int(container.get_exposed_port(27017))
        wait_for(lambda: answers_ping(port), MONGO_IMAGE)
        url = f"mongodb://127.0.0.1:{port}/?directConnection=true"
        with pymongo.MongoClient[dict[str, object]](url) as client:
            _make_set(client)
            wait_for(lambda: bool(client.admin.command("hello").get("isWritablePrimary")), MONGO_IMAGE)
        yield url


def _make_set(client: pymongo.MongoClient[dict[str, object]]) -> None:
    members = [{"_id": 0, "host": "127.0.0.1:27017"}]
    try:
        client.admin.command("replSetInitiate", {"_id": "rs0", "members": members})
    except pymongo.errors.OperationFailure as refused:
        if refused.code != ALREADY_INITIALIZED:
            raise


@contextlib.contextmanager
def mailpit() -> Iterator[tuple[str, str]]:
    """Where its mails are read, and where they go in."""
    with DockerContainer(MAILPIT_IMAGE).with_exposed_ports(1025, 8025) as container:
        port, smtp_port = (int(container.get_exposed_port(inside)) for inside in (8025, 1025))
        wait_for(lambda: answers_ok(port, "/readyz"), MAILPIT_IMAGE)
        yield f"http://127.0.0.1:{port}", f"smtp://127.0.0.1:{smtp_port}"


def wait_for(ready: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + START_TIMEOUT
    while not ready():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} was not ready within {START_TIMEOUT:.0f} s")
        time.sleep(0.2)
