"""The consumer: poll -> fold -> commit, so that nothing is lost or taken in twice by any crash or rebalance.

Offsets are committed explicitly and only after the writes; no record is taken in before that commit succeeded. When
MongoDB or Kafka is away the batch is dropped from memory, its position sought again, and polled later.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError

from shared.domain.rules import Unavailable
from shared.jobs.waiting import first_of
from shared.messaging.event_handlers import EventHandlers, RecordBatch
from shared.messaging.kafka import Cluster, KafkaRecord, stop, within
from shared.observability.metrics import LAG

log = logging.getLogger(__name__)

POLL_MS = 500
POLL_TIMEOUT_SECONDS = 10.0
COMMIT_TIMEOUT_SECONDS = 10.0
MAX_BACKOFF_SECONDS = 10.0
LAG_EVERY_SECONDS = 5.0

Polled = dict[TopicPartition, list[Any]]


class Consumer(ConsumerRebalanceListener):  # type: ignore[misc]
    """One member of a consumer group. `health` hears None when all is well, else which part is away.

    A rebalance waits `revoke_timeout_seconds` for the batch at hand, less than Kafka waits for the member.
    """

    def __init__(
        self,
        cluster: Cluster,
        group: str,
        handlers: EventHandlers,
        *,
        health: Callable[[str | None], None] = lambda part: None,
        max_records: int = 1000,
        client_id: str = "",
        revoke_timeout_seconds: float = 10.0,
    ) -> None:
        self._cluster, self._group, self._handlers = cluster, group, handlers
        self._health, self._max_records, self._client_id = health, max_records, client_id or group
        self._revoke_timeout_seconds = revoke_timeout_seconds
        self._busy = asyncio.Lock()
        self._stopping = asyncio.Event()
        self._polling: asyncio.Future[tuple[int, Polled]] | None = None
        self._committing: asyncio.Future[None] | None = None
        self._generation = 0
        self._backoff = 0.0
        self._next_lag = 0.0

    async def run(self, stopping: asyncio.Event) -> None:
        """Consumes until `stopping`; the batch at hand is finished and committed. Raises: Unavailable."""
        self._stopping = stopping
        consumer = self._cluster.consumer(self._group, self._client_id)
        consumer.subscribe([self._cluster.topic], listener=self)
        try:
            await within(20, consumer.start())
            while not stopping.is_set():
                await self.once(consumer)
        finally:
            await self._end(consumer)

    async def once(self, consumer: AIOKafkaConsumer) -> int:
        """One poll; gives the number of records taken in and committed."""
        uncommitted: dict[TopicPartition, int] = {}
        records: list[Any] = []
        generation = self._generation
        try:
            if self._committing is not None:
                await self._committed(self._committing)
            generation, polled = await self._poll(consumer)
            uncommitted |= {place: some[0].offset for place, some in polled.items() if some}
            records = [record for some in polled.values() for record in some]
            async with self._busy:
                await self._handle(consumer, records, generation, uncommitted)
            await self._observe(consumer)
        except Unavailable as error:
            if generation == self._generation:
                _step_back(consumer, uncommitted)
            await self._wait(error)
            return 0
        self._backoff = 0.0
        self._health(None)
        return len(records)

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Lets the batch at hand be finished and committed before the partitions go to somebody else.

        A batch that takes longer finds its generation over: it is neither folded again nor committed.
        """
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._busy.acquire(), self._revoke_timeout_seconds)
            self._busy.release()
        self._generation += 1
        for place in revoked:
            with contextlib.suppress(KeyError):
                LAG.remove(place.partition)

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        log.info("group %s: %d partitions are this member's", self._group, len(list(assigned)))

    async def _poll(self, consumer: AIOKafkaConsumer) -> tuple[int, Polled]:
        """The poll is not cancelled when it takes long (a rebalance while the broker is away): it goes on."""
        if self._polling is None:
            self._polling = asyncio.ensure_future(self._getmany(consumer))
        await first_of(self._polling, self._stopping, timeout=POLL_TIMEOUT_SECONDS)
        if not self._polling.done():
            if self._stopping.is_set():
                return self._generation, {}
            raise Unavailable("Kafka", "no assignment yet")
        polling, self._polling = self._polling, None
        return await within(1, polling)

    async def _getmany(self, consumer: AIOKafkaConsumer) -> tuple[int, Polled]:
        """The records, and the generation they belong to (a rebalance may begin before they are looked
        at)."""
        polled = await consumer.getmany(timeout_ms=POLL_MS, max_records=self._max_records)
        return self._generation, polled

    async def _handle(
        self,
        consumer: AIOKafkaConsumer,
        records: list[Any],
        generation: int,
        uncommitted: dict[TopicPartition, int],
    ) -> None:
        def owned() -> bool:
            return generation == self._generation

        for batch in self._handlers.batches(map(KafkaRecord.of, records)):
            if not owned():
                return  # the new assignment starts at what is committed
            await self._handlers.handle(batch, owned=owned)
            if not owned() or not await self._commit(consumer, batch):
                return
            uncommitted |= {TopicPartition(*place): last + 1 for place, last in batch.last.items()}

    async def _wait(self, error: Unavailable) -> None:
        self._backoff = min(MAX_BACKOFF_SECONDS, max(0.2, self._backoff * 2))
        self._next_lag = 0.0  # well again only when the broker has answered
        self._health(error.part)
        log.warning("group %s waits %.1f s: %s", self._group, self._backoff, error)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), self._backoff)

    async def _observe(self, consumer: AIOKafkaConsumer) -> None:
        """Asks for the log's end now and then: the lag, and proof that the broker answers."""
        now = asyncio.get_running_loop().time()
        if now < self._next_lag or not consumer.assignment():
            return
        ends = await within(3, consumer.end_offsets(list(consumer.assignment())))
        for place, end in ends.items():
            with contextlib.suppress(IllegalStateError):
                LAG.labels(place.partition).set(max(0, end - await within(3, consumer.position(place))))
        self._next_lag = now + LAG_EVERY_SECONDS

    async def _end(self, consumer: AIOKafkaConsumer) -> None:
        polling, self._polling = self._polling, None
        if polling is not None:
            polling.add_done_callback(_retrieve)
            polling.cancel()
        await stop(consumer)
        committing, self._committing = self._committing, None
        if committing is not None:
            committing.add_done_callback(_retrieve)
            committing.cancel()

    async def _commit(self, consumer: AIOKafkaConsumer, batch: RecordBatch) -> bool:
        """True if committed; False if the partitions went to another member. Raises: Unavailable.

        It is not cancelled when it takes long, since aiokafka would leave its request behind: the next poll waits.
        """
        offsets = {TopicPartition(topic, partition): last + 1 for (topic, partition), last in batch.last.items()}
        self._committing = asyncio.ensure_future(consumer.commit(offsets))
        return await self._committed(self._committing)

    async def _committed(self, committing: asyncio.Future[None]) -> bool:
        await asyncio.wait({committing}, timeout=COMMIT_TIMEOUT_SECONDS)
        if not committing.done():
            raise Unavailable("Kafka", "no answer in time")
        self._committing = None
        try:
            await committing
        except (CommitFailedError, IllegalStateError) as error:
            log.warning("a rebalance came before the commit: %s", type(error).__name__)
            return False
        except KafkaError as error:
            raise Unavailable("Kafka", type(error).__name__) from error
        return True


def _retrieve(future: asyncio.Future[Any]) -> None:
    """So that an error that nobody waits for any more is not logged as "never retrieved"."""
    if not future.cancelled():
        future.exception()


def _step_back(consumer: AIOKafkaConsumer, uncommitted: dict[TopicPartition, int]) -> None:
    """Puts the position back to what is not committed; `seen` recognises what was taken in already."""
    for place, offset in uncommitted.items():
        with contextlib.suppress(IllegalStateError):  # no longer ours
            consumer.seek(place, offset)
