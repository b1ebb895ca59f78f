"""MongoDB over TLS with a login for each service: its settings let a service in, and no further."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from shared.domain.rules import Unavailable
from shared.service.settings import CommonSettings, load
from shared.store.mongo import Mongo
from shared.store.operations import Index, Insert
from tests.secured.secured_kit import BASE, Certificates, certificates
from tokenswitch_dev.stack.mongo import EmbeddedMongo
from tokenswitch_dev.stack.process import free_port

USER, PASSWORD = "config", "mongo-password-kept-secret"
OWN, OTHERS = "tokenswitch_config", "tokenswitch_auth"
ROLE = {"role": "readWrite", "db": OWN}
"""As deploy/mongo-users.js gives it."""


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return certificates(tmp_path_factory.mktemp("pki"))


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory, pki: Certificates) -> Iterator[int]:
    """A user is made before the server demands one."""
    folder, port = tmp_path_factory.mktemp("mongo"), free_port()
    with EmbeddedMongo(folder, port) as open_server, MongoClient[dict[str, object]](open_server.url) as client:
        client.admin.command("createUser", USER, pwd=PASSWORD, roles=[ROLE])
    tls = ("--tls-cert-file", str(pki.server_cert), "--tls-key-file", str(pki.server_key))
    client_certificate = ("--tls-ca-file", str(pki.ca), "--tls-require-client-cert")
    server = SecuredMongo(folder, port, ("--auth", *tls, *client_certificate), pki)
    with server:
        yield port


class SecuredMongo(EmbeddedMongo):
    """Ready when its TLS handshake succeeds: it answers no `ping` in the clear."""

    def __init__(self, data_dir: Path, port: int, options: tuple[str, ...], pki: Certificates) -> None:
        super().__init__(data_dir, port, options)
        self._pki = pki

    def ready(self) -> bool:
        files: dict[str, Any] = {"tlsCAFile": str(self._pki.ca), "tlsCertificateKeyFile": str(self._pki.client_both)}
        with MongoClient[dict[str, object]](self.url, tls=True, serverSelectionTimeoutMS=500, **files) as client:
            try:
                return bool(client.admin.command("ping"))
            except Exception:
                return False


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, pki: Certificates, port: int) -> Path:
    """All that is needed; the password's file is given back."""
    password = tmp_path / "password"
    password.write_text(PASSWORD)
    given = BASE | {
        "KAFKA_BOOTSTRAP": "127.0.0.1:1",
        "MONGO_URL": f"mongodb://127.0.0.1:{port}",
        "MONGO_USERNAME": USER,
        "MONGO_PASSWORD_FILE": str(password),
        "MONGO_CA_FILE": str(pki.ca),
        "MONGO_CERT_FILE": str(pki.client_both),
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    return password


async def test_documents_are_written_and_read(environment: Path) -> None:
    mongo = Mongo(load(CommonSettings).mongo, OWN)
    try:
        await mongo.ping()
        collection = mongo.collection("things")
        await collection.write([Insert({"_id": "a", "n": 1})])
        assert await collection.get("a") == {"_id": "a", "n": 1}
    finally:
        mongo.close()


async def test_a_users_own_database_is_all_that_a_service_needs_and_gets(environment: Path) -> None:
    own, others = (Mongo(load(CommonSettings).mongo, name) for name in (OWN, OTHERS))
    try:
        await own.collection("things").ensure([Index(keys=(("at", 1),), expire_after=60)])
        assert await own.collection("things").write([Insert({"_id": "b"})])
        with pytest.raises(Unavailable, match="read and write this service"):
            await others.collection("things").get("a")
        with pytest.raises(Unavailable):
            await others.collection("things").write([Insert({"_id": "a"})])
    finally:
        own.close()
        others.close()


@pytest.mark.parametrize("wrong", ["password", "MONGO_CA_FILE", "MONGO_CERT_FILE", "MONGO_USERNAME"])
async def test_who_is_not_let_in_hears_it_in_time(
    environment: Path, monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    """The database is away, in words without a secret; nothing hangs."""
    if wrong == "password":
        environment.write_text("not-the-password")
    else:
        monkeypatch.delenv(wrong)
    if wrong == "MONGO_USERNAME":
        monkeypatch.delenv("MONGO_PASSWORD_FILE")
    mongo = Mongo(load(CommonSettings).mongo, OWN, timeout_seconds=3)
    try:
        with pytest.raises(Unavailable) as caught:
            await mongo.collection("things").get("a")
        assert caught.value.part == "MongoDB"
        assert "password" not in str(caught.value)
    finally:
        mongo.close()
