"""The embedded servers are the real protocols, keep what they acknowledged, and can be frozen and killed."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import aiokafka
import psutil
import pymongo
import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from pymongo.write_concern import WriteConcern

from tests.servers import OwnKafka, OwnMongo
from tokenswitch_dev.runner.keys import make_keys
from tokenswitch_dev.stack.kafka_jars import jars, wanted

MAJORITY = WriteConcern("majority", j=True)


async def make_topic(bootstrap: str, topic: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(topic, 3, 1)])
    finally:
        await admin.close()


async def produce(bootstrap: str, topic: str, values: list[bytes]) -> None:
    async with aiokafka.AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", enable_idempotence=True) as producer:
        for value in values:
            await producer.send_and_wait(topic, value, key=b"customer")


async def consume(bootstrap: str, topic: str, count: int) -> list[bytes]:
    consumer = aiokafka.AIOKafkaConsumer(
        topic, bootstrap_servers=bootstrap, group_id=f"{topic}.group", auto_offset_reset="earliest"
    )
    async with consumer:
        return [(await asyncio.wait_for(consumer.getone(), 60)).value or b"" for _ in range(count)]


async def test_kafka_takes_and_gives_events_in_order(kafka_bootstrap: str, topic: str) -> None:
    await make_topic(kafka_bootstrap, topic)
    sent = [b"%d" % n for n in range(20)]
    await produce(kafka_bootstrap, topic, sent)
    assert await consume(kafka_bootstrap, topic, 20) == sent


async def test_kafka_makes_no_topic_by_itself(kafka_bootstrap: str, topic: str) -> None:
    async with aiokafka.AIOKafkaProducer(bootstrap_servers=kafka_bootstrap, request_timeout_ms=1500) as producer:
        with pytest.raises(aiokafka.errors.KafkaError):
            await producer.send_and_wait(topic, b"lost?")


async def test_kafka_keeps_acknowledged_events_through_kill_9(own_kafka: OwnKafka, topic: str) -> None:
    kafka = own_kafka()
    await make_topic(kafka.bootstrap, topic)
    await produce(kafka.bootstrap, topic, [b"before"])
    kafka.kill()
    await asyncio.to_thread(kafka.start)
    await produce(kafka.bootstrap, topic, [b"after"])
    assert await consume(kafka.bootstrap, topic, 2) == [b"before", b"after"]


async def test_a_frozen_kafka_answers_again_when_thawed(own_kafka: OwnKafka) -> None:
    kafka = own_kafka()
    kafka.freeze()
    assert not await asyncio.to_thread(kafka.ready)
    kafka.thaw()
    await asyncio.to_thread(kafka.child.wait_until, kafka.ready, 60)


def test_kafkas_jars_are_checked_by_hash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = jars()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    home = tmp_path / "tokenswitch" / source[0].parent.parent.name / "jars"
    home.mkdir(parents=True)
    for path in source:
        (home / path.name).write_bytes(path.read_bytes())
    (home / wanted()[0].name).write_bytes(b"not what it was")
    maven = home.parent / "maven"
    forged = maven.joinpath(*wanted()[0].group.split("."), wanted()[0].artifact, wanted()[0].version, wanted()[0].name)
    forged.parent.mkdir(parents=True)
    forged.write_bytes(b"nor this")
    with pytest.raises(Exception, match="SHA-256"):
        jars()


def test_a_guarded_update_wins_once(mongo_url: str, mongo_database: str) -> None:
    with pymongo.MongoClient[dict[str, object]](mongo_url) as client:
        customers = client[mongo_database].get_collection("customers", write_concern=MAJORITY)
        customers.insert_one({"_id": "contoso", "version": 1})
        guard = {"_id": "contoso", "version": 1}
        changes = [customers.update_one(guard, {"$set": {"version": 2}}).modified_count for _ in range(3)]
        assert changes == [1, 0, 0]
        with pytest.raises(pymongo.errors.DuplicateKeyError):
            customers.insert_one({"_id": "contoso"})


def test_mongodb_keeps_journaled_writes_through_kill_9(own_mongo: OwnMongo) -> None:
    mongo = own_mongo()
    with pymongo.MongoClient[dict[str, object]](mongo.url) as client:
        client.kept.get_collection("things", write_concern=MAJORITY).insert_many([{"_id": n} for n in range(50)])
    mongo.kill()
    mongo.start()
    with pymongo.MongoClient[dict[str, object]](mongo.url) as client:
        assert client.kept.things.count_documents({}) == 50


def test_mongodb_listens_on_this_machine_alone(own_mongo: OwnMongo) -> None:
    server = psutil.Process(own_mongo().child.pid)
    listening = {c.laddr.ip for c in server.net_connections("tcp") if c.status == psutil.CONN_LISTEN}
    assert listening == {"127.0.0.1"}


def test_a_stopped_server_leaves_nothing_behind(own_mongo: OwnMongo) -> None:
    mongo = own_mongo()
    pid = mongo.child.pid
    assert psutil.pid_exists(pid)
    mongo.stop()
    assert not psutil.pid_exists(pid)


PARENT = """
import sys, time
from pathlib import Path
from tokenswitch_dev.stack.mongo import EmbeddedMongo
from tokenswitch_dev.stack.process import free_port
server = EmbeddedMongo(Path(sys.argv[1]), free_port())
server.start()
print(server.child.pid, flush=True)
time.sleep(60)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's parent-death signal is Linux's")
def test_a_server_dies_with_a_parent_that_was_killed(tmp_path: Path) -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    server = psutil.Process(int(parent.stdout.readline()))
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    gone, alive = psutil.wait_procs([server], timeout=10)
    assert (len(gone), alive) == (1, [])


def test_keys_are_made_once_and_only_for_their_owner(tmp_path: Path) -> None:
    files = make_keys(tmp_path / "keys")
    before = {path.name: path.read_text() for path in files.home.iterdir()}
    make_keys(tmp_path / "keys")
    assert {path.name: path.read_text() for path in files.home.iterdir()} == before
    assert {stat.S_IMODE(path.stat().st_mode) for path in files.home.iterdir()} == {0o600}


def test_keys_have_the_form_that_the_services_read(tmp_path: Path) -> None:
    files = make_keys(tmp_path)
    for path in (files.link, files.vault):
        ring = json.loads(path.read_text())
        assert len(ring["keys"][ring["current"]]) == 43
    public = json.loads(files.seal_public.read_text())
    for service in ("auth", "invite"):
        private = json.loads(files.seal(service).read_text())["keys"][0]
        assert (private["kty"], private["crv"]) == ("EC", "P-256") and private["d"]
        shown = public[service]["keys"][0]
        assert shown["kid"] == private["kid"] and "d" not in shown
