"""A service on a collection that has grown: it takes commands and events in while its indexes are built."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from pydantic import SecretStr

from shared.service.service import Service
from shared.service.settings import CommonSettings
from shared.store.mongo import Mongo
from shared.store.operations import Index, Insert
from tests.shared.kit.core import eventually
from tests.shared.kit.mongo_proxy import MongoProxy, proxied
from tests.shared.kit.service import build

DOCUMENTS = 3000
OF_BEFORE, NOT_WANTED = Index(keys=(("unsent", 1),)), Index(keys=(("state.asked", 1),))


@pytest.fixture
async def proxy(mongo_url: str) -> AsyncIterator[MongoProxy]:
    async with proxied(mongo_url) as proxy:
        yield proxy


@pytest.fixture
async def grown(proxy: MongoProxy, kafka_bootstrap: str, topic: str, mongo_database: str) -> AsyncIterator[Service]:
    """Its things are as a version before left them: many, and with other indexes."""
    settings = CommonSettings(
        kafka_bootstrap=kafka_bootstrap,
        mongo_url=SecretStr(proxy.url),
        mongo_database=mongo_database,
        topic=topic,
        topic_partitions=2,
        port=0,
        portal_url="http://localhost:8000",
        invite_url="http://localhost:8001",
    )
    service = build(settings)
    things = service.mongo.collection("things")
    kept = {"version": 1, "state": {"asked": 1}, "outbox": [], "seen": [], "answers": [], "due": {}}
    assert (await things.write([Insert({"_id": f"old-{number}", **kept}) for number in range(DOCUMENTS)])).complete
    await things.ensure([OF_BEFORE, NOT_WANTED])
    yield service
    client = Mongo(proxy.url, f"{mongo_database}_config")
    await client.drop()
    client.close()


async def test_commands_and_events_go_on_while_indexes_are_built_and_due_work_follows(
    grown: Service, proxy: MongoProxy
) -> None:
    gate = proxy.gates["createIndexes"] = asyncio.Event()
    app = grown.app()
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://localhost:8000/api/v1") as client,
    ):

        async def counts() -> dict[str, int]:
            return dict((await client.get("/things/contoso")).json())

        async def says_so() -> bool:
            return grown.health.why("indexes") == f"building 3 for {DOCUMENTS:,} documents of things"

        async def heard() -> bool:
            return (await counts())["heard"] == 1

        async def done() -> bool:
            return (await counts())["done"] == 1 and grown.health.ready

        await eventually(says_so)
        assert (await client.post("/things/contoso")).status_code == 202
        await eventually(heard)
        assert (await counts())["done"] == 0 and not grown.health.ready
        gate.set()
        await eventually(done)
    assert proxy.commands.count("dropIndexes") == 1, "the one with other options"
