"""The fold, with real rules, decoding, dedupe, outbox and dead-letter guard, against a bare loop per record."""

from __future__ import annotations

import asyncio
import json
import random
from datetime import UTC, datetime, timedelta

from aiokafka import AIOKafkaConsumer

from bench.figures import Taken, compare, taking
from bench.servers import Servers
from notify_svc.consumes import CONSUMES, NOTICES
from notify_svc.domain import Notices, deadline
from shared.consumer import Consumer
from shared.events import (
    Account,
    Actor,
    AuthenticationFailed,
    Event,
    InvitationCreated,
    Person,
    SwitchCompleted,
    SwitchRequested,
)
from shared.intake import Intake
from shared.kafka import Cluster, Producer, ensure_topics, stop
from shared.mongo import Insert, Mongo, Update
from shared.store import Store
from shared.wire import encode, headers_of

DOCUMENTS, AT_ONCE = 1500, 200
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def story(customer: str) -> list[Event]:
    """Four events of one switch, as notify-svc hears them."""
    later, account = NOW + timedelta(days=7), Account("anna@contoso.example", "oid-1", "Anna")
    return [
        SwitchRequested(customer, 1, "token", False, "Contoso", "tid", ("sign_in", "device_code"), ("role",), later,
                        Person("anna@contoso.example", "Anna"), "en", Actor("op", "Olga", "olga@provider.example")),
        InvitationCreated(customer, 1, 1, NOW, later),
        AuthenticationFailed(customer, 1, 1, "device_code", "declined", 70017, "correlation"),
        SwitchCompleted(customer, 1, "token", "device_code", True, "grant-1", None, account, "token"),
    ]  # fmt: skip


def traffic(seed: int = 1) -> list[Event]:
    """The stories of all customers, about 200 of them interleaved at any time, each in its order."""
    chance = random.Random(seed)
    waiting = [story(f"c{number}") for number in range(DOCUMENTS)]
    open_now: list[list[Event]] = []
    mixed: list[Event] = []
    while waiting or open_now:
        while waiting and len(open_now) < AT_ONCE:
            open_now.append(waiting.pop())
        chosen = chance.choice(open_now)
        mixed.append(chosen.pop(0))
        open_now = [events for events in open_now if events]
    return mixed


async def publish(cluster: Cluster, events: list[Event]) -> None:
    await ensure_topics(cluster, ["bench"])
    producer = cluster.producer("bench")
    await producer.start()
    try:
        pending = []
        for number, event in enumerate(events):
            name = type(event).__name__
            headers = headers_of(f"config/customers/{event.customer}/{number}/0", name, NOW, event.customer, None)
            value = encode(event).encode()
            pending.append(await producer.send(cluster.topic, value, event.key.encode(), headers=headers))
        await asyncio.gather(*pending)
    finally:
        await producer.stop()


async def folded(cluster: Cluster, mongo: Mongo, count: int) -> Taken:
    store = Store(mongo.collection("notices"), Notices, "notify/notices", lanes={"mail": deadline})
    await store.prepare()
    sender = Producer(cluster, "bench-dead")
    intake = Intake(CONSUMES, {NOTICES: store}, sender, cluster.dead_topic("bench"))
    consuming = Consumer(cluster, "bench-fold", intake)
    consumer = cluster.consumer("bench-fold", "bench-fold")
    consumer.subscribe([cluster.topic], listener=consuming)
    await consumer.start()
    try:
        done = await consuming.once(consumer)
        with taking(count - done) as taken:
            while done < count:
                done += await consuming.once(consumer)
    finally:
        await stop(consumer)
        await sender.close()
    return taken


async def bare(cluster: Cluster, mongo: Mongo, count: int) -> Taken:
    """What one writes first: decode, read the document, change it, write it back, once per record."""
    notices = mongo.collection("bare")
    consumer = AIOKafkaConsumer(
        cluster.topic,
        bootstrap_servers=cluster.bootstrap,
        group_id="bench-bare",
        auto_offset_reset="earliest",
    )
    await consumer.start()
    try:
        await consumer.getone()
        with taking(count - 1) as taken:
            for _ in range(count - 1):
                record = await consumer.getone()
                body = json.loads(record.value)
                id = f"{body['customer']}/{body['switch']}"
                kept = await notices.get(id)
                history = [*(kept or {}).get("history", ()), dict(record.headers)["ce_type"].decode()]
                update = Update({"_id": id}, {"$set": {"history": history}})
                await notices.write([update if kept else Insert({"_id": id, "history": history})])
    finally:
        await stop(consumer)
    return taken


async def run(servers: Servers) -> None:
    events = traffic()
    mongo = Mongo(servers.mongo, "bench_consuming")
    cluster = Cluster(servers.kafka, topic="bench.consuming")
    try:
        await publish(cluster, events)
        compare("Consumer (one switch's events, notify-svc's rules)", await bare(cluster, mongo, len(events)),
                await folded(cluster, mongo, len(events)))  # fmt: skip
    finally:
        await mongo.drop()
        mongo.close()
