"""What refuses: a proxy in a thread of its own before MongoDB, and what drives every refusal against each caller.

A caller is a request or a batch of records. It is refused at each point that it comes to (a command on a collection)
before it is let through there; then it goes on to the next one, until nothing refuses it any more.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import cycle, islice
from typing import Any, TypeVar

import httpx

from shared.domain.rules import Unavailable
from shared.messaging.event_handlers import EventHandlers, RecordBatch
from tests.shared.kit.mongo_proxy import DATA_COMMANDS, WRITES, Document, MongoProxy, Refusal
from tests.shared.store.test_refusals import WAITED

T = TypeVar("T")
Point = tuple[str, str]
"""A command and its collection."""
ONCE_EACH = cycle(WAITED)
SOME = 4
SHARED = {"sessions", "limits", "settings"}
"""Collections that callers come to by the way."""


@contextlib.contextmanager
def proxy_before(mongo_url: str) -> Iterator[MongoProxy]:
    """In a thread: clients that wait for it may block the loop of the test."""
    host, _, port = mongo_url.removeprefix("mongodb://").split("/")[0].rpartition(":")
    proxy, loop = MongoProxy(host=host, port=int(port)), asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    asyncio.run_coroutine_threadsafe(proxy.start(), loop).result()
    try:
        yield proxy
    finally:
        asyncio.run_coroutine_threadsafe(proxy.stop(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@dataclass
class Refusals:
    """All refusals against one caller after the other. `table`: which points each caller came to."""

    proxy: MongoProxy
    beside: Callable[[Document], bool] = lambda command: False
    """Commands of what goes on beside the callers, such as counting: they are let through."""
    table: dict[str, set[Point]] = field(default_factory=dict)
    shared: set[Point] = field(default_factory=set)
    """Points that many callers come to by the same code, and that were driven with every code."""
    _met: set[Point] = field(default_factory=set)

    async def against(self, name: str, call: Callable[[], Awaitable[T]], waits: Callable[[T], bool]) -> T:
        """Refuses `call` at each of its points. `waits`: was it told to wait? Gives what it came to in the end."""
        try:
            return await self._against(name, call, waits)
        finally:  # not before: a call that was given up for its time may still be on its way
            self.proxy.refusal = None

    async def _against(self, name: str, call: Callable[[], Awaitable[T]], waits: Callable[[T], bool]) -> T:
        passed: set[Point] = set()
        self.table.setdefault(name, set())
        while True:
            outcome = await self._once(call, Refusal(code=next(ONCE_EACH)), passed)
            if not waits(outcome):
                assert not self._met, f"{name} went on although it was refused: {outcome} at {self._met}"
                return outcome
            points = set(self._met)
            assert points, f"{name} waits although nothing was refused: {outcome}"
            for refusal in _refusals(points, known=points <= self.shared):
                outcome = await self._once(call, refusal, passed)
                assert self._met and waits(outcome), f"{name} at {self._met} by {refusal}: {outcome}"
            passed |= points
            self.table[name] |= points
            self.shared |= {point for point in points if point[1] in SHARED}

    async def _once(self, call: Callable[[], Awaitable[T]], refusal: Refusal, passed: set[Point]) -> T:
        met = self._met = set[Point]()

        def meets(command: Document, statements: list[Document]) -> bool:
            name = next(iter(command))
            point = (name, str(command[name]) if name != "getMore" else str(command["collection"]))
            if point in passed or self.beside(command) or (refusal.per_statement and name not in WRITES):
                return False
            met.add(point)
            return True

        self.proxy.only, self.proxy.refusal = meets, refusal
        return await call()


def _refusals(points: Iterable[Point], *, known: bool) -> Iterable[Refusal]:
    """In each statement of a write every code, since there each caller's own result must be looked at; of whole
    commands some, in turn. Some as well where the point is `known`."""
    names = {name for name, _ in points}
    assert names <= DATA_COMMANDS
    for code in islice(ONCE_EACH, SOME):
        yield Refusal(code=code)
    if names & WRITES.keys():
        for code in islice(ONCE_EACH, SOME) if known else WAITED:
            yield Refusal(code=code, per_statement=True)


class RefusedTransport(httpx.AsyncBaseTransport):
    """Every request of a client is refused in every way before it is answered as it should be."""

    def __init__(self, app: Any, refusals: Refusals) -> None:
        self._inner = httpx.ASGITransport(app=app, client=("192.0.2.7", 40000))
        self._refusals = refusals

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await request.aread()

        async def call() -> httpx.Response:
            answer = await self._inner.handle_async_request(request)
            await answer.aread()
            return answer

        return await self._refusals.against(f"{request.method} {request.url.path}", call, lambda a: told(request, a))


def told(request: httpx.Request, answer: httpx.Response) -> bool:
    """Was it told to wait, in the words of a page or of a program, and when to come back?"""
    if answer.status_code != 503:
        return False
    page = "text/html" in request.headers.get("accept", "")
    kind = "text/html" if page else "application/problem+json"
    assert answer.headers["content-type"].startswith(kind) and int(answer.headers["retry-after"]) >= 1
    return True


class RefusedHandlers:
    """What a consumer does with records, each batch refused in every way before it is taken in."""

    def __init__(self, inner: EventHandlers, refusals: Refusals, prefix: str = "") -> None:
        self._inner, self._refusals, self._prefix = inner, refusals, prefix
        self.batches = inner.batches

    async def handle(self, batch: RecordBatch) -> None:
        async def call() -> Exception | None:
            try:
                await self._inner.handle(batch)
            except Unavailable as error:
                return error
            return None

        name = self._prefix + ", ".join(record.type for record, _ in batch.records)
        if any(command in WRITES for command, _ in self._refusals.table.get(name, ())):
            await self._inner.handle(batch)
        else:
            await self._refusals.against(name, call, lambda error: error is not None)
        assert not batch.dead
