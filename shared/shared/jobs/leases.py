"""Leases over one job of a store: claimed by guarded updates, renewed by one, released at a deadline.

A claim raises `lease.<job>.n`, names the holder, and moves `due.<job>` behind the lease, so that what is held is not
found again. Rules never touch the lease; they set `due` by what the state says. All leases of a holder are renewed by
one update over the sparse index of `lease.<job>.by`: the cost of 2,000 held documents is that of one statement.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

from shared.observability.metrics import DUE_LATENESS
from shared.store.mapping import Lease
from shared.store.operations import Document, Update
from shared.store.store import Store

S = TypeVar("S")

RELEASE_TRIES = 5
MAX_LOOKED_AT = 5_000
BULK_SIZE = 500


class Leases(Generic[S]):
    """What one holder (one job in one process) has claimed. Leases last `seconds`."""

    def __init__(self, store: Store[S], job: str, seconds: float) -> None:
        self._store, self._job, self._life = store, job, timedelta(seconds=seconds)
        self._holder = secrets.token_hex(8)
        self._due, self._lease = f"due.{job}", f"lease.{job}"

    async def claim(self, limit: int, held: Collection[str]) -> tuple[list[Document], bool]:
        """Documents that are due now, at most `limit`, none of those `held` here; and whether there may be
        more. Raises: Unavailable."""
        now = self._store.clock()
        late = {id: now - at for id, at in await self._free(limit, held, now)}
        if not late:
            return [], False
        ids = list(late)
        until = now + self._life
        names = {f"{self._lease}.by": self._holder, f"{self._lease}.until": until, self._due: until}
        claimed: Document = {"$inc": {f"{self._lease}.n": 1}, "$set": names}
        free = {self._due: {"$lte": now}, f"{self._lease}.until": {"$not": {"$gt": now}}}
        for start in range(0, len(ids), BULK_SIZE):
            claims = [Update({"_id": id} | free, claimed) for id in ids[start : start + BULK_SIZE]]
            await self._store.collection.write(claims)
        documents = await self._store.collection.find_ids(ids, fields=("version", "state", "lease", "trace"))
        won = [document for document in documents if self._is_mine(document, until)]
        for document in won:
            DUE_LATENESS.labels(self._job).observe(late[document["_id"]].total_seconds())
        return won, len(ids) == limit

    async def _free(self, limit: int, held: Collection[str], now: datetime) -> list[tuple[str, datetime]]:
        """Due and not held by anybody, earliest first: ids with their deadlines.

        The filter is the index's field alone: with another in it the embedded server reads the whole collection. So a
        document that is held may be among them (a rule has just moved its deadline), and is left out here.
        """
        for size in (limit + len(held), 4 * (limit + len(held)), MAX_LOOKED_AT):
            page = await self._store.collection.find(
                {self._due: {"$lte": now}}, sort=((self._due, 1),), limit=size, fields=("due", "lease")
            )
            free = [
                (document["_id"], document["due"][self._job])
                for document in page
                if document["_id"] not in held and not self._is_held(document, now)
            ]
            if len(page) < size or len(free) >= limit:
                break
        return free[:limit]

    def _is_held(self, document: Document, now: datetime) -> bool:
        until = document.get("lease", {}).get(self._job, {}).get("until")
        return until is not None and until > now

    def _is_mine(self, document: Document, until: datetime) -> bool:
        lease = document.get("lease", {}).get(self._job, {})
        return (lease.get("by"), lease.get("until")) == (self._holder, until)

    async def overtaken(self, limit: int) -> list[str]:
        """Held here, and due again: a rule has written to them since they were claimed or renewed. Raises:
        Unavailable."""
        page = await self._store.collection.find(
            {self._due: {"$lte": self._store.clock()}}, sort=((self._due, 1),), limit=limit, fields=("lease",)
        )
        held = [(document["_id"], document.get("lease", {}).get(self._job, {})) for document in page]
        return [id for id, lease in held if lease.get("by") == self._holder]

    async def renew(self, held: int) -> tuple[datetime, dict[str, Document]]:
        """Prolongs all leases of this holder. Gives their new end, and the heads (version, lease) of what it holds
        by the database's account, about `held` documents. Raises: Unavailable."""
        until, mine = self._store.clock() + self._life, {f"{self._lease}.by": self._holder}
        urgent = self._store.collection.urgent  # a lease that is lost is work done twice
        await urgent.update_many(mine, {"$set": {f"{self._lease}.until": until, self._due: until}})
        heads = await urgent.find(mine, limit=held + MAX_LOOKED_AT, fields=("version", "lease"))
        return until, {head["_id"]: head for head in heads}

    async def restore(self, id: str, version: int, deadline: datetime | None) -> None:
        """Puts back a deadline that a rule moved behind the lease, or took away, before the renewal of it."""
        change: Document = {"$set": {self._due: deadline}} if deadline else {"$unset": {self._due: ""}}
        await self._store.collection.write([Update({"_id": id, "version": version}, change)])

    async def release(self, id: str, lease: Lease, at: datetime | None) -> None:
        """Ends a lease. Due again at `at`, or (None) at the state's own deadline, but not before the lease's end.

        Raises: Unavailable; the lease runs out by itself then.
        """
        for _ in range(RELEASE_TRIES):
            document = await self._store.collection.get(id)
            if document is None or not self._holds(document, lease):
                return
            change = self._ending(document, at)
            # The version: a rule may have moved the deadline. The number: another may hold it now.
            guard = {"_id": id, "version": document["version"], f"{self._lease}.n": lease.n}
            if await self._store.collection.update_many(guard, change):
                return

    def _holds(self, document: Document, lease: Lease) -> bool:
        kept = document["lease"][self._job]
        return (kept["n"], kept.get("by")) == (lease.n, self._holder)

    def _ending(self, document: Document, at: datetime | None) -> Document:
        now = self._store.clock()
        ended: dict[str, Any] = {f"{self._lease}.until": now}
        deadline = self._store.deadlines[self._job](self._store.stored(document).state)
        gone = {f"{self._lease}.by": ""}
        if deadline is None:
            return {"$set": ended, "$unset": gone | {self._due: ""}}
        if at is None and deadline <= now:
            at = now + self._life
        return {"$set": {**ended, self._due: max(at or deadline, deadline)}, "$unset": gone}
