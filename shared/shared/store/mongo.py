"""The only import of the database driver (Motor): collections with a deadline on every call, two kinds of errors.

Motor's development ended in favour of PyMongo's own async client; the change to it would be this file alone.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pymongo
from bson.errors import BSONError
from pymongo import IndexModel, InsertOne, ReturnDocument, UpdateOne
from pymongo.errors import (
    BulkWriteError,
    ConnectionFailure,
    CursorNotFound,
    DocumentTooLarge,
    DuplicateKeyError,
    ExecutionTimeout,
    InvalidOperation,
    NetworkTimeout,
    OperationFailure,
    PyMongoError,
    WriteConcernError,
)
from pymongo.read_concern import ReadConcern

from shared.crypto.secret import Secret
from shared.domain.rules import Unavailable
from shared.observability import tracing
from shared.observability.tracing_mongo import CommandSpans
from shared.store.errors import (
    DUPLICATE_KEY,
    FINAL_CODES,
    NOT_LINEARIZABLE_CODES,
    is_duplicate_id,
    is_final,
    reason,
    says_wait,
    why_unbuildable,
)
from shared.store.indexes import IndexPlan, index_plan
from shared.store.operations import Document, Filter, Index, Insert, Sort, Update, Written

log = logging.getLogger(__name__)

_AWAY = (ConnectionFailure, NetworkTimeout, ExecutionTimeout, InvalidOperation)
_UNWRITABLE = (DocumentTooLarge, BSONError, OverflowError, UnicodeError)
"""What the driver says of a document that it cannot send; it refuses the whole bulk for it."""

LINEARIZABLE = ReadConcern("linearizable")
UNCONFIRMED = "the write was not confirmed by a majority"
SLICE_SIZE = 50
POOL_SIZE = 32
BUILD_SECONDS = 12 * 3600.0
"""For the indexes of a collection that has grown; everything else has the seconds of its client."""
URGENT_PLACES = 4
MOTOR_THREADS = 128
"""More than any pool has: the places of `Calls` decide how many run. Threads are made when they are first needed."""


class Calls:
    """The way of every call to the driver, which runs them in threads: a place among them, and an end in time.

    Waiting for a place counts towards the call's time, so that a server that hangs makes nobody wait for longer.
    """

    def __init__(self, places: asyncio.Semaphore, seconds: float) -> None:
        self._places, self._seconds = places, seconds
        self._running = set[asyncio.Future[Any]]()

    async def __call__(
        self, call: Callable[..., Awaitable[Any]], *arguments: Any, heeds: frozenset[int] = frozenset(), **options: Any
    ) -> Any:
        """`heeds`: codes of refusals that the caller is told of, as OperationFailure.

        Raises: Unavailable for all others; what the driver raises for a document that it cannot send.
        """
        try:
            async with asyncio.timeout(self._seconds):
                await self._places.acquire()
                return await asyncio.shield(self._begun(call, arguments, options))
        except TimeoutError:
            raise Unavailable("MongoDB", f"no answer within {self._seconds:g} seconds") from None
        except (BulkWriteError, CursorNotFound, *_UNWRITABLE):
            raise
        except _AWAY as error:
            raise Unavailable("MongoDB", type(error).__name__) from error
        except WriteConcernError:
            raise Unavailable("MongoDB", UNCONFIRMED) from None
        except OperationFailure as error:
            if error.code in heeds and not says_wait(error.details):
                raise
            name = (error.details or {}).get("codeName") or type(error).__name__
            raise Unavailable("MongoDB", reason(error.code, name)) from None
        except PyMongoError as error:
            raise Unavailable("MongoDB", type(error).__name__) from error

    def _begun(
        self, call: Callable[..., Awaitable[Any]], arguments: Iterable[Any], options: Mapping[str, Any]
    ) -> asyncio.Future[Any]:
        try:
            running = asyncio.ensure_future(call(*arguments, **options))
        except BaseException:
            self._places.release()
            raise
        self._running.add(running)
        running.add_done_callback(self._ended)
        return running

    def _ended(self, running: asyncio.Future[Any]) -> None:
        """A thread is free again: also where nobody waits for its answer any more."""
        self._running.discard(running)
        self._places.release()
        if not running.cancelled():
            running.exception()  # heard of, also where nobody waits


class NotWritable(Exception):
    """The database refuses a document for good: too large, or not as it must be. Names no value of it."""


class Collection:
    """A MongoDB collection whose calls end within the client's timeout, by Unavailable if the database is away."""

    def __init__(self, inner: Any, calls: Calls, urgent: Calls) -> None:
        self._inner, self._calls, self._urgent = inner, calls, urgent
        self.name: str = inner.name

    @property
    def urgent(self) -> Collection:
        """The same collection by places that are kept free, so that its calls never stand behind others."""
        return Collection(self._inner, self._urgent, self._urgent)

    async def get(self, id: str) -> Document | None:
        found: Document | None = await self._calls(self._inner.find_one, {"_id": id})
        return found

    async def find(
        self, where: Filter, *, sort: Sort = (), limit: int, fields: Sequence[str] | None = None
    ) -> list[Document]:
        """At most `limit` documents, in one round trip where they fit into one answer."""
        return await self._find(self._inner, where, sort, limit, fields)

    async def _find(
        self,
        inner: Any,
        where: Filter,
        sort: Sort,
        limit: int,
        fields: Sequence[str] | None,
        heeds: frozenset[int] = frozenset(),
    ) -> list[Document]:
        projection = list(fields) if fields else None

        def found() -> Any:
            cursor = inner.find(where, projection=projection, limit=limit, batch_size=limit)
            return cursor.sort(list(sort)) if sort else cursor

        return await self._to_list(found, limit, heeds)

    async def aggregate(
        self, pipeline: Sequence[Document], *, limit: int, seconds: float | None = None
    ) -> list[Document]:
        """At most `limit` results, in one round trip where they fit into one answer. `seconds`: in place of a call's,
        for what nobody waits for."""

        def results() -> Any:
            return self._inner.aggregate(list(pipeline), batchSize=limit + 1)

        if seconds is None:
            return await self._to_list(results, limit)
        with pymongo.timeout(seconds):
            beside = Calls(asyncio.Semaphore(1), seconds)
            return await Collection(self._inner, beside, beside)._to_list(results, limit)

    async def _to_list(
        self, cursor: Callable[[], Any], limit: int, heeds: frozenset[int] = frozenset()
    ) -> list[Document]:
        for _ in range(2):
            try:
                documents: list[Document] = await self._calls(cursor().to_list, limit, heeds=heeds)
                return documents
            except CursorNotFound:  # the server that held it was replaced: read again from the beginning
                continue
        raise Unavailable("MongoDB", "it lost a cursor twice in a row")

    async def pages(self, size: int, *, after: str = "", fields: Sequence[str]) -> AsyncIterator[list[Document]]:
        """Every document whose id is behind `after`, in the order of ids: nothing is held, nothing skipped when
        others write meanwhile."""
        while page := await self.find({"_id": {"$gt": after}}, sort=(("_id", 1),), limit=size, fields=fields):
            yield page
            after = page[-1]["_id"]

    async def find_ids(
        self, ids: Iterable[str], *, where: Filter | None = None, fields: Sequence[str] | None = None
    ) -> list[Document]:
        """The documents of these ids, in slices: the cost of one `$in` may rise faster than its length."""
        documents: list[Document] = []
        for part in _slices(ids):
            documents += await self.find({**(where or {}), "_id": {"$in": part}}, limit=len(part), fields=fields)
        return documents

    async def find_latest(self, ids: Iterable[str], *, fields: Sequence[str] | None = None) -> list[Document]:
        """As `find_ids`, with all that was confirmed before, also by a primary that was replaced since.

        One page of ids a call: the documents of immutable, unique `_id`s, which is what MongoDB asks of such a read.
        """
        latest, documents = self._inner.with_options(read_concern=LINEARIZABLE), list[Document]()
        for part in _slices(ids):
            where: Document = {"_id": {"$in": part}}
            try:
                documents += await self._find(latest, where, (), len(part), fields, NOT_LINEARIZABLE_CODES)
            except OperationFailure as error:
                _say_not_linearizable(error.code)
                documents += await self.find(where, limit=len(part), fields=fields)
        return documents

    async def update_ids(self, ids: Iterable[str], change: Document, *, where: Filter | None = None) -> int:
        """Changes the documents of these ids that match `where` too; gives how many did."""
        matched = 0
        for part in _slices(ids):
            matched += await self.update_many({**(where or {}), "_id": {"$in": part}}, change)
        return matched

    async def count(self, where: Filter, *, limit: int) -> int:
        """Counts at most `limit` documents."""
        counted: int = await self._calls(self._inner.count_documents, where, limit=limit)
        return counted

    async def about(self) -> int:
        """How many documents there are, roughly and at once."""
        counted: int = await self._calls(self._inner.estimated_document_count)
        return counted

    async def write(self, operations: Sequence[Insert | Update]) -> Written:
        """One unordered bulk. A duplicate `_id` or a guard without a match only makes it incomplete."""
        if not operations:
            return Written(True)
        try:
            writes = [_operation(operation) for operation in operations]
            result = await self._calls(self._inner.bulk_write, writes, ordered=False, heeds=FINAL_CODES)
        except BulkWriteError as error:
            return _partly(operations, error.details)
        except (OperationFailure, *_UNWRITABLE) as error:
            return await self._one_by_one(operations, error)
        updates = sum(isinstance(operation, Update) for operation in operations)
        return Written(result.matched_count == updates)

    async def _one_by_one(self, operations: Sequence[Insert | Update], error: Exception) -> Written:
        """Driver or server refuse a whole bulk for one document (over 16 MB, not BSON): find out which one."""
        if len(operations) == 1:
            why = f"error {error.code}" if isinstance(error, OperationFailure) else type(error).__name__
            return Written(False, {operations[0].id: why})
        results = [await self.write([operation]) for operation in operations]
        refused = {id: why for result in results for id, why in result.refused.items()}
        return Written(all(result.complete for result in results), refused)

    async def insert(self, document: Document) -> bool:
        """One document; False if there is one of its `_id` already.

        Raises: Unavailable, NotWritable.
        """
        written = await self.write([Insert(document)])
        for id, why in written.refused.items():
            raise NotWritable(f"{self.name} {id}: {why}")
        return written.complete

    async def update_many(self, where: Filter, change: Document) -> int:
        result = await self._calls(self._inner.update_many, where, change)
        return int(result.matched_count)

    async def upsert(self, where: Filter, change: Document) -> Document:
        """Changes one document, creating it if there is none, and gives it back as it is then."""
        for _ in range(5):
            try:
                changed: Document = await self._calls(
                    self._inner.find_one_and_update,
                    where,
                    change,
                    upsert=True,
                    return_document=ReturnDocument.AFTER,
                    heeds=frozenset({DUPLICATE_KEY}),
                )
                return changed
            except DuplicateKeyError:  # two creations at once: the other one's is there now
                continue
        raise Unavailable("MongoDB", "too many writers of one document")

    async def delete(self, where: Filter) -> int:
        result = await self._calls(self._inner.delete_many, where)
        return int(result.deleted_count)

    async def index_plan(self, wanted: Iterable[Index]) -> IndexPlan:
        """What is missing, what differs, what nobody wants. Raises: Unavailable."""
        cursor = self._inner.list_indexes()
        return index_plan(await self._calls(cursor.to_list, None), wanted)

    async def build_indexes(self, plan: IndexPlan) -> None:
        """One command for all of them. A build takes its time, and goes on at the server if this ends before it.

        Raises: Unavailable, with what to do where only people can mend it.
        """
        await self.drop_indexes(plan.replace)
        models = [IndexModel(list(index.keys), **_index_options(index)) for index in plan.build]
        building = Calls(asyncio.Semaphore(1), BUILD_SECONDS)
        with pymongo.timeout(BUILD_SECONDS):
            await building(self._build, models)

    async def _build(self, models: list[IndexModel]) -> None:
        try:
            await self._inner.create_indexes(models)
        except OperationFailure as error:
            if why := why_unbuildable(error.code, error.details or {}):
                raise Unavailable("MongoDB", f"the indexes of {self.name} cannot be built: {why}") from None
            raise

    async def drop_indexes(self, names: Iterable[str]) -> None:
        for name in names:
            await self._calls(self._inner.drop_index, name)

    async def ensure(self, indexes: Iterable[Index]) -> None:
        """Builds what is missing or differs; what is left over stays. Raises: Unavailable."""
        if plan := await self.index_plan(indexes):
            await self.build_indexes(plan)

    async def explain(self, where: Filter, *, sort: Sort = (), limit: int = 0) -> Document:
        """How a find is read, which is not done."""
        find = {"find": self.name, "filter": dict(where), "sort": dict(sort), "limit": limit}
        explain = self._inner.database.command
        plan: Document = await self._calls(explain, "explain", find, verbosity="queryPlanner")
        return plan


@dataclass(frozen=True, slots=True, kw_only=True)
class MongoAccess:
    """Where a server is, and how it lets us in."""

    url: str = field(repr=False)
    """A connection string; it may hold a login."""
    username: str | None = None
    password: Secret[str] | None = field(default=None, repr=False)
    ca_file: Path | None = None
    """Certificate authority of the server (PEM); switches TLS on."""
    cert_file: Path | None = None
    """Our certificate and its key, in one PEM file."""
    pool_size: int = POOL_SIZE
    """Connections at most, and calls at once; some of them are kept free for what is urgent."""

    def options(self) -> dict[str, Any]:
        """What Motor's client is made with."""
        options: dict[str, Any] = {"maxPoolSize": self.pool_size}
        if self.username and self.password:
            options |= {"username": self.username, "password": self.password.reveal()}
        if self.ca_file or self.cert_file:
            options["tls"] = True
        files = {"tlsCAFile": self.ca_file, "tlsCertificateKeyFile": self.cert_file}
        return options | {name: str(path) for name, path in files.items() if path}


class Mongo:
    """A client of one database. Nothing connects before the first call."""

    def __init__(self, access: MongoAccess | str, database: str, *, timeout_seconds: float = 5.0) -> None:
        os.environ.setdefault("MOTOR_MAX_WORKERS", str(MOTOR_THREADS))  # Motor reads it when it is imported
        from motor.motor_asyncio import AsyncIOMotorClient

        access = MongoAccess(url=access) if isinstance(access, str) else access
        self._client: Any = AsyncIOMotorClient(
            access.url,
            **access.options(),
            tz_aware=True,
            appname=database,
            w="majority",
            journal=True,
            readConcernLevel="majority",
            readPreference="primary",
            serverSelectionTimeoutMS=int(timeout_seconds * 400),
            connectTimeoutMS=int(timeout_seconds * 400),
            timeoutMS=int(timeout_seconds * 1000),
            event_listeners=[CommandSpans()] if tracing.recorded() else [],
        )
        self._database: Any = self._client[database]
        self._calls = Calls(asyncio.Semaphore(access.pool_size - URGENT_PLACES), timeout_seconds)
        self._urgent = Calls(asyncio.Semaphore(URGENT_PLACES), timeout_seconds)

    def collection(self, name: str) -> Collection:
        return Collection(self._database[name], self._calls, self._urgent)

    async def ping(self) -> None:
        await self._urgent(self._database.command, "ping")

    async def drop(self) -> None:
        """Removes the whole database (tests)."""
        await self._calls(self._client.drop_database, self._database.name)

    def close(self) -> None:
        self._client.close()


@cache
def _say_not_linearizable(code: int | None) -> None:
    """Once a process."""
    log.warning("MongoDB knows no linearizable reads (error %s): what it reads otherwise counts as the latest", code)


def _index_options(index: Index) -> dict[str, Any]:
    expires = {} if index.expire_after is None else {"expireAfterSeconds": index.expire_after}
    return {"sparse": index.sparse, "unique": index.unique, **expires}


def _slices(ids: Iterable[str]) -> Iterable[list[str]]:
    everything = list(ids)
    return (everything[start : start + SLICE_SIZE] for start in range(0, len(everything), SLICE_SIZE))


def _operation(operation: Insert | Update) -> InsertOne[Document] | UpdateOne:
    if isinstance(operation, Insert):
        return InsertOne(operation.document)
    return UpdateOne(operation.where, operation.change)


def _partly(operations: Sequence[Insert | Update], details: Mapping[str, Any]) -> Written:
    errors = details.get("writeErrors", [])
    if details.get("writeConcernErrors"):
        raise Unavailable("MongoDB", UNCONFIRMED)
    for error in errors:
        if not is_final(error.get("code"), details):
            raise Unavailable("MongoDB", reason(error.get("code"), "a part of the write"))
    refused = {
        operations[error["index"]].id: f"error {error.get('code')}" for error in errors if not is_duplicate_id(error)
    }
    return Written(False, refused)
