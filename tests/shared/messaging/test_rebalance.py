"""A batch that takes longer than a rebalance waits: it is another member's by then, and is not committed here."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aiokafka import TopicPartition
from aiokafka.structs import ConsumerRecord

from shared.messaging.consumer import Consumer
from shared.messaging.event_handlers import EventHandlers, RecordBatch
from shared.messaging.kafka import Cluster
from tests.shared.kit.core import Memory, headers

PLACE = TopicPartition("t", 0)


class Slow(EventHandlers):
    """Takes in only when the gate opens; says afterwards whether the batch was still its own."""

    def __init__(self) -> None:
        super().__init__([], {}, Memory(), "dead")
        self.gate, self.busy = asyncio.Event(), asyncio.Event()
        self.owned: list[bool] = []

    async def handle(self, batch: RecordBatch, *, owned: Callable[[], bool] = lambda: True) -> None:
        self.busy.set()
        await self.gate.wait()
        self.owned.append(owned())


@dataclass
class Client:
    """Kafka's consumer, as far as a poll needs it."""

    commits: list[Any] = field(default_factory=list)
    sought: list[Any] = field(default_factory=list)

    async def getmany(self, **options: Any) -> dict[TopicPartition, list[Any]]:
        head = headers(1, "a")
        return {PLACE: [ConsumerRecord("t", 0, 7, 0, 0, b"a", b"{}", None, 1, 2, head)]}

    async def commit(self, offsets: Any) -> None:
        self.commits.append(offsets)

    def seek(self, place: TopicPartition, offset: int) -> None:
        self.sought.append((place, offset))

    def assignment(self) -> set[TopicPartition]:
        return set()


async def poll_and_rebalance(open_before: bool) -> tuple[Client, Slow]:
    client, slow = Client(), Slow()
    consumer = Consumer(Cluster(bootstrap="nowhere"), "g", slow, revoke_timeout_seconds=0.05)
    polling = asyncio.ensure_future(consumer.once(client))
    await slow.busy.wait()
    if open_before:
        slow.gate.set()
    await consumer.on_partitions_revoked([PLACE])
    slow.gate.set()
    await polling
    return client, slow


async def test_a_batch_at_hand_is_finished_and_committed_before_the_partitions_go() -> None:
    client, slow = await poll_and_rebalance(open_before=True)
    assert (client.commits, slow.owned) == ([{PLACE: 8}], [True])


async def test_a_batch_that_took_too_long_is_neither_committed_nor_sought_again() -> None:
    client, slow = await poll_and_rebalance(open_before=False)
    assert (client.commits, client.sought, slow.owned) == ([], [], [False])
