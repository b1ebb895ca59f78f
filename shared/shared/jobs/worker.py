"""The worker of a job: whatever touches the outside world (SMTP, Entra, Graph) or waits for a time, claimed by lease.

A state holds its deadlines; `due.<job>` is the earliest of one kind. What the work came to is applied by a rule with
the cause `<id>/due/<job>/<n>`: once per lease, whatever crashes.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Generic, TypeVar

from opentelemetry.trace import Span

from shared.domain.rules import Unavailable
from shared.jobs.claim import Claim, Execute, GiveBack, Outcome
from shared.jobs.leases import Leases
from shared.jobs.waiting import first_of
from shared.observability import tracing
from shared.observability.metrics import DUE_DONE
from shared.store.mapping import Lease
from shared.store.operations import Document
from shared.store.store import Store, WriteNotification
from shared.store.write_plan import Step

log = logging.getLogger(__name__)
S = TypeVar("S")

OUTCOME_TRIES = 720
"""Five seconds apart, about an hour: what was done outside (a mail, tokens) is done again if its outcome is lost."""
MAX_NOTICED = 200
LONGEST_PAUSE = timedelta(minutes=1)
LONGEST_BUG_PAUSE = timedelta(hours=1)
MAX_TRIES_KEPT = 10_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(slots=True, kw_only=True)
class Worker(Generic[S]):
    """Executes one job for the documents of a store when it is due, each document by one replica at a time."""

    store: Store[S]
    job: str
    """One of the store's `deadlines`."""
    execute: Execute[S]
    """Does the work of one claim. It may raise Unavailable (tried again with backoff) or GiveBack; any other error is a
    bug: logged, and tried again ever more rarely."""
    concurrency: int = 32
    """Documents at once."""
    lease_seconds: float = 30.0
    """How long a claim lasts without being renewed: after a crash others wait for so long."""
    tick_seconds: float = 1.0
    """The longest pause between two looks for what is due."""
    grace_seconds: float = 7.0
    """What work at hand gets when the service stops (every outside call is bounded to 6); the rest is given back."""
    health: Callable[[str | None], None] = lambda part: None
    """Hears None when all is well, else which part is away."""
    _leases: Leases[S] = field(init=False)
    _claiming: asyncio.Lock = field(default_factory=asyncio.Lock)
    _held: dict[str, Claim[S]] = field(default_factory=dict)
    """By the document's id."""
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _tries: dict[str, int] = field(default_factory=dict)
    """The document's id -> how often its work failed in a row."""
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _next: datetime = EPOCH
    """When to look again, at the latest."""
    _more: bool = False
    """The last look found more than there was room for."""

    def __post_init__(self) -> None:
        self._leases = Leases(self.store, self.job, self.lease_seconds)
        self.store.listeners.append(self._note)
        DUE_DONE.labels(self.job, "bug")  # at 0 from the start, so that the first one is a rise

    def _note(self, written: WriteNotification) -> None:
        """A deadline that comes before the next look brings the look forward."""
        for job, at in written.due:
            if job == self.job and at < self._next:
                self._next = at
                self._wake.set()

    async def run(self, stopping: asyncio.Event) -> None:
        """Claims and executes until `stopping`, then gives back what is held. With MongoDB away it waits."""
        renewing = asyncio.ensure_future(self._keep_leases())
        try:
            while not stopping.is_set():
                await self._look(stopping)
                if renewing.done():
                    await renewing
        finally:
            await self._finish()
            renewing.cancel()

    async def _look(self, stopping: asyncio.Event) -> None:
        self._wake.clear()
        now = self.store.clock()
        tick = now + timedelta(seconds=self.tick_seconds)
        self._next = self._next if now < self._next < tick else tick
        try:
            await self.once(stopping)
            await self.notice()
            self.health(None)
        except Unavailable as error:  # what is held here goes on meanwhile
            log.warning("due work %s waits: %s", self.job, error)
            self.health(error.part)
            await first_of(stopping, timeout=self.tick_seconds)
            return
        seconds = (self._next - self.store.clock()).total_seconds()
        await first_of(self._wake, stopping, timeout=max(0.0, seconds))

    async def once(self, stopping: asyncio.Event | None = None) -> int:
        """Claims what is due and starts it; gives how many documents were claimed. Raises: Unavailable."""
        free = self.concurrency - len(self._held)
        if free <= 0:
            return 0
        async with self._claiming:
            documents, self._more = await self._leases.claim(free, self._held.keys())
            for document in documents:
                self._begin(self._claimed(document, stopping or asyncio.Event()))
        if self._more and not documents:  # another replica was quicker with these
            self._wake.set()
        return len(documents)

    def _begin(self, claim: Claim[S]) -> None:
        self._held[claim.id] = claim
        task = asyncio.ensure_future(self._work(claim))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def settled(self) -> None:
        """Waits for the work at hand (tests)."""
        while self._tasks:
            await asyncio.wait(set(self._tasks))

    # --- leases -----------------------------------------------------------------------------------------

    def _claimed(self, document: Document, stopping: asyncio.Event) -> Claim[S]:
        held = document["lease"][self.job]
        stored = self.store.stored(document)
        return Claim(
            id=stored.id,
            state=stored.state,
            version=stored.version,
            lease=Lease(self.job, held["n"], held["until"]),
            trace=document.get("trace"),
            stopping=stopping,
        )

    async def _keep_leases(self) -> None:
        while True:
            await asyncio.sleep(self.lease_seconds / 3)
            with contextlib.suppress(Unavailable):  # the lease may run out: then others go on
                await self.renew()

    async def renew(self) -> None:
        """Prolongs all leases held here, and brings the claims' states up to date. Raises: Unavailable."""
        if not self._held:
            return
        async with self._claiming:  # what is being claimed is not in `_held` yet, and must not look forgotten
            until, heads = await self._leases.renew(len(self._held))
            claims = dict(self._held)
        await self._refresh(claims, heads)
        await self._mend(claims, heads, until)

    async def _mend(self, claims: dict[str, Claim[S]], heads: dict[str, Document], until: datetime) -> None:
        """What one update for all of them got wrong: a deadline that is later or gone, a lease nobody works on."""
        for claim in claims.values():
            deadline = self.store.deadlines[self.job](claim.state)
            if claim.id in heads and (deadline is None or deadline > until):
                await self._leases.restore(claim.id, claim.version, deadline)
        for id in heads.keys() - claims.keys():
            n = heads[id]["lease"][self.job]["n"]
            await self._leases.release(id, Lease(self.job, n, until), None)

    async def notice(self) -> None:
        """Brings claims up to date whose document got a new deadline meanwhile: what is held for long (a
        device flow) hears within a tick that it was stopped or replaced. Raises: Unavailable."""
        if self._held:
            overtaken = await self._leases.overtaken(MAX_NOTICED)
            if claims := {id: self._held[id] for id in overtaken if id in self._held}:
                heads = await self.store.collection.find_ids(claims, fields=("version", "lease"))
                await self._refresh(claims, {head["_id"]: head for head in heads})

    async def _refresh(self, claims: dict[str, Claim[S]], heads: dict[str, Document]) -> None:
        changed = []
        for id, claim in claims.items():
            head = heads.get(id)
            claim.lost = head is None or head["lease"][self.job]["n"] != claim.lease.n
            if head is not None and head["version"] != claim.version:
                changed.append(id)
        for document in await self.store.collection.find_ids(changed, fields=("version", "state")):
            claim, stored = claims[document["_id"]], self.store.stored(document)
            claim.state, claim.version = stored.state, stored.version

    # --- work -------------------------------------------------------------------------------------------

    async def _work(self, claim: Claim[S]) -> None:
        end, seen = "done", claim.version
        try:
            with self._span(claim):
                claim.trace = tracing.current_trace() or claim.trace
                await self._conclude(claim, await self.execute(claim), seen)
            self._tries.pop(claim.id, None)
        except (GiveBack, asyncio.CancelledError):
            end = "given back"
            await self._release(claim, timedelta())
        except Unavailable as error:
            end = "away"
            log.warning("due work %s of %s waits: %s", self.job, claim.id, error)
            least = timedelta(seconds=error.retry_after)
            await self._release(claim, self._backoff(claim.id, least, LONGEST_PAUSE))
        except Exception:
            end = "bug"
            log.exception("due work %s of %s failed", self.job, claim.id)
            least = timedelta(seconds=self.lease_seconds)
            await self._release(claim, self._backoff(claim.id, least, LONGEST_BUG_PAUSE))
        finally:
            DUE_DONE.labels(self.job, end).inc()
            self._held.pop(claim.id, None)
            if self._more:
                self._wake.set()

    def _span(self, claim: Claim[S]) -> AbstractContextManager[Span]:
        name = f"{self.store.collection.name} {self.job}"
        attributes = {"tokenswitch.document": claim.id}
        return tracing.span(name, parent=tracing.context_of(claim.trace), attributes=attributes)

    async def _conclude(self, claim: Claim[S], outcome: Outcome[S] | None, seen: int) -> None:
        """Applies the outcome, waiting for the database if need be: what was done outside must not be
        forgotten. An outcome that changes nothing because the document moved on meanwhile (since the version
        `seen`) is no reason to wait: what is due now is another thing."""
        if outcome is None:
            return await self._release(claim, None)
        cause = f"{claim.id}/due/{claim.lease.job}/{claim.lease.n}"
        step: Step[S] = Step(rule=outcome.rule, facts=outcome.facts, cause=cause, trace=claim.trace)
        for round in range(OUTCOME_TRIES):
            try:
                applied = await self.store.apply_step(claim.id, step, release=claim.lease)
            except Unavailable:
                await asyncio.sleep(min(5.0, 0.2 * 2**round))
                continue
            moved_on = timedelta() if applied.version != seen else None
            return None if applied.changed else await self._release(claim, moved_on)
        raise Unavailable("MongoDB", f"the outcome of {self.job} for {claim.id} could not be kept")

    def _backoff(self, id: str, least: timedelta, longest: timedelta) -> timedelta:
        """Doubles with each try in a row, between `least` and `longest`."""
        if len(self._tries) >= MAX_TRIES_KEPT:
            self._tries.clear()
        tries = self._tries[id] = min(12, self._tries.get(id, 0) + 1)
        doubled: timedelta = max(timedelta(seconds=1), least) * 2 ** (tries - 1)
        return min(longest, doubled)

    async def _release(self, claim: Claim[S], pause: timedelta | None) -> None:
        with contextlib.suppress(Unavailable):
            at = None if pause is None else self.store.clock() + pause
            await self._leases.release(claim.id, claim.lease, at)

    async def _finish(self) -> None:
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=self.grace_seconds)
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=2)
