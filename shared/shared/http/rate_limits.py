"""Limits counted in MongoDB, so that all replicas count together. Keys are kept hashed; nothing is held in memory."""

from __future__ import annotations

import hashlib
import math
from datetime import UTC, datetime, timedelta

from shared.http.refusals import TooMany
from shared.store.mongo import Collection
from shared.store.operations import Index

INDEXES = (Index(keys=(("expires_at", 1),), expire_after=0),)


class Limits:
    """A sliding window over two counters: this window's, and the part of the last one that still counts."""

    def __init__(self, collection: Collection) -> None:
        self._collection = collection

    async def check(self, name: str, key: str, limit: int, window: timedelta, now: datetime) -> None:
        """Counts one more of `name` by `key` (an address, a tenant). Raises: TooMany over `limit` in `window`.

        What is refused does not count, so who comes back in time is let in.
        """
        width = window.total_seconds()
        number, passed = divmod(now.timestamp(), width)
        before, this = _id(name, key, number - 1), _id(name, key, number)
        documents = await self._collection.find({"_id": {"$in": [before, this]}}, limit=2)
        counts = {document["_id"]: min(document["n"], limit) for document in documents}
        free = limit - counts.get(before, 0) * (1 - passed / width)
        if this not in counts:
            await self._begin(this, (number + 2) * width)
        if counts.get(this, 0) + 1 > free or await self._count(this) > free:
            wait = max(1, math.ceil(width - passed))
            raise TooMany(f"There were too many requests; try again in {_spoken(wait)}.", retry_after=wait)

    async def _begin(self, id: str, expires: float) -> None:
        """Made before it is counted, since of several upserts that create at once not each is told its count."""
        counter = {"_id": id, "n": 0, "expires_at": datetime.fromtimestamp(expires, UTC)}
        await self._collection.insert(counter)

    async def _count(self, id: str) -> int:
        counted = await self._collection.upsert({"_id": id}, {"$inc": {"n": 1}})
        return int(counted["n"])


def _id(name: str, key: str, number: float) -> str:
    return hashlib.sha256(f"{name}\n{key}\n{int(number)}".encode()).hexdigest()


def _spoken(seconds: int) -> str:
    return f"{seconds} seconds" if seconds < 120 else f"{math.ceil(seconds / 60)} minutes"
