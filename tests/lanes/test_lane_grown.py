"""An upgrade of what the release before has stored, grown to 100,000 documents a collection; then of a restore of it
that came without its indexes. (From empty is how every other test begins.)

The release stores a few switches itself; its documents are then copied, each copy as that of another customer.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import time
import uuid
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any

import httpx
import pytest
from pymongo import MongoClient
from pymongo.collection import Collection

from tests.chaos.chaos_kit import LONG, InFlight, all_complete, by_code
from tests.e2e.e2e_kit import Customer, World, open_world
from tests.lanes.releases import AcrossReleases
from tests.system import SERVICES, started

DOCUMENTS = int(os.environ.get("LANE_DOCUMENTS", "100000"))
"""In each collection that holds a document a customer, or several."""
CHUNK, LOOK_SECONDS, READY_SECONDS = 1000, 0.2, 3600.0
Document = dict[str, Any]

pytestmark = pytest.mark.timeout(4 * 3600)


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AcrossReleases]:
    with started(AcrossReleases(tmp_path_factory.mktemp("system"))) as running:
        yield running


@pytest.fixture
async def world(system: AcrossReleases) -> AsyncIterator[World]:
    """At the services of this tree."""
    made = open_world(system, _base(system, "config-svc"), _base(system, "invite-svc"))
    made.patience = LONG
    yield made
    await made.close()


async def test_services_come_up_on_collections_that_have_grown(world: World, system: AcrossReleases) -> None:
    template, asked = await stored_by_the_release(system)
    await stop(system, *SERVICES)
    with MongoClient[Document](system.mongo_url, directConnection=True) as client:
        collections = await asyncio.to_thread(grow, client, template)
        print(f"\n{len(collections)} collections with {DOCUMENTS:,} documents: {', '.join(map(_name, collections))}")
        await come_up("with the release's indexes", world, system)
        print(f"reindex: {_command(system, 'config-svc', 'reindex', '--json').stdout}")
        await all_complete(world, [taken_up(world, asked[0])])
        await looks_right(world, system, template)
        await stop(system, *system.heads.values())
        for collection in collections:
            await asyncio.to_thread(collection.drop_indexes)
        await come_up("restored without indexes", world, system)
        await all_complete(world, [taken_up(world, asked[1])])
        await looks_right(world, system, template)


async def stored_by_the_release(system: AcrossReleases) -> tuple[Customer, list[Customer]]:
    """A customer that has switched, and two that were invited and take it up only after the upgrade."""
    before = open_world(system)
    before.patience = LONG
    try:
        template = await before.customer()
        await before.switched(template)
        await before.mail(template.user("admin"), timeout=LONG)
        asked = [await before.customer(), await before.customer()]
        for customer in asked:
            await before.request(customer)
            await before.link(customer)
        return template, asked
    finally:
        await before.close()


def taken_up(world: World, customer: Customer) -> InFlight:
    async def go_on() -> None:
        invitee = world.browser()
        await invitee.open(await world.link(customer))
        await by_code(world, customer, invitee)

    return InFlight(customer, go_on)


async def stop(system: AcrossReleases, *names: str) -> None:
    for name in names:
        await asyncio.to_thread(system.children[name].stop)


# --- growing ----------------------------------------------------------------------------------------------------------


def grow(client: MongoClient[Document], template: Customer) -> list[Collection[Document]]:
    """Every collection that holds documents of the customer gets copies of them; its indexes are built anew after."""
    grown = []
    for database in (client[name] for name in client.list_database_names() if name.startswith("tokenswitch_")):
        for collection in (database[name] for name in database.list_collection_names()):
            originals = [one for one in collection.find() if template.id in json.dumps(one["_id"])]
            if not originals:
                continue
            specs = [_spec(index) for index in collection.list_indexes() if index["name"] != "_id_"]
            collection.drop_indexes()
            _copy(collection, originals, template)
            if specs:
                database.command("createIndexes", collection.name, indexes=specs)
            grown.append(collection)
    assert {one.database.name for one in grown} == {f"tokenswitch_{service[:-4]}" for service in SERVICES}
    return grown


def _copy(collection: Collection[Document], originals: Sequence[Document], template: Customer) -> None:
    for start in range(0, DOCUMENTS, CHUNK):
        numbers = range(start, min(start + CHUNK, DOCUMENTS))
        copies = [_another(originals[number % len(originals)], template, number) for number in numbers]
        collection.insert_many(copies, ordered=False)


def _another(document: Document, template: Customer, number: int) -> Document:
    """The document as that of customer `number`, in its own tenant."""
    tenant = str(uuid.uuid5(uuid.NAMESPACE_OID, str(number)))
    names = {template.id: f"{template.id}-{number:06}", template.tid: tenant}
    renamed: Document = _renamed(document, names)
    return renamed


def _renamed(value: Any, names: Mapping[str, str]) -> Any:
    match value:
        case str():
            for old, new in names.items():
                value = value.replace(old, new)
            return value
        case dict():
            return {_renamed(key, names): _renamed(one, names) for key, one in value.items()}
        case list():
            return [_renamed(one, names) for one in value]
        case _:
            return value


def _spec(index: Mapping[str, Any]) -> Document:
    return {name: value for name, value in index.items() if name not in ("v", "ns")}


def _name(collection: Collection[Document]) -> str:
    return f"{collection.database.name}.{collection.name}"


# --- coming up --------------------------------------------------------------------------------------------------------


async def come_up(how: str, world: World, system: AcrossReleases) -> None:
    """All services of this tree: each says what it builds, and is ready in the end."""
    began = time.monotonic()
    system.spawn(*system.heads.values())
    told = await asyncio.gather(*(_until_ready(system, service) for service in system.heads))
    print(f"{how}: all ready after {time.monotonic() - began:.0f} s")
    for service, said in zip(system.heads, told, strict=True):
        print(f"  {service}: {'; '.join(said) or 'nothing to build'}")


def _base(system: AcrossReleases, service: str) -> str:
    return f"http://127.0.0.1:{system.programs[system.heads[service]].env['PORT']}"


async def _until_ready(system: AcrossReleases, service: str) -> list[str]:
    """What /readyz says of the indexes meanwhile."""
    said: dict[str, None] = {}
    async with (
        asyncio.timeout(READY_SECONDS),
        httpx.AsyncClient(base_url=_base(system, service), trust_env=False) as client,
    ):
        while True:
            assert system.children[system.heads[service]].running
            try:
                answer = await client.get("/readyz")
            except httpx.TransportError:
                await asyncio.sleep(LOOK_SECONDS)
                continue
            why = answer.json()["parts"].get("indexes", "starting")
            if why not in ("ok", "starting"):
                said[why] = None
                assert "building" in why, f"{service}: {why}"
            if answer.status_code == 200:
                return list(said)
            await asyncio.sleep(LOOK_SECONDS)


async def looks_right(world: World, system: AcrossReleases, template: Customer) -> None:
    """A copy is shown and listed, a new customer switches, and nothing is left to build or to drop."""
    copy = f"/api/v1/customers/{template.id}-{DOCUMENTS - 1:06}"
    assert (await world.api.done("GET", copy))["id"] == copy.rpartition("/")[2]
    assert len((await world.api.done("GET", "/api/v1/customers?limit=50"))["items"]) == 50
    await world.switched(await world.customer())
    for service in SERVICES:
        _command(system, service, "indexes", "--drop")
        done = _command(system, service, "indexes", "--json")
        assert "building" not in done.stderr, "a service that is ready has built them all"
        assert not any(json.loads(done.stdout).values()), "what only the release needed is dropped"


def _command(system: AcrossReleases, service: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    program = system.programs[system.heads[service]]
    command = [*program.prepare(), *arguments]
    return subprocess.run(command, env=os.environ | dict(program.env), capture_output=True, text=True, check=True)
