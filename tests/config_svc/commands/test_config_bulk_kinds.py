"""Each kind of bulk operation: begun twice it is one, a row is done once whatever stops, its end is said once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, get_args

import pytest

from config_svc.commands.bulk_operations import JOB, BulkCommands
from config_svc.domain.bulk_operations import MOST_SELECTED, BulkOperation, Kind, Pace, Row
from shared.contracts.events import Actor
from shared.domain.rules import Unavailable
from shared.jobs.worker import Worker
from shared.store.write_plan import Command
from tests.config_svc.config_kit import TENANT, Config

SAYS: Mapping[Kind, str] = {
    "switch": "SwitchRequested",
    "resend": "InvitationResendRequested",
    "cancel": "SwitchCancelled",
}
"""What each row of a kind says, once."""
BY, ID = Actor(id="o", name="Otto", email="otto@p.example"), "0" * 40
IDS = [f"c{number}" for number in range(4)]

every_kind = pytest.mark.parametrize("kind", get_args(Kind))


async def customers(config: Config, kind: Kind) -> list[Row]:
    """Customers with whom this can be done, as rows."""
    for number, id in enumerate(IDS):
        await config.gateway().put(f"/customers/{id}", {"name": f"Name {id}", "tenant": f"{id}.example"})
        await config.pinned(id, f"{TENANT[:-4]}{number:04}")
        if kind != "switch":
            await config.gateway().post(f"/customers/{id}/switch", {"to": "token", "admin_email": f"a@{id}.example"})
    await config.relays()
    invited = None if kind == "switch" else 1
    return [Row(line=line, customer=id, email=f"a@{id}.example", switch=invited) for line, id in enumerate(IDS, 2)]


async def begin(config: Config, kind: Kind, rows: list[Row]) -> None:
    commands = config.bulk_operations
    if kind == "switch":
        await commands.draft(ID, "Autumn", rows, BY)
        await commands.begin(ID, Pace(600, 0), BY, Command("k", "d"))
    else:
        await commands.select(ID, kind, rows, BY)


async def begun(config: Config, kind: Kind) -> None:
    await begin(config, kind, await customers(config, kind))


async def work(config: Config) -> None:
    """Until it has ended, and once more."""
    commands = config.bulk_operations
    worker: Worker[BulkOperation] = Worker(store=commands.store, job=JOB, execute=commands.work, lease_seconds=5)
    for _ in range(6):
        await worker.once()
        await worker.settled()
        config.later(seconds=20)


async def operation(config: Config) -> BulkOperation:
    kept = await config.bulk_operations.read.find(ID)
    assert kept is not None
    return kept


async def claimed(config: Config) -> Any:
    return SimpleNamespace(state=await operation(config))


async def assert_done_once(config: Config, kind: Kind) -> None:
    ended = await operation(config)
    assert (ended.state, ended.done, ended.refused) == ("ended", len(IDS), 0)
    events = Counter(await config.relays())
    assert events.pop(SAYS[kind]) == len(IDS)
    assert events == ({"BulkSwitchBegun": 1, "BulkSwitchChanged": 1} if kind == "switch" else {})


@every_kind
async def test_begun_twice_it_is_one(config: Config, kind: Kind) -> None:
    rows = await customers(config, kind)
    await begin(config, kind, rows)
    await begin(config, kind, rows[:1])
    assert (await operation(config)).count == len(IDS)
    await work(config)
    await begin(config, kind, rows)
    await work(config)
    await assert_done_once(config, kind)


@every_kind
async def test_a_crash_between_two_rows_does_each_once(
    config: Config, kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    await begun(config, kind)
    act, acted = BulkCommands._act, list[Row]()

    async def dies(self: BulkCommands, operation: BulkOperation, row: Row) -> Any:
        if acted:
            raise Unavailable("MongoDB", "killed")
        acted.append(row)
        return await act(self, operation, row)

    with monkeypatch.context() as patched:
        patched.setattr(BulkCommands, "_act", dies)
        with pytest.raises(Unavailable):
            await config.bulk_operations.work(await claimed(config))
    assert len(acted) == 1
    await work(config)
    await assert_done_once(config, kind)


@every_kind
async def test_a_crash_before_it_moves_on_does_each_once(config: Config, kind: Kind) -> None:
    await begun(config, kind)
    await config.bulk_operations.work(await claimed(config))  # noted in the part; its outcome is never applied
    assert (await operation(config)).settled == 0
    await work(config)
    await assert_done_once(config, kind)


@every_kind
async def test_the_end_is_said_once(config: Config, kind: Kind) -> None:
    await begun(config, kind)
    late = await config.bulk_operations.work(await claimed(config))
    await work(config)
    ended = await operation(config)
    assert late
    assert late.rule(ended, *late.facts, config.now) is None
    await assert_done_once(config, kind)


async def test_a_selection_has_its_bounds(config: Config) -> None:
    rows = [Row(line=line, customer="c", email="a@c.example", switch=1) for line in range(MOST_SELECTED + 1)]
    await config.bulk_operations.select(ID, "resend", rows, BY)
    assert (await operation(config)).count == MOST_SELECTED
