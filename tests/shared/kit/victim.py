"""A whole service of the toy domain in a process of its own, to be killed with -9 at any moment."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from aiokafka import AIOKafkaConsumer

from shared.contracts.events import InvitationRevoked, LinkCopied
from shared.domain.rules import Change
from shared.jobs.claim import Claim, Outcome
from shared.jobs.worker import Worker
from shared.messaging.consumer import Consumer
from shared.messaging.event_handlers import EventHandlers, on
from shared.messaging.kafka import Cluster, Producer
from shared.messaging.outbox_relay import OutboxRelay
from shared.store.mongo import Mongo
from shared.store.store import Store
from tests.shared.kit.core import Tally, store, take


@dataclass(frozen=True, slots=True, kw_only=True)
class Brisk(Cluster):
    """A dead member is missed as soon as the broker allows, so that tests need not wait for it."""

    def consumer(self, group: str | None, client_id: str, **more: Any) -> AIOKafkaConsumer:
        brisk = {"session_timeout_ms": 6_000, "heartbeat_interval_ms": 1_000}
        return Cluster.consumer(self, group, client_id, **(brisk | more))


def take_and_owe(state: Tally | None, fact: LinkCopied, now: datetime) -> Change[Tally]:
    """Each fact taken in owes one mail, at once."""
    change = take(state, fact, now)
    return replace(change, state=replace(change.state, mail_at=now))


def mailed(state: Tally | None, now: datetime) -> Change[Tally]:
    """One mail tells of all that was taken in before; `checks` is the number that was told last."""
    assert state is not None
    assert state.checks < len(state.taken), "an outcome was taken in twice"
    done = replace(state, mails=state.mails + 1, checks=len(state.taken), mail_at=None)
    return Change(done, (InvitationRevoked(state.customer, 0, -done.mails),))


async def mail(claim: Claim[Tally]) -> Outcome[Tally]:
    await asyncio.sleep(0.01)
    return Outcome(mailed)


def loops(tallies: Store[Tally], cluster: Cluster, sender: Producer, group: str) -> list[Any]:
    table = [on(LinkCopied, "tallies", take_and_owe)]
    handling = EventHandlers(table, {"tallies": tallies}, sender, cluster.dead_topic(group))
    return [
        Consumer(cluster, group, handling, max_records=40),
        OutboxRelay([tallies], sender, cluster.topic, sweep_seconds=0.5),
        Worker(store=tallies, job="mail", execute=mail, lease_seconds=1.0, tick_seconds=0.2),
    ]


async def main(bootstrap: str, topic: str, url: str, database: str, group: str) -> None:
    cluster, stopping = Brisk(bootstrap=bootstrap, topic=topic, partitions=2), asyncio.Event()
    sender, tallies = Producer(cluster, "victim"), store(Mongo(url, database).collection("tallies"))
    await asyncio.gather(*(loop.run(stopping) for loop in loops(tallies, cluster, sender, group)))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
