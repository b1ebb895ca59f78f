"""Faults by count: the n-th await of a run raises, before the call is made or after it took effect."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from aiokafka import AIOKafkaConsumer

from shared.contracts.cloudevents import Headers
from shared.messaging.kafka import Cluster, Sender
from shared.store.mongo import Calls, Collection
from shared.store.operations import Document, Filter, Insert, Sort, Update, Written

T = TypeVar("T")


class Crash(BaseException):
    """The process is gone: nothing that catches errors may catch this."""


@dataclass
class Fuse:
    """Blows at the n-th point it passes (0: never). Each guarded await has two points."""

    at: int
    passed: int = 0
    error: Callable[[], BaseException] = Crash

    def point(self) -> None:
        self.passed += 1
        if self.passed == self.at:
            raise self.error()

    async def guard(self, call: Awaitable[T]) -> T:
        try:
            self.point()
        except BaseException:
            if hasattr(call, "close"):
                call.close()
            raise
        result = await call
        self.point()
        return result


def parts_of(collection: Collection) -> tuple[Any, Calls, Calls]:
    """What a collection is made of, for one that behaves otherwise."""
    return collection._inner, collection._calls, collection._urgent


class FaultyCollection(Collection):
    """A collection whose every call may be the last."""

    def __init__(self, inner: Collection, fuse: Fuse) -> None:
        super().__init__(*parts_of(inner))
        self._fuse = fuse

    @property
    def urgent(self) -> FaultyCollection:
        return self

    async def get(self, id: str) -> Document | None:
        return await self._fuse.guard(super().get(id))

    async def find(
        self, where: Filter, *, sort: Sort = (), limit: int, fields: Sequence[str] | None = None
    ) -> list[Document]:
        return await self._fuse.guard(super().find(where, sort=sort, limit=limit, fields=fields))

    async def write(self, operations: Sequence[Insert | Update]) -> Written:
        return await self._fuse.guard(super().write(operations))

    async def update_many(self, where: Filter, change: Document) -> int:
        return await self._fuse.guard(super().update_many(where, change))


def faulty(collection: Collection, fuse: Fuse) -> FaultyCollection:
    return FaultyCollection(collection, fuse)


@dataclass
class FaultySender:
    inner: Sender
    fuse: Fuse

    async def send(self, topic: str, key: bytes | None, value: bytes | None, headers: Headers) -> None:
        await self.fuse.guard(self.inner.send(topic, key, value, headers))


class _FaultyConsumer(AIOKafkaConsumer):  # type: ignore[misc]
    fuse: Fuse

    async def commit(self, offsets: Any = None) -> None:
        await self.fuse.guard(super().commit(offsets))


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultyCluster(Cluster):
    """A cluster whose consumer's commits may be the last."""

    fuse: Fuse = field(default_factory=lambda: Fuse(0))

    def consumer(self, group: str | None, client_id: str, **more: Any) -> AIOKafkaConsumer:
        consumer = _FaultyConsumer(
            bootstrap_servers=self.bootstrap,
            client_id=client_id,
            group_id=group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            **more,
        )
        consumer.fuse = self.fuse
        return consumer
