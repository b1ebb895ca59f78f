"""The relay against a bare loop that publishes one event, waits, and marks it as sent."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from bench.figures import Taken, compare, taking
from bench.servers import Servers
from notify_svc.domain.model import OutgoingMails
from shared.contracts.cloudevents import headers_of
from shared.contracts.events import EmailSent
from shared.domain.rules import Change
from shared.messaging.kafka import Cluster, Producer, ensure_topics
from shared.messaging.outbox_relay import OutboxRelay
from shared.store.mongo import Mongo
from shared.store.store import Store
from shared.store.write_plan import Step

DOCUMENTS, EVENTS = 1000, 4


def emit(state: OutgoingMails | None, number: int, id: str, now: datetime) -> Change[OutgoingMails]:
    event = EmailSent(customer=id, switch=1, kind="invitation", generation=1, tries=1, count=number)
    return Change(state or OutgoingMails(id=id, customer=id, switch=1), (event,))


async def filled(mongo: Mongo, name: str) -> Store[OutgoingMails]:
    store = Store(mongo.collection(name), OutgoingMails, f"notify/{name}")
    await store.prepare()
    steps: dict[str, list[Step[Any]]] = {
        f"c{number}": [Step(rule=emit, facts=(n, f"c{number}"), cause=f"e{n}") for n in range(EVENTS)]
        for number in range(DOCUMENTS)
    }
    await store.fold(steps)
    return store


async def relayed(mongo: Mongo, cluster: Cluster) -> Taken:
    store = await filled(mongo, "outgoing_mails")
    sender = Producer(cluster, "bench-relay")
    relay = OutboxRelay([store], sender, cluster.topic)
    with taking(0) as taken:
        taken.count = await relay.sweep()
    await sender.close()
    return taken


async def bare(mongo: Mongo, cluster: Cluster) -> Taken:
    store = await filled(mongo, "bare")
    sender = Producer(cluster, "bench-bare")
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    with taking(DOCUMENTS * EVENTS) as taken:
        while documents := await store.collection.find({"unsent": {"$gt": epoch}}, limit=100):
            for document in documents:
                await _bare_document(store, sender, cluster.topic, document)
    await sender.close()
    return taken


async def _bare_document(store: Store[OutgoingMails], sender: Producer, topic: str, document: dict[str, Any]) -> None:
    id = document["_id"]
    for entry in document["outbox"]:
        headers = headers_of(entry["id"], entry["type"], entry["at"], id, None)
        await sender.send(topic, entry["key"].encode(), entry["body"].encode(), headers)
        await store.collection.update_many({"_id": id}, {"$pull": {"outbox": {"id": entry["id"]}}})
    await store.collection.update_many({"_id": id}, {"$unset": {"unsent": ""}})


async def run(servers: Servers) -> None:
    mongo = Mongo(servers.mongo, "bench_relaying")
    cluster = Cluster(bootstrap=servers.kafka, topic="bench.relaying")
    try:
        await ensure_topics(cluster, [])
        compare("Relay (four events a document)", await bare(mongo, cluster), await relayed(mongo, cluster))
    finally:
        await mongo.drop()
        mongo.close()
