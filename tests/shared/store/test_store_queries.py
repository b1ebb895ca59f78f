"""True at any size: every query that the machinery makes is read off the wire and runs on an index."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from shared.contracts.cloudevents import Record
from shared.domain.rules import utc_now
from shared.jobs.claim import Claim
from shared.jobs.worker import Worker
from shared.messaging.event_handlers import EventHandlers, EventLog
from shared.messaging.kafka import KafkaRecord
from shared.messaging.outbox_relay import OutboxRelay
from shared.store.mongo import Collection, Mongo
from shared.store.operations import Document, Filter, Insert, Sort, Update, Written
from shared.store.store import Store
from tests.shared.jobs.mailer_kit import mailer
from tests.shared.kit.core import Memory, Tally, add, command, headers, put, step, store
from tests.shared.kit.faults import parts_of


@dataclass(frozen=True)
class Asked:
    where: Filter
    sort: Sort = ()
    limit: int = 0


@dataclass
class Notebook:
    asked: list[Asked] = field(default_factory=list)
    unbounded: list[Asked] = field(default_factory=list)


class Noting(Collection):
    """Writes down the filter of every read and write."""

    def __init__(self, noted: Collection, book: Notebook) -> None:
        super().__init__(*parts_of(noted))
        self.book = book

    async def get(self, id: str) -> Document | None:
        self.book.asked.append(Asked({"_id": id}))
        return await super().get(id)

    async def find(
        self, where: Filter, *, sort: Sort = (), limit: int, fields: Sequence[str] | None = None
    ) -> list[Document]:
        asked = Asked(where, sort, limit)
        self.book.asked.append(asked)
        if limit <= 0:
            self.book.unbounded.append(asked)
        return await super().find(where, sort=sort, limit=limit, fields=fields)

    async def write(self, operations: Sequence[Insert | Update]) -> Written:
        self.book.asked.extend(Asked(one.where) for one in operations if isinstance(one, Update))
        return await super().write(operations)

    async def update_many(self, where: Filter, change: Document) -> int:
        self.book.asked.append(Asked(where))
        return await super().update_many(where, change)


def stages(plan: Any) -> set[str]:
    """The names of all stages of the plan that was chosen."""
    if isinstance(plan, list):
        return set().union(*map(stages, plan)) if plan else set()
    if not isinstance(plan, dict):
        return set()
    own = {plan["stage"]} if isinstance(plan.get("stage"), str) else set()
    return own.union(*(stages(value) for name, value in plan.items() if name != "rejectedPlans"))


async def everything(tallies: Store[Tally]) -> None:
    """A run that takes every way through store, relay and due work."""
    now, relay = utc_now(), OutboxRelay([tallies], Memory(), "t")
    await tallies.fold({f"d{n}": [step(n, f"d{n}")] for n in range(30)})
    await tallies.fold({f"d{n}": [step(n + 100, f"d{n}")] for n in range(30)})
    await tallies.apply("a", add(1, mail_at=now, check_at=now), command=command("k"))
    await tallies.apply("b", put(mail_at=now))
    await relay.once()
    await tallies.apply("a", add(2))
    await relay.sweep()

    async def held(claim: Claim[Tally]) -> None:
        await due.renew()
        await tallies.apply(claim.id, put(note="changed"))
        await due.renew()

    due = Worker(store=tallies, job="check", execute=held)
    for work in (Worker(store=tallies, job="mail", execute=mailer()), due):
        await work.once()
        await work.settled()


async def test_every_query_of_the_machinery_runs_on_an_index(mongo: Mongo) -> None:
    book = Notebook()
    tallies = store(Noting(mongo.collection("tallies"), book))
    await tallies.prepare()
    await everything(tallies)
    shapes = {str(sorted(shape(asked.where).items())) + str(asked.sort): asked for asked in book.asked}
    assert len(shapes) >= 10
    for name, asked in shapes.items():
        # What names its documents is bounded by that, whatever else it asks of them.
        where = {"_id": asked.where["_id"]} if "_id" in asked.where else asked.where
        explained = await mongo.collection("tallies").explain(where, sort=asked.sort, limit=asked.limit)
        used = stages(explained["queryPlanner"]["winningPlan"])
        assert used & {"IXSCAN", "IDHACK", "EXPRESS_IXSCAN", "EXPRESS_CLUSTERED_IXSCAN"}, (name, used)
        assert not used & {"COLLSCAN", "SORT"}, (name, used)
    assert not book.unbounded


def shape(where: Filter) -> dict[str, Any]:
    """The fields and operators without the values."""
    return {name: sorted(value) if isinstance(value, dict) else "=" for name, value in where.items()}


async def test_a_document_at_rest_is_in_no_sparse_index(mongo: Mongo) -> None:
    tallies = store(mongo.collection("tallies"))
    await tallies.prepare()
    await tallies.fold({f"d{n}": [step(n, f"d{n}")] for n in range(300)})
    await OutboxRelay([tallies], Memory(), "t").sweep()
    await tallies.apply("d1", put(mail_at=utc_now() + timedelta(days=1)))
    document = await tallies.collection.get("d7")
    assert document is not None
    assert ("unsent" in document, document["due"]) == (False, {})


async def test_a_history_is_written_by_id_only(mongo: Mongo) -> None:
    body = b'{"customer":"a","switch":1,"generation":1}'
    record = KafkaRecord(topic="t", partition=0, offset=0, key=b"a", value=body, headers=headers(1, "a"))

    def entry(record: Record) -> Document:
        return {"type": record.type}

    book = Notebook()
    history = Noting(mongo.collection("history"), book)
    handling = EventHandlers([], {}, Memory(), "dead", logs=[EventLog(history, entry)])
    for batch in handling.batches([record]):
        await handling.handle(batch)
        await handling.handle(batch)
    assert book.asked == []
    assert await history.count({}, limit=10) == 1
