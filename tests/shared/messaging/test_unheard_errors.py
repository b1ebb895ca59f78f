"""Errors that nobody waits for any more are not logged as "never retrieved"."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaConnectionError, ProducerClosed

from shared.messaging import consumer as consuming
from shared.messaging import kafka
from shared.messaging.consumer import Consumer
from shared.messaging.event_handlers import EventHandlers
from shared.messaging.kafka import Cluster
from tests.shared.kit.core import Memory
from tests.shared.messaging.test_rebalance import PLACE, Client


@pytest.fixture(autouse=True)
async def unheard() -> Iterator[list[str]]:  # type: ignore[misc]
    """What asyncio would log of tasks and futures that were thrown away with an error."""
    said: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: said.append(context["message"]))
    yield said
    gc.collect()
    assert said == []


class Stuck(AIOKafkaProducer):  # type: ignore[misc]
    """Its broker is away: what is in the buffer stays there."""

    async def stop(self) -> None:
        await self._message_accumulator.close()


async def test_a_producer_is_given_up_with_records_that_were_never_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(kafka, "STOP_SECONDS", 0.05)
    producer = Stuck(bootstrap_servers="nowhere:9092")
    sending = await producer._message_accumulator.add_message(PLACE, b"a", b"{}", 1.0)
    await kafka.stop(producer)
    with pytest.raises(ProducerClosed):
        await sending
    await asyncio.sleep(0.05)
    producer._closed = True


class Slow(Client):
    """Its broker answers no commit until it says so; like aiokafka it goes on asking when nobody waits any more."""

    def __init__(self) -> None:
        super().__init__()
        self.answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def commit(self, offsets: Any) -> None:
        if not self.answer.done():
            await asyncio.shield(asyncio.ensure_future(self._ask()))
        self.commits.append(offsets)

    async def _ask(self) -> None:
        await self.answer


async def test_a_commit_that_takes_too_long_fails_unheard_and_is_made_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(consuming, "COMMIT_TIMEOUT_SECONDS", 0.05)
    client, parts = Slow(), list[str | None]()
    handlers = EventHandlers([], {}, Memory(), "dead")
    consumer = Consumer(Cluster(bootstrap="nowhere"), "g", handlers, health=parts.append)
    assert await consumer.once(client) == 0
    assert await consumer.once(client) == 0  # the first is still waited for: nothing is polled, nothing committed
    assert (client.sought, client.commits, parts) == ([(PLACE, 7)], [], ["Kafka", "Kafka"])
    client.answer.set_exception(KafkaConnectionError())
    assert await consumer.once(client) == 0
    assert await consumer.once(client) == 1
    assert client.commits == [{TopicPartition("t", 0): 8}]
