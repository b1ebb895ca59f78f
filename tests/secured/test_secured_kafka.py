"""Kafka that lets in only by login, certificate or token, over TLS: the settings that a service is started with do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from aiokafka import TopicPartition

from shared.domain.rules import Unavailable
from shared.messaging.kafka import Cluster, Producer, ensure_topics, stop, within
from shared.messaging.kafka_probe import KafkaProbe
from shared.service.settings import CommonSettings, load
from tests.secured.secured_kit import BASE, PASSWORD, USER, Certificates, TokenServer, broker, certificates


class Ways:
    """The environment of a service, for each way in."""

    def __init__(self, folder: Path, pki: Certificates, addresses: Mapping[str, str], tokens: TokenServer) -> None:
        (folder / "password").write_text(PASSWORD)
        (folder / "wrong").write_text("not-the-password")
        self._folder, self._addresses = folder, addresses
        login = {"KAFKA_USERNAME": USER, "KAFKA_PASSWORD_FILE": str(folder / "password")}
        sasl = {"KAFKA_SECURITY_PROTOCOL": "SASL_SSL", "KAFKA_CA_FILE": str(pki.ca)} | login
        self._own = {
            "SCRAM": sasl | {"KAFKA_SASL_MECHANISM": "SCRAM-SHA-512"},
            "CERT": {
                "KAFKA_SECURITY_PROTOCOL": "SSL",
                "KAFKA_CA_FILE": str(pki.ca),
                "KAFKA_CERT_FILE": str(pki.client_cert),
                "KAFKA_KEY_FILE": str(pki.client_key),
            },
            "TOKEN": sasl
            | {
                "KAFKA_SASL_MECHANISM": "OAUTHBEARER",
                "KAFKA_TOKEN_URL": tokens.url,
                "KAFKA_TOKEN_CA_FILE": str(pki.ca),
                "KAFKA_TOKEN_SCOPE": "kafka",
            },
        }

    def cluster(self, way: str, monkeypatch: pytest.MonkeyPatch, **other: str) -> Cluster:
        """As a service makes it from its environment. `other`: what is set otherwise; empty: not set."""
        given = BASE | self._own[way] | {"KAFKA_BOOTSTRAP": self._addresses[way], "TOPIC": f"test.{way}"} | other
        for name, value in given.items():
            monkeypatch.setenv(name, value)
        return load(CommonSettings).cluster

    @property
    def wrong(self) -> str:
        return str(self._folder / "wrong")


@pytest.fixture(scope="module")
def ways(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ways]:
    folder = tmp_path_factory.mktemp("secured")
    pki = certificates(folder)
    with TokenServer(folder, pki) as tokens:
        server, addresses = broker(folder / "kafka", pki, tokens)
        with server:
            yield Ways(folder, pki, addresses, tokens)


@pytest.mark.parametrize("way", ["SCRAM", "CERT", "TOKEN"])
async def test_events_go_and_come_through_each_way_in(ways: Ways, monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    cluster = ways.cluster(way, monkeypatch, TOPIC_PARTITIONS="1")
    await ensure_topics(cluster, ["group"])
    await KafkaProbe(cluster, "test")()
    producer, consumer = Producer(cluster, "test"), cluster.consumer(None, "test")
    try:
        await producer.send(cluster.topic, b"c1", b"{}", [("ce_type", b"SwitchRequested")])
        await within(20, consumer.start())
        consumer.assign([TopicPartition(cluster.topic, 0)])
        found = await within(20, consumer.getone())
        assert (found.key, found.value, found.headers) == (b"c1", b"{}", (("ce_type", b"SwitchRequested"),))
    finally:
        await producer.close()
        await stop(consumer)


@pytest.mark.parametrize(
    ("way", "other"),
    [
        ("SCRAM", "KAFKA_PASSWORD_FILE"),
        ("TOKEN", "KAFKA_PASSWORD_FILE"),
        ("SCRAM", "KAFKA_CA_FILE"),
        ("CERT", "KAFKA_CERT_FILE"),
    ],
)
async def test_who_is_not_let_in_hears_it_in_time(
    ways: Ways, monkeypatch: pytest.MonkeyPatch, way: str, other: str
) -> None:
    """A wrong password, no authority that is known, no certificate: the part is away, and nothing hangs."""
    missing = {"KAFKA_CERT_FILE": {"KAFKA_CERT_FILE": "", "KAFKA_KEY_FILE": ""}, "KAFKA_CA_FILE": {"KAFKA_CA_FILE": ""}}
    cluster = ways.cluster(way, monkeypatch, **missing.get(other, {other: ways.wrong}))
    producer = Producer(cluster, "test", timeout_seconds=8)
    with pytest.raises(Unavailable) as caught:
        await producer.send(cluster.topic, b"c1", b"{}", [])
    assert caught.value.part == "Kafka"
    assert "not-the-password" not in str(caught.value)
    with pytest.raises(Unavailable):
        await KafkaProbe(cluster, "test")()
    await producer.close()
