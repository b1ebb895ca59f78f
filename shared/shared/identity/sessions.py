"""Operators' sessions in MongoDB: the id is in the cookie only (its SHA-256 here), 8 hours at most, 30 minutes idle."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from shared.contracts.events import Actor
from shared.identity.bearer import Identity
from shared.store.mongo import Collection
from shared.store.operations import Index

LIFETIME = timedelta(hours=8)
IDLE = timedelta(minutes=30)
TOUCH_EVERY = timedelta(minutes=1)
STATE_LIVES = timedelta(minutes=15)
INDEXES = (Index(keys=(("expires_at", 1),), expire_after=0),)


@dataclass(frozen=True, slots=True)
class Session:
    """A signed-in operator."""

    identity: Identity
    expires_at: datetime

    @property
    def actor(self) -> Actor:
        return self.identity.actor

    def has(self, role: str) -> bool:
        return self.identity.has(role)


class Sessions:
    """Begins, finds and ends sessions; remembers which sign-ins were used up."""

    def __init__(self, collection: Collection) -> None:
        self._collection = collection

    async def begin(self, identity: Identity, now: datetime) -> str:
        """A new session; gives its id, for the cookie."""
        id = secrets.token_urlsafe(32)
        document: dict[str, Any] = {
            "_id": _hashed(id),
            "actor": asdict(identity.actor),
            "roles": sorted(identity.roles),
            "begun_at": now,
            "seen_at": now,
            "expires_at": now + LIFETIME,
        }
        await self._collection.insert(document)
        return id

    async def find(self, id: str | None, now: datetime, address: str | None = None) -> Session | None:
        """The session of a cookie, if it still counts; being found keeps it from being idle."""
        document = await self._collection.get(_hashed(id)) if id else None
        if document is None or "actor" not in document:
            return None
        if now >= document["expires_at"] or now - document["seen_at"] > IDLE:
            return None
        if now - document["seen_at"] > TOUCH_EVERY:
            await self._collection.update_many({"_id": document["_id"]}, {"$set": {"seen_at": now}})
        actor = Actor(**(document["actor"] | {"address": address}))
        return Session(Identity(actor, frozenset(document["roles"])), document["expires_at"])

    async def end(self, id: str | None) -> None:
        if id:
            await self._collection.delete({"_id": _hashed(id)})

    async def use_up(self, state: str, now: datetime) -> bool:
        """True the first time only: a sign-in is finished once."""
        return await self._collection.insert({"_id": _hashed(state), "expires_at": now + STATE_LIVES})


def _hashed(id: str) -> str:
    return hashlib.sha256(id.encode()).hexdigest()
