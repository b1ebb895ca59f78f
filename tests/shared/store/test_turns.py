"""Who waits for a turn hears of an outage as soon as the one before does."""

from __future__ import annotations

import asyncio

import pytest

from shared.domain.rules import Unavailable
from shared.store.turns import Turns


async def test_an_outage_counts_for_all_who_waited_and_for_nobody_after() -> None:
    turns, tries, away = Turns(), list[int](), asyncio.Event()

    async def ask(number: int) -> None:
        async with turns.take("c"):
            tries.append(number)
            await away.wait()
            if number == 0:
                raise Unavailable("MongoDB", retry_after=7)

    asked = [asyncio.ensure_future(ask(number)) for number in range(5)]
    await asyncio.sleep(0)
    away.set()
    errors = await asyncio.gather(*asked, return_exceptions=True)
    assert [(type(error), getattr(error, "retry_after", 0)) for error in errors] == [(Unavailable, 7)] * 5
    assert tries == [0]
    await ask(5)
    assert tries == [0, 5]


async def test_turns_are_taken_one_after_the_other_and_by_key() -> None:
    turns, running = Turns(), set[str]()

    async def work(key: str, name: str) -> None:
        async with turns.take(key):
            assert not any(other[0] == key for other in running)
            running.add(key + name)
            await asyncio.sleep(0)
            running.remove(key + name)

    await asyncio.gather(*(work(key, str(number)) for key in "ab" for number in range(3)))


async def test_a_bug_of_one_is_not_the_next_ones() -> None:
    turns = Turns()

    async def fails() -> None:
        async with turns.take():
            await asyncio.sleep(0)
            raise ValueError("a bug")

    first, second = asyncio.ensure_future(fails()), asyncio.ensure_future(fails())
    for one in (first, second):
        with pytest.raises(ValueError, match="a bug"):
            await one
