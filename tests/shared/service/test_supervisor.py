"""Supervised loops: started again with backoff, said in the health, ended in order within their time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

import pytest

from shared.domain.rules import Unavailable
from shared.observability.health import Health, Probe, watch
from shared.service.supervisor import Loop, Runtime, supervise


async def until(true: Callable[[], bool], seconds: float = 30) -> None:
    async with asyncio.timeout(seconds):
        while not true():
            await asyncio.sleep(0.01)


class Flaky:
    """Fails as told, then runs until it is stopped."""

    def __init__(self, *errors: Exception | None) -> None:
        self.errors, self.runs, self.ended = list(errors), 0, False

    async def __call__(self, stopping: asyncio.Event) -> None:
        self.runs += 1
        if self.errors:
            error = self.errors.pop(0)
            if error is not None:
                raise error
            return
        await stopping.wait()
        self.ended = True


async def run(loop: Loop, health: Health, done: Callable[[], bool], steady: float = 3) -> None:
    stopping = asyncio.Event()
    task = asyncio.create_task(supervise(loop, stopping, health, steady=steady))
    await until(done)
    stopping.set()
    await asyncio.wait_for(task, 20)


async def test_a_loop_that_waits_for_something_is_started_again_and_said_in_one_line(
    caplog: pytest.LogCaptureFixture,
) -> None:
    loop, health = Flaky(Unavailable("Kafka", "no broker"), Unavailable("Kafka", "no broker")), Health()
    health.expect("relay")
    with caplog.at_level(logging.INFO):
        await run(Loop(name="relay", run=loop), health, lambda: loop.runs == 3)
    assert health.why("relay") == "away: Kafka is away: no broker"
    assert not health.ready
    assert [record.message for record in caplog.records] == ["relay: away: Kafka is away: no broker"]
    assert loop.ended


async def test_a_bug_is_logged_with_its_traceback_and_the_loop_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    loop, health = Flaky(ValueError("bug")), Health()
    await run(Loop(name="relay", run=loop), health, lambda: loop.runs == 2)
    assert any(record.exc_info for record in caplog.records)
    assert health.why("relay") == "failed: ValueError; see the log"


async def test_a_loop_that_returns_is_started_again_but_one_that_is_done_once_is_not() -> None:
    again, once, health = Flaky(None), Flaky(Unavailable("MongoDB"), None), Health()
    await run(Loop(name="relay", run=again), health, lambda: again.runs == 2)
    await asyncio.wait_for(supervise(Loop(name="indexes", run=once, once=True), asyncio.Event(), health), 20)
    assert once.runs == 2
    assert health.why("indexes") is None


async def test_a_loop_counts_as_well_after_a_while() -> None:
    loop, health = Flaky(Unavailable("Kafka")), Health()
    await run(Loop(name="relay", run=loop), health, lambda: loop.runs == 2 and health.why("relay") is None, steady=0.05)
    assert health.report()["parts"] == {"relay": "ok"}


async def test_a_loop_begins_when_what_it_needs_has_happened() -> None:
    loop, first, second, health = Flaky(), asyncio.Event(), asyncio.Event(), Health()
    stopping = asyncio.Event()
    task = asyncio.create_task(supervise(Loop(name="relay", run=loop, after=(first, second)), stopping, health))
    first.set()
    await asyncio.sleep(0.05)
    assert loop.runs == 0
    second.set()
    await until(lambda: loop.runs == 1)
    stopping.set()
    await asyncio.wait_for(task, 20)


async def test_stopping_ends_a_loop_that_never_began() -> None:
    loop, stopping = Flaky(), asyncio.Event()
    task = asyncio.create_task(supervise(Loop(name="relay", run=loop, after=(asyncio.Event(),)), stopping, Health()))
    stopping.set()
    await asyncio.wait_for(task, 20)
    assert loop.runs == 0


async def test_the_end_has_its_order() -> None:
    """Readiness red and no new work at once; work at hand, then the relay, then what must still go out."""
    said: list[str] = []
    health, stopping = Health(), asyncio.Event()
    runtime = Runtime(health, stopping)

    def loop(name: str, takes: float) -> Callable[[asyncio.Event], Awaitable[None]]:
        async def run(stopping: asyncio.Event) -> None:
            await stopping.wait()
            await asyncio.sleep(takes)
            said.append(name)

        return run

    async def drain(seconds: float) -> None:
        assert seconds > 0
        said.append("drained")

    runtime.start([Loop(name="relay", run=loop("relay", 0), last=True), Loop(name="work", run=loop("work", 0.2))], [])
    await asyncio.sleep(0)
    runtime.stop_soon()
    await until(stopping.is_set)
    assert not health.ready and health.report()["status"] == "stopping"
    await runtime.stop(drain)
    assert said == ["work", "relay", "drained"]


async def test_what_does_not_end_is_cancelled() -> None:
    runtime = Runtime(Health(), asyncio.Event(), work_ends=0.1, relay_ends=0.2)
    cancelled: list[str] = []

    def stubborn(name: str) -> Callable[[asyncio.Event], Awaitable[None]]:
        async def run(stopping: asyncio.Event) -> None:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                cancelled.append(name)
                raise

        return run

    async def drain(seconds: float) -> None:
        cancelled.append("drained")

    runtime.start([Loop(name="relay", run=stubborn("relay"), last=True), Loop(name="work", run=stubborn("work"))], [])
    await asyncio.sleep(0.01)
    await asyncio.wait_for(runtime.stop(drain), 20)
    assert cancelled == ["work", "relay", "drained"]


@pytest.mark.parametrize(
    ("error", "said"),
    [(Unavailable("SMTP", "refused"), "away: SMTP is away: refused"), (ValueError("s3cret"), "away: ValueError")],
)
async def test_a_probe_says_why_a_part_is_away(error: Exception, said: str) -> None:
    async def check() -> None:
        raise error

    health = Health()
    health.expect("SMTP")
    task = asyncio.create_task(watch(Probe(name="SMTP", check=check), health))
    await until(lambda: health.why("SMTP") is not None)
    task.cancel()
    assert health.report() == {"status": "not ready", "parts": {"SMTP": said}}


async def test_a_probe_that_hangs_is_bounded_and_comes_back() -> None:
    answer = asyncio.Event()
    health = Health()
    health.expect("SMTP")
    task = asyncio.create_task(
        watch(Probe(name="SMTP", check=answer.wait, every_seconds=0.01, timeout_seconds=0.05), health)
    )
    await until(lambda: health.why("SMTP") is not None)
    answer.set()
    await until(lambda: health.ready)
    task.cancel()


async def test_a_part_that_is_not_required_is_shown_only() -> None:
    health = Health()
    health.expect("SMTP", required=False)
    health.expect("MongoDB")
    health.say("SMTP", "away")
    assert not health.ready  # MongoDB has not answered yet
    health.say("MongoDB", None)
    assert health.ready
    assert health.report()["parts"] == {"MongoDB": "ok", "SMTP": "away"}
