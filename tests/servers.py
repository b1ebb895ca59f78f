"""The servers that tests talk to: named in the environment, else containers, else the embedded ones."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path

import pytest

from tests import containers
from tokenswitch_dev.mailbox.embedded import EmbeddedMailbox
from tokenswitch_dev.stack.kafka import EmbeddedKafka, prepare_fast_start
from tokenswitch_dev.stack.mongo import EmbeddedMongo
from tokenswitch_dev.stack.process import free_port

KAFKA, MONGO = "TEST_KAFKA_BOOTSTRAP", "TEST_MONGO_URL"

OwnKafka = Callable[[], EmbeddedKafka]
OwnMongo = Callable[[], EmbeddedMongo]


@lru_cache(maxsize=2)
def source(setting: str) -> str:
    """Where a server comes from in this run."""
    if os.environ.get(setting):
        return f"{os.environ[setting]} ({setting})"
    return "a container" if containers.engine_answers() else "embedded"


def pytest_report_header() -> list[str]:
    return [f"Kafka: {source(KAFKA)}; MongoDB: {source(MONGO)}; mailbox: embedded"]


@pytest.fixture(scope="session")
def server_data() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="tokenswitch-test-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="session")
def kafka_bootstrap(server_data: Path) -> Iterator[str]:
    if named := os.environ.get(KAFKA):
        yield named
    elif containers.engine_answers():
        with containers.kafka(free_port()) as bootstrap:
            yield bootstrap
    else:
        prepare_fast_start(server_data / "kafka-training")
        with EmbeddedKafka(server_data / "kafka", free_port()) as server:
            yield server.bootstrap


@pytest.fixture(scope="session")
def mongo_url(server_data: Path) -> Iterator[str]:
    if named := os.environ.get(MONGO):
        yield named
    elif containers.engine_answers():
        with containers.mongo() as url:
            yield url
    else:
        with EmbeddedMongo(server_data / "mongo", free_port()) as server:
            yield server.url


@pytest.fixture
def mongo_database() -> str:
    """A database name that no other test has."""
    return f"test_{uuid.uuid4().hex[:12]}"


@pytest.fixture
def topic() -> str:
    """A topic name that no other test has; the topic itself is made by who uses it."""
    return f"test.{uuid.uuid4().hex[:12]}"


@pytest.fixture(scope="session")
def shared_mailbox(server_data: Path) -> Iterator[EmbeddedMailbox]:
    with EmbeddedMailbox(server_data / "mailbox", free_port(), free_port()) as server:
        yield server


@pytest.fixture
def mailbox(shared_mailbox: EmbeddedMailbox) -> EmbeddedMailbox:
    """An empty mailbox that refuses nothing."""
    shared_mailbox.reset()
    return shared_mailbox


@pytest.fixture
def own_kafka(tmp_path: Path) -> Iterator[OwnKafka]:
    """Makes brokers of the test's own, started, to be frozen, killed with -9 and started again."""
    prepare_fast_start(tmp_path / "kafka-training")
    with contextlib.ExitStack() as running:

        def start() -> EmbeddedKafka:
            return running.enter_context(EmbeddedKafka(tmp_path / f"kafka-{uuid.uuid4().hex[:6]}", free_port()))

        yield start


@pytest.fixture
def own_mongo(tmp_path: Path) -> Iterator[OwnMongo]:
    """Makes MongoDB servers of the test's own, as `own_kafka` does."""
    with contextlib.ExitStack() as running:

        def start() -> EmbeddedMongo:
            return running.enter_context(EmbeddedMongo(tmp_path / f"mongo-{uuid.uuid4().hex[:6]}", free_port()))

        yield start
