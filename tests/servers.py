"""The servers that tests talk to: named in the environment, else containers, else their own."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import cast

import pytest

from tests import containers
from tokenswitch_dev.mailbox.embedded import EmbeddedMailbox
from tokenswitch_dev.mailbox.reader import MailReader
from tokenswitch_dev.stack.kafka import EmbeddedKafka, prepare_fast_start
from tokenswitch_dev.stack.kafka_jars import locked
from tokenswitch_dev.stack.mongo import LOCAL_MONGO, EmbeddedMongo, mongo_program
from tokenswitch_dev.stack.process import StartFailed, free_port

KAFKA, MONGO, MAILPIT, SMTP = "TEST_KAFKA_BOOTSTRAP", "TEST_MONGO_URL", "TEST_MAILPIT_URL", "TEST_SMTP_URL"

OwnKafka = Callable[[], EmbeddedKafka]
OwnMongo = Callable[[], EmbeddedMongo]


@lru_cache(maxsize=3)
def source(setting: str) -> str:
    """Where a server comes from in this run."""
    if os.environ.get(setting):
        return f"{os.environ[setting]} ({setting})"
    return "a container" if containers.engine_answers() else "embedded"


def own_mongo_wanted() -> bool:
    """Where none is named and there is no container, or where LOCAL_MONGO chooses one."""
    return not os.environ.get(MONGO) and (bool(os.environ.get(LOCAL_MONGO)) or not containers.engine_answers())


def pytest_report_header() -> list[str]:
    mailbox = source(MAILPIT).replace("a container", "Mailpit in a container")
    mongo = mongo_program().name if own_mongo_wanted() else source(MONGO)
    return [f"Kafka: {source(KAFKA)}; MongoDB: {mongo}; mailbox: {mailbox}"]


def pytest_configure(config: pytest.Config) -> None:
    try:
        mongo_program()
    except StartFailed as wrong:
        raise pytest.UsageError(str(wrong)) from wrong
    config.addinivalue_line("markers", "own_mailbox: needs our own mailbox, which refuses mails when told to")


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
    if own_mongo_wanted():
        with EmbeddedMongo(server_data / "mongo", free_port()) as server:
            yield server.url
    elif named := os.environ.get(MONGO):
        yield named
    else:
        with containers.mongo() as url:
            yield url


@pytest.fixture
def mongo_database() -> str:
    """A database name that no other test has."""
    return f"test_{uuid.uuid4().hex[:12]}"


@pytest.fixture
def topic() -> str:
    """A topic name that no other test has; the topic itself is made by who uses it."""
    return f"test.{uuid.uuid4().hex[:12]}"


@dataclass(frozen=True)
class Mailpit(MailReader):
    """A Mailpit that runs already."""

    read_at: str
    sent_to: str

    @property
    def url(self) -> str:
        return self.read_at

    @property
    def smtp_url(self) -> str:
        return self.sent_to


@pytest.fixture(scope="session")
def embedded_mailbox(server_data: Path) -> Iterator[EmbeddedMailbox]:
    with EmbeddedMailbox(server_data / "mailbox", free_port(), free_port()) as server:
        yield server


@pytest.fixture(scope="session")
def mailpit() -> Iterator[Mailpit]:
    if named := os.environ.get(MAILPIT):
        yield Mailpit(named.rstrip("/"), os.environ.get(SMTP, "smtp://127.0.0.1:1025"))
    else:
        with containers.mailpit() as (url, smtp_url):
            yield Mailpit(url, smtp_url)


@pytest.fixture
def mailbox(request: pytest.FixtureRequest) -> Iterator[MailReader]:
    """An empty mailbox: Mailpit if there is one, else our own; our own in any case where it is to refuse."""
    wants_own = request.node.get_closest_marker("own_mailbox") is not None
    if wants_own or source(MAILPIT) == "embedded":
        own = cast(EmbeddedMailbox, request.getfixturevalue("embedded_mailbox"))
        own.heal()
        own.clear()
        yield own
    else:
        with locked(Path(tempfile.gettempdir()) / "tokenswitch-mailpit.lock"):  # one server, many workers
            shared = cast(Mailpit, request.getfixturevalue("mailpit"))
            shared.clear()
            yield shared


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
