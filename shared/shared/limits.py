"""Limits counted in MongoDB, so that all replicas count together. Keys are kept hashed; nothing is held in memory."""

from __future__ import annotations

import hashlib
import math
from datetime import UTC, datetime, timedelta

from shared.mongo import Collection, Index
from shared.refusals import TooMany

INDEXES = (Index((("expires_at", 1),), expire_after=0),)


class Limits:
    """A sliding window over two counters: this window's, and the part of the last one that still counts."""

    def __init__(self, collection: Collection) -> None:
        self._collection = collection

    async def check(self, name: str, key: str, limit: int, window: timedelta, now: datetime) -> None:
        """Counts one more of `name` by `key` (an address, a tenant). Raises: TooMany over `limit` in `window`."""
        width = window.total_seconds()
        number, passed = divmod(now.timestamp(), width)
        before = await self._collection.get(_id(name, key, number - 1))
        carried = min(before["n"], limit) * (1 - passed / width) if before else 0.0
        expires = datetime.fromtimestamp((number + 2) * width, UTC)
        change = {"$inc": {"n": 1}, "$setOnInsert": {"expires_at": expires}}
        counted = await self._collection.upsert({"_id": _id(name, key, number)}, change)
        if carried + counted["n"] > limit:
            wait = max(1, math.ceil(width - passed))
            raise TooMany(f"There were too many requests; try again in {_spoken(wait)}.", retry_after=wait)


def _id(name: str, key: str, number: float) -> str:
    return hashlib.sha256(f"{name}\n{key}\n{int(number)}".encode()).hexdigest()


def _spoken(seconds: int) -> str:
    return f"{seconds} seconds" if seconds < 120 else f"{math.ceil(seconds / 60)} minutes"
