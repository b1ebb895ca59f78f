"""A rolling upgrade: replicas of the release before and of this tree over one database and one Kafka, under load.

Service by service a replica of this tree comes up beside the one of the release, both work for a while, the old one
ends. Then all the way back. Each switch that was begun meanwhile comes to its one end; nothing becomes a dead letter.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator, Sequence

import pytest

from tests.chaos.chaos_kit import LONG, InFlight, all_complete, code_pending, opened, requested
from tests.e2e.e2e_kit import World, open_world
from tests.e2e.e2e_pages import ANEW
from tests.lanes.load import Point
from tests.lanes.releases import RELEASE, AcrossReleases
from tests.system import SERVICES, started
from tokenswitch_dev.runner.gateway import Address, Gateway, Route
from tokenswitch_dev.stack.process import free_port

TOGETHER = 3
"""So many switches are begun while a service runs in both versions, and as many while the old one ends."""

pytestmark = pytest.mark.timeout(1500)


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AcrossReleases]:
    with started(AcrossReleases(tmp_path_factory.mktemp("system"))) as running:
        yield running


@contextlib.asynccontextmanager
async def through_gateway(system: AcrossReleases, service: str) -> AsyncIterator[str]:
    """The address of the service, whichever of its two replicas runs."""

    async def replicas(host: str, port: int) -> Sequence[Address]:
        return system.addresses(service, system.heads[service])

    port = free_port()
    async with await Gateway(Route(port, service, 1), replicas).serve("127.0.0.1"):
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
async def world(system: AcrossReleases) -> AsyncIterator[World]:
    async with through_gateway(system, "config-svc") as config, through_gateway(system, "invite-svc") as wizard:
        opened = open_world(system, config, wizard, ANEW)
        opened.patience = LONG
        yield opened
        await opened.close()


async def test_switches_go_on_while_each_service_is_upgraded_and_taken_back(
    world: World, system: AcrossReleases
) -> None:
    assert {system.origin(service).is_relative_to(system.home) for service in SERVICES} == {True}
    assert {system.origin(head).is_relative_to(system.home) for head in system.heads.values()} == {False}
    begun: list[InFlight] = []
    for service in SERVICES:
        begun += await replaced(world, system, service, system.heads[service])
    for service in SERVICES:
        begun += await replaced(world, system, system.heads[service], service)
    assert len(begun) == len(SERVICES) * 2 * 2 * TOGETHER
    await all_complete(world, begun)
    for service in SERVICES:
        assert await world.records(f"tokenswitch.dead.{service}") == [], f"dead letters of {service} beside {RELEASE}"


async def replaced(world: World, system: AcrossReleases, old: str, new: str) -> list[InFlight]:
    """The switches begun while both run, and while the old one ends."""
    system.spawn(new)
    await asyncio.to_thread(system.await_ready, new)
    begun = await begin(world)
    while_it_ends, _ = await asyncio.gather(begin(world), asyncio.to_thread(system.children[old].stop))
    return begun + while_it_ends


async def begin(world: World) -> list[InFlight]:
    points: tuple[Point, ...] = (requested, opened, code_pending)
    return list(await asyncio.gather(*(points[number % len(points)](world) for number in range(TOGETHER))))
