"""Dead letters: listed with why and where, taken in by the one document that they failed at, or let go."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from datetime import datetime

import pytest

from shared.admin.cli import Admin
from shared.admin.keys import Keys
from shared.contracts import cloudevents
from shared.contracts.events import LinkCopied
from shared.domain.rules import Change, Refused, Unavailable
from shared.messaging.dead_letters import DeadLetters
from shared.messaging.event_handlers import EventHandlers, Subscription, on, on_record
from shared.messaging.kafka import KafkaRecord
from tests.shared.kit.core import Tally, World, copied, end_world, headers, make_world, take


@pytest.fixture
async def world(kafka_bootstrap: str, topic: str, mongo_url: str, mongo_database: str) -> AsyncIterator[World]:
    made = await make_world(kafka_bootstrap, topic, mongo_url, mongo_database)
    yield made
    await end_world(made)


def refuses(state: Tally | None, fact: LinkCopied, now: datetime) -> Change[Tally]:
    raise RuntimeError("a bug")


def whole(state: Tally | None, record: cloudevents.Record, now: datetime) -> Change[Tally]:
    assert isinstance(record.event, LinkCopied) and record.time
    return take(state, record.event, now)


def table(rule: object) -> Sequence[Subscription]:
    """One event concerns two documents: `rule` takes it in at the second."""
    return (
        on(LinkCopied, "tallies", take),
        on(LinkCopied, "tallies", rule, key=lambda fact: f"{fact.customer}-other"),  # type: ignore[arg-type]
    )


def letters(world: World, rule: object = take) -> DeadLetters:
    return DeadLetters(
        world.cluster, world.group, world.mongo.collection("dead"), table(rule), {"tallies": world.tallies()}
    )


async def bury(world: World, *numbers: int, value: bytes | None = None) -> None:
    """Facts whose rule raises at the second document; `value`: bodies that cannot be read."""
    dead = world.cluster.dead_topic(world.group)
    handling = EventHandlers(table(refuses), {"tallies": world.tallies()}, world.sender, dead)
    for number in numbers:
        body = value or cloudevents.encode(copied("a", number)).encode()
        raw = KafkaRecord(topic="t", partition=0, offset=number, key=b"a", value=body, headers=headers(number, "a"))
        for batch in handling.batches([raw]):
            await handling.handle(batch)


async def taken(world: World, id: str) -> tuple[int, ...]:
    found = await world.tallies().get(id)
    return found.state.taken if found else ()


async def test_a_letter_says_what_failed_where_and_why(world: World) -> None:
    await bury(world, 7)
    (found,) = await letters(world).open()
    assert (found.type, found.document, found.customer, found.position) == (
        "LinkCopied",
        "tallies/a-other",
        "a",
        "t/0/7",
    )
    assert found.reason.startswith("rule raised")
    assert found.body()["switch"] == 7
    assert "a bug" not in json.dumps(found.summary())


async def test_replayed_it_is_taken_in_by_its_document_alone_and_once(world: World) -> None:
    await bury(world, 1, 2)
    first, second = await letters(world).open()
    assert await letters(world).replay(first.number) is None
    assert (await taken(world, "a"), await taken(world, "a-other")) == ((1, 2), (1,))
    with pytest.raises(Refused, match="no open dead letter"):
        await letters(world).replay(first.number)
    assert [one.number for one in await letters(world).open()] == [second.number]


async def test_a_letter_that_fails_again_stays_open(world: World) -> None:
    await bury(world, 1)
    (found,) = await letters(world).open()
    why = await letters(world, refuses).replay(found.number)
    assert why and why.startswith("RuntimeError in tallies/a-other")
    assert len(await letters(world).open()) == 1


async def test_a_letter_that_could_not_be_read_concerns_all_its_documents_once_it_can(world: World) -> None:
    await bury(world, 1, value=b"{")
    (found,) = await letters(world).open()
    why = await letters(world).replay(found.number)
    assert why and why.startswith("unreadable")
    assert found.body() == "{"


async def test_a_row_that_takes_the_whole_record_gets_it_again(world: World) -> None:
    await bury(world, 1)
    (found,) = await letters(world).open()
    rows = (
        on_record(LinkCopied, "tallies", whole, key=lambda record: f"{record.key}-day"),
        on(LinkCopied, "tallies", take, key=lambda fact: f"{fact.customer}-other"),
    )
    here = DeadLetters(world.cluster, world.group, world.mongo.collection("dead"), rows, {"tallies": world.tallies()})
    assert await here.replay(found.number) is None
    assert (await taken(world, "a-other"), await taken(world, "a-day")) == ((1,), ())


async def test_a_letter_let_go_is_not_listed_and_changes_nothing(world: World) -> None:
    await bury(world, 1)
    (found,) = await letters(world).open()
    await letters(world).discard(found.number)
    assert await letters(world).open() == []
    assert await taken(world, "a-other") == ()


def test_the_command_exits_as_scripts_expect(capsys: pytest.CaptureFixture[str]) -> None:
    """Without servers: what it prints and how it exits, for each kind of end."""

    class Some(DeadLetters):
        def __init__(self, why: Exception | str | None = None) -> None:
            self.why = why

        async def open(self) -> list[object]:  # type: ignore[override]
            if isinstance(self.why, Exception):
                raise self.why
            return []

        async def replay(self, number: int) -> str | None:
            return str(self.why) if self.why else None

    async def close() -> None:
        return None

    def call(letters: DeadLetters, arguments: list[str]) -> int:
        admin = Admin(dead_letters=letters, keys=Keys((), {}, {}), stores={}, indexes=())
        return admin.main("config-svc", arguments, close)

    assert call(Some(), ["dead", "list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []
    assert call(Some("RuntimeError"), ["dead", "replay", "3", "--json"]) == 1
    assert json.loads(capsys.readouterr().out) == {"number": 3, "taken": False, "why": "RuntimeError"}
    assert call(Some(Unavailable("Kafka")), ["dead", "list"]) == 1
    assert "Kafka is away" in capsys.readouterr().err
    with pytest.raises(SystemExit) as stopped:
        call(Some(), ["dead", "bury"])
    assert stopped.value.code == 2
