"""The fold, with real rules, decoding, dedupe, outbox and dead-letter guard, against a bare loop per record."""

from __future__ import annotations

import asyncio
import json
import random
from datetime import UTC, datetime, timedelta

from aiokafka import AIOKafkaConsumer

from bench.figures import Taken, compare, taking
from bench.servers import Servers
from notify_svc.domain.model import OutgoingMails
from notify_svc.domain.sending import next_deadline
from notify_svc.subscriptions import OUTGOING_MAILS, SUBSCRIPTIONS
from shared.contracts.cloudevents import encode, headers_of
from shared.contracts.events import (
    Account,
    Actor,
    AuthenticationFailed,
    Event,
    InvitationCreated,
    Person,
    SwitchCompleted,
    SwitchRequested,
)
from shared.messaging.consumer import Consumer
from shared.messaging.event_handlers import EventHandlers
from shared.messaging.kafka import Cluster, Producer, ensure_topics, stop
from shared.store.mongo import Mongo
from shared.store.operations import Insert, Update
from shared.store.store import Store

DOCUMENTS, AT_ONCE = 1500, 200
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def story(customer: str) -> list[Event]:
    """Four events of one switch, as notify-svc hears them."""
    later, account = NOW + timedelta(days=7), Account("anna@contoso.example", "oid-1", "Anna")
    return [
        SwitchRequested(
            customer=customer,
            switch=1,
            to="token",
            renew=False,
            customer_name="Contoso",
            tenant_id="tid",
            methods=("sign_in", "device_code"),
            accepted_roles=("role",),
            expires_at=later,
            invitee=Person("anna@contoso.example", "Anna"),
            locale="en",
            inviter=Actor(id="op", name="Olga", email="olga@provider.example"),
        ),
        InvitationCreated(customer=customer, switch=1, generation=1, created_at=NOW, expires_at=later),
        AuthenticationFailed(
            customer=customer,
            switch=1,
            attempt=1,
            method="device_code",
            reason="declined",
            aadsts=70017,
            correlation_id="correlation",
        ),
        SwitchCompleted(
            customer=customer,
            switch=1,
            to="token",
            method="device_code",
            invited=True,
            grant="grant-1",
            revision=None,
            account=account,
            in_force="token",
        ),
    ]


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
    store = Store(
        mongo.collection("outgoing_mails"), OutgoingMails, "notify/outgoing_mails", deadlines={"mail": next_deadline}
    )
    await store.prepare()
    sender = Producer(cluster, "bench-dead")
    handlers = EventHandlers(SUBSCRIPTIONS, {OUTGOING_MAILS: store}, sender, cluster.dead_topic("bench"))
    consuming = Consumer(cluster, "bench-fold", handlers)
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
    outgoing = mongo.collection("bare")
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
                kept = await outgoing.get(id)
                history = [*(kept or {}).get("history", ()), dict(record.headers)["ce_type"].decode()]
                update = Update({"_id": id}, {"$set": {"history": history}})
                await outgoing.write([update if kept else Insert({"_id": id, "history": history})])
    finally:
        await stop(consumer)
    return taken


async def run(servers: Servers) -> None:
    events = traffic()
    mongo = Mongo(servers.mongo, "bench_consuming")
    cluster = Cluster(bootstrap=servers.kafka, topic="bench.consuming")
    try:
        await publish(cluster, events)
        compare(
            "Consumer (one switch's events, notify-svc's rules)",
            await bare(cluster, mongo, len(events)),
            await folded(cluster, mongo, len(events)),
        )
    finally:
        await mongo.drop()
        mongo.close()
