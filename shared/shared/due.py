"""Due work: whatever touches the outside world (SMTP, Entra, Graph) or waits for a time, claimed by lease.

A state holds its deadlines; `due.<lane>` is the earliest of one kind. A claim finds ids and takes them by one guarded
update that raises `lease.<lane>.n` and moves `due` behind the lease, so that what is held is not found again. What the
work came to is applied by a rule with the cause `<id>/due/<lane>/<n>`: once per lease, whatever crashes.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

from shared.change import Rule, Unavailable
from shared.metrics import DUE_DONE, DUE_LATENESS
from shared.mongo import Document
from shared.store import Lease, Store, Wake

log = logging.getLogger(__name__)
S = TypeVar("S")

OUTCOME_TRIES = 40


class GiveBack(Exception):
    """The work is released at once for another holder (this service is stopping)."""


@dataclass(slots=True)
class Claim(Generic[S]):
    """A document held for one lane. `state` is renewed with the lease; `lost` when another holder has it."""

    id: str
    state: S
    version: int
    lease: Lease
    trace: str | None
    stopping: asyncio.Event
    lost: bool = False

    async def sleep(self, seconds: float) -> None:
        """Sleeps; ends at once with GiveBack when the service stops or the lease was lost."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.stopping.wait(), max(0.0, seconds))
        if self.stopping.is_set() or self.lost:
            raise GiveBack


Execute = Callable[[Claim[S]], Awaitable["Rule[S] | None"]]


@dataclass(slots=True)
class Due(Generic[S]):
    """Runs one lane of a store. `concurrency` documents at once; leases of `lease` seconds, renewed while work runs.

    `execute` does the work and gives back the rule that takes in its outcome. It may raise Unavailable (tried again
    with backoff) or GiveBack; any other error is a bug: logged, and tried again when the lease has run out.
    """

    store: Store[S]
    lane: str
    execute: Execute[S]
    concurrency: int = 32
    lease: float = 30.0
    tick: float = 1.0
    grace: float = 7.0
    _held: dict[str, Claim[S]] = field(default_factory=dict)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _tries: dict[str, int] = field(default_factory=dict)
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _next: datetime | None = None

    def __post_init__(self) -> None:
        self.store.listeners.append(self._note)

    def _note(self, wake: Wake) -> None:
        for lane, at in wake.due:
            if lane == self.lane and (self._next is None or at < self._next):
                self._next = at
                self._wake.set()

    async def run(self, stopping: asyncio.Event) -> None:
        """Claims and executes until `stopping`, then gives back what is held. Raises: Unavailable, to be run again."""
        renewing = asyncio.ensure_future(self._keep_leases())
        try:
            while not stopping.is_set():
                self._wake.clear()
                self._next = None
                await self.once(stopping)
                await self._pause(stopping)
                if renewing.done():
                    await renewing
        finally:
            await self._finish()
            renewing.cancel()

    async def once(self, stopping: asyncio.Event | None = None) -> int:
        """Claims what is due and starts it; gives how many were claimed."""
        free = self.concurrency - len(self._held)
        if free <= 0:
            return 0
        claims = await self._claim(free, stopping or asyncio.Event())
        for claim in claims:
            self._held[claim.id] = claim
            task = asyncio.ensure_future(self._work(claim))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return len(claims)

    async def settled(self) -> None:
        """Waits for the work at hand (tests)."""
        while self._tasks:
            await asyncio.wait(set(self._tasks))

    async def _pause(self, stopping: asyncio.Event) -> None:
        seconds = self.tick
        if self._next is not None:
            seconds = min(seconds, max(0.0, (self._next - self.store.clock()).total_seconds()))
        waits = [asyncio.ensure_future(event.wait()) for event in (self._wake, stopping)]
        await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()

    # --- leases ------------------------------------------------------------------------------------------------

    async def _claim(self, limit: int, stopping: asyncio.Event) -> list[Claim[S]]:
        now = self.store.clock()
        free = {f"lease.{self.lane}.until": {"$not": {"$gt": now}}}
        due = {f"due.{self.lane}": {"$lte": now}}
        found = await self.store.collection.find(
            due | free, sort=((f"due.{self.lane}", 1),), limit=limit, fields=("due",)
        )
        if not found:
            return []
        ids = [document["_id"] for document in found]
        mark, until = secrets.token_hex(8), now + timedelta(seconds=self.lease)
        names = {"by": mark, "until": until}
        change: Document = {f"lease.{self.lane}.{name}": value for name, value in names.items()}
        change[f"due.{self.lane}"] = until
        await self.store.collection.update_many(
            {"_id": {"$in": ids}} | due | free, {"$inc": {f"lease.{self.lane}.n": 1}, "$set": change}
        )
        late = {document["_id"]: now - document["due"][self.lane] for document in found}
        return await self._won(ids, mark, late, stopping)

    async def _won(
        self, ids: list[str], mark: str, late: dict[str, timedelta], stopping: asyncio.Event
    ) -> list[Claim[S]]:
        won = await self.store.collection.find(
            {"_id": {"$in": ids}, f"lease.{self.lane}.by": mark}, limit=len(ids),
            fields=("version", "state", "lease", "trace"),
        )  # fmt: skip
        for document in won:
            DUE_LATENESS.labels(self.lane).observe(late[document["_id"]].total_seconds())
        return [self._claimed(document, stopping) for document in won]

    def _claimed(self, document: Document, stopping: asyncio.Event) -> Claim[S]:
        held = document["lease"][self.lane]
        found = self.store.found(document)
        lease = Lease(self.lane, held["n"], held["until"])
        return Claim(found.id, found.state, found.version, lease, document.get("trace"), stopping)

    async def _keep_leases(self) -> None:
        while True:
            await asyncio.sleep(self.lease / 3)
            with contextlib.suppress(Unavailable):  # the lease may run out: then others go on
                await self.renew()

    async def renew(self) -> None:
        """Prolongs all leases held here, and brings the claims' states up to date."""
        claims = dict(self._held)
        if not claims:
            return
        until = self.store.clock() + timedelta(seconds=self.lease)
        marks = {f"lease.{self.lane}.until": until, f"due.{self.lane}": until}
        for n in {claim.lease.n for claim in claims.values()}:
            ids = [id for id, claim in claims.items() if claim.lease.n == n]
            await self.store.collection.update_many(
                {"_id": {"$in": ids}, f"lease.{self.lane}.n": n}, {"$set": marks}
            )
        await self._refresh(claims)

    async def _refresh(self, claims: dict[str, Claim[S]]) -> None:
        heads = await self.store.collection.find(
            {"_id": {"$in": list(claims)}}, limit=len(claims), fields=("version", "lease")
        )
        changed = []
        for head in heads:
            claim = claims[head["_id"]]
            claim.lost = head["lease"][self.lane]["n"] != claim.lease.n
            if head["version"] != claim.version:
                changed.append(claim.id)
        if not changed:
            return
        for found in await self.store.find({"_id": {"$in": changed}}, limit=len(changed)):
            claims[found.id].state, claims[found.id].version = found.state, found.version

    # --- work --------------------------------------------------------------------------------------------------

    async def _work(self, claim: Claim[S]) -> None:
        outcome = "done"
        try:
            rule = await self.execute(claim)
            await self._conclude(claim, rule)
            self._tries.pop(claim.id, None)
        except (GiveBack, asyncio.CancelledError):
            outcome = "given back"
            await self._release(claim, self.store.clock())
        except Unavailable as error:
            outcome = "away"
            log.warning("due work %s of %s waits: %s", self.lane, claim.id, error)
            await self._release(claim, self.store.clock() + self._backoff(claim.id, error))
        except Exception:
            outcome = "bug"
            log.exception("due work %s of %s failed; tried again when its lease has run out", self.lane, claim.id)
        finally:
            DUE_DONE.labels(self.lane, outcome).inc()
            self._held.pop(claim.id, None)
            self._wake.set()

    async def _conclude(self, claim: Claim[S], rule: Rule[S] | None) -> None:
        """Applies the outcome, waiting for the database if need be: what was done outside must not be forgotten."""
        if rule is None:
            return await self._release(claim, None)
        cause = f"{claim.id}/due/{claim.lease.lane}/{claim.lease.n}"
        for round in range(OUTCOME_TRIES):
            try:
                applied = await self.store.apply(
                    claim.id, rule, cause=cause, trace=claim.trace, release=claim.lease
                )
            except Unavailable:
                await asyncio.sleep(min(5.0, 0.2 * 2**round))
                continue
            return None if applied.changed else await self._release(claim, None)
        raise Unavailable("MongoDB", f"the outcome of {self.lane} for {claim.id} could not be kept")

    def _backoff(self, id: str, error: Unavailable) -> timedelta:
        tries = self._tries[id] = self._tries.get(id, 0) + 1
        return timedelta(seconds=min(60.0, max(0.5 * 2**tries, min(error.retry_after, 60))))

    async def _release(self, claim: Claim[S], at: datetime | None) -> None:
        """Ends the lease. Due again at `at`, or (None) at the state's own deadline, but not before the lease's end."""
        with contextlib.suppress(Unavailable):
            for _ in range(5):
                document = await self.store.collection.get(claim.id)
                if document is None or await self._released(claim, document, at):
                    return

    async def _released(self, claim: Claim[S], document: Document, at: datetime | None) -> bool:
        now = self.store.clock()
        deadline = self.store.lanes[self.lane](self.store.found(document).state)
        if at is None and deadline is not None and deadline <= now:
            at = now + timedelta(seconds=self.lease)
        key = f"due.{self.lane}"
        due = (at or deadline) if deadline else None
        change: dict[str, Any] = {"$set": {f"lease.{self.lane}.until": now}}
        if due:
            change["$set"][key] = due
        else:
            change["$unset"] = {key: ""}
        guard = {"_id": claim.id, "version": document["version"], f"lease.{self.lane}.n": claim.lease.n}
        if await self.store.collection.update_many(guard, change):
            return True
        return bool(document["lease"][self.lane]["n"] != claim.lease.n)

    async def _finish(self) -> None:
        """Work at hand gets `grace` seconds (every outside call is bounded to 6); the rest is given back."""
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=self.grace)
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=2)
