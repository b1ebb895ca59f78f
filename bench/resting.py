"""The same figures with a million idle documents in the collection: they should not change."""

from __future__ import annotations

import os
from datetime import UTC, datetime

from bench import consuming, relaying
from bench.figures import Taken, taking
from bench.servers import Servers
from notify_svc.domain.model import OutgoingMails
from notify_svc.domain.sending import next_deadline
from shared.jobs.worker import Worker
from shared.messaging.kafka import Cluster, ensure_topics
from shared.store.mongo import Mongo
from shared.store.operations import Insert
from shared.store.store import Store

IDLE = int(os.environ.get("BENCH_IDLE_DOCUMENTS", "1000000"))
SLICE = 5000


async def run(servers: Servers) -> None:
    events = consuming.traffic(seed=2)
    mongo, full = Mongo(servers.mongo, "bench_empty"), Mongo(servers.mongo, "bench_full", timeout_seconds=60)
    empty_cluster, full_cluster = (
        Cluster(bootstrap=servers.kafka, topic="bench.empty"),
        Cluster(bootstrap=servers.kafka, topic="bench.full"),
    )
    try:
        with taking(IDLE) as filling:
            await _fill(full)
        print(f"\n{IDLE:,} idle documents ({filling.wall:.0f} s to fill in):")
        for cluster in (empty_cluster, full_cluster):
            await consuming.publish(cluster, events)
        _ratio(
            "fold",
            await consuming.folded(empty_cluster, mongo, len(events)),
            await consuming.folded(full_cluster, full, len(events)),
        )
        await ensure_topics(empty_cluster, [])
        _ratio(
            "relay sweep",
            await relaying.relayed(mongo, empty_cluster),
            await relaying.relayed(full, full_cluster),
        )
        _ratio("idle claim", await _claims(mongo), await _claims(full))
    finally:
        await mongo.drop()
        await full.drop()
        mongo.close()
        full.close()


async def _fill(mongo: Mongo) -> None:
    store = Store(
        mongo.collection("outgoing_mails"), OutgoingMails, "notify/outgoing_mails", deadlines={"mail": next_deadline}
    )
    await store.prepare()
    state = {"id": "", "customer": "", "customer_name": "Contoso", "mails": [], "over": True}
    for start in range(0, IDLE, SLICE):
        await mongo.collection("outgoing_mails").write(
            [Insert(_idle(f"idle-{number}", state)) for number in range(start, min(IDLE, start + SLICE))]
        )


def _idle(id: str, state: dict[str, object]) -> dict[str, object]:
    lists: dict[str, object] = {"outbox": [], "seen": [f"e/{id}"], "answers": [], "due": {}}
    return {"_id": id, "version": 3, "state": state | {"id": id, "customer": id}} | lists


async def _claims(mongo: Mongo) -> Taken:
    """Looking for due work where there is none."""
    store = Store(
        mongo.collection("outgoing_mails"),
        OutgoingMails,
        "notify/outgoing_mails",
        deadlines={"mail": lambda state: None},
    )

    async def nothing(claim: object) -> None:
        raise AssertionError("there is nothing to do")

    due: Worker[OutgoingMails] = Worker(store=store, job="mail", execute=nothing, lease_seconds=30.0)
    await store.collection.update_many({"due.mail": {"$lte": datetime.now(UTC)}}, {"$unset": {"due.mail": ""}})
    with taking(50) as taken:
        for _ in range(50):
            await due.once()
    return taken


def _ratio(name: str, empty: Taken, full: Taken) -> None:
    print(f"  {name:<12} empty {empty.rate:>8,.0f}/s   full {full.rate:>8,.0f}/s   ratio {full.rate / empty.rate:.2f}")
