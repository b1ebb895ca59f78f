"""auth-svc as a process, with Kafka away all the time: killed with -9, stopped, started again, on another replica."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from shared.store.mongo import Mongo
from tests.auth_svc.auth_kit import Bench, open_store, read_keys, write_keys
from tests.dev.simulator.simulator_kit import Kit, simulator_thread
from tokenswitch_dev.simulator import demo
from tokenswitch_dev.stack.process import Child, free_port

ADMIN = "admin@contoso.example"
LEASE = 3


@pytest.fixture(scope="module")
def kit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kit]:
    with simulator_thread(tmp_path_factory.mktemp("entra"), interval=1) as made:
        made.no_faults()
        yield made


class Replicas:
    """Processes of the service on one database."""

    def __init__(self, home: Path, environment: dict[str, str]) -> None:
        self._home, self._environment = home, environment
        self.all: list[Child] = []

    def start(self, **more: str) -> Child:
        port = str(free_port())
        log = self._home / f"auth-{len(self.all)}.log"
        path = {"PATH": os.environ["PATH"], "LOG_FORMAT": "json"}
        child = Child([sys.executable, "-m", "auth_svc"], log, path | self._environment | {"PORT": port} | more)
        child.start()
        self.all.append(child)
        return child

    def url(self, child: Child) -> str:
        assert child.env is not None
        return f"http://127.0.0.1:{child.env['PORT']}"

    def logs(self) -> str:
        return "".join(child.log.read_text() for child in self.all if child.log.exists())


@pytest.fixture
async def world(kit: Kit, tmp_path: Path, mongo_url: str, mongo_database: str) -> AsyncIterator[tuple[Bench, Replicas]]:
    environment = write_keys(tmp_path) | {
        "KAFKA_BOOTSTRAP": "127.0.0.1:1",
        "MONGO_URL": mongo_url,
        "MONGO_DATABASE": mongo_database,
        "PORTAL_URL": "http://localhost:8000",
        "INVITE_URL": "http://localhost:8001",
        "ENTRA_SIMULATED": "1",
        "ENTRA_AUTHORITY": kit.authority,
        "GRAPH_URL": kit.running.graph_url,
        "ENTRA_CA_FILE": str(kit.running.ca_file),
        "ENTRA_CLIENT_ID": demo.SIGNIN_CLIENT_ID,
        "ENTRA_DEVICE_CLIENT_ID": demo.DEVICE_CLIENT_ID,
        "ENTRA_POLL_SECONDS": "0.3",
        "ATTEMPT_LEASE_SECONDS": str(LEASE),
        "OPERATOR_ISSUER": kit.running.issuer,
        "OPERATOR_CA_FILE": str(kit.running.ca_file),
        "API_AUDIENCE": "api://tokenswitch",
    }
    mongo = Mongo(mongo_url, f"{mongo_database}_auth")
    store = open_store(mongo)
    await store.prepare()
    replicas = Replicas(tmp_path, environment)
    bench = Bench(store=store, keys=read_keys(tmp_path), entra=None, graph=None)
    await bench.register()
    await bench.pin()
    await bench.ask()
    try:
        yield bench, replicas
    finally:
        for child in replicas.all:
            child.kill()
        await mongo.drop()
        mongo.close()


async def code(here: Bench) -> str:
    await here.until_attempt("code_issued")
    (event,) = await here.events("DeviceCodeIssued")
    return here.opened(event, "DeviceCodeIssued", "code")["user_code"]


def polls(kit: Kit) -> int:
    found = kit.session.get(f"{kit.authority}/_sim/log", timeout=10).json()["requests"]
    return sum(entry["path"].endswith("/token") for entry in found)


async def more_polls(kit: Kit, by: int) -> None:
    begun = polls(kit)
    while polls(kit) < begun + by:
        await asyncio.sleep(0.1)


async def test_a_pending_device_flow_goes_on_after_kill_9_on_another_replica(
    kit: Kit, world: tuple[Bench, Replicas]
) -> None:
    here, replicas = world
    first = replicas.start()
    await here.start("device_code")
    user_code = await code(here)
    await asyncio.wait_for(more_polls(kit, 2), 60)
    first.kill()
    replicas.start()
    kit.sim("approve", user_code=user_code, account=ADMIN)
    await here.until_attempt("claimed")
    (claimed,) = await here.events("TokenClaimed")
    assert claimed["account"]["upn"] == ADMIN
    assert len(await here.events("DeviceCodeIssued")) == 1


async def test_kill_9_at_any_moment_ends_in_a_claim_or_an_honest_once_more(
    kit: Kit, world: tuple[Bench, Replicas]
) -> None:
    here, replicas = world
    await here.start("device_code")
    holder = replicas.start()
    kit.sim("approve", user_code=await code(here), account=ADMIN)
    for moment in (0.05, 0.25, 0.5):
        await asyncio.sleep(moment)
        holder.kill()
        holder = replicas.start()
    attempt = await here.until_attempt("claimed", "failed")
    assert attempt.state == "claimed" or attempt.reason == "interrupted"
    ends = [event for event in await here.events() if event["type"] in ("TokenClaimed", "AuthenticationFailed")]
    assert len(ends) == 1


async def test_a_stop_hands_the_flow_over_at_once(kit: Kit, world: tuple[Bench, Replicas]) -> None:
    here, replicas = world
    first = replicas.start(ATTEMPT_LEASE_SECONDS="100")
    await here.start("device_code")
    user_code = await code(here)
    await asyncio.wait_for(more_polls(kit, 1), 60)
    first.stop(grace=12)
    replicas.start()
    kit.sim("approve", user_code=user_code, account=ADMIN)
    await here.until_attempt("claimed")


async def ready(replicas: Replicas, child: Child, wanted: Any) -> dict[str, Any]:
    async with httpx.AsyncClient() as client:
        for _ in range(600):
            with contextlib.suppress(httpx.HTTPError):
                said: dict[str, Any] = (await client.get(replicas.url(child) + "/readyz")).json()
                if wanted(said):
                    return said
            await asyncio.sleep(0.1)
    raise AssertionError(replicas.logs()[-2000:])


async def test_readyz_says_which_part_is_away_and_entra_is_not_required(
    kit: Kit, world: tuple[Bench, Replicas]
) -> None:
    _, replicas = world
    away = replicas.start(ENTRA_AUTHORITY="https://localhost:1")
    found = await ready(replicas, away, lambda said: "away" in str(_part(said)))
    assert "Kafka" in str(found)
    here = replicas.start()
    await ready(replicas, here, lambda said: _part(said) and "away" not in str(_part(said)))


def _part(said: dict[str, Any]) -> Any:
    """What is said of Microsoft, wherever it stands."""
    parts = said.get("parts", said)
    found = parts.get("Microsoft Entra") if isinstance(parts, dict) else parts
    return found if found != "starting" else None


async def test_no_secret_is_in_the_logs_or_in_the_database(kit: Kit, world: tuple[Bench, Replicas]) -> None:
    here, replicas = world
    replicas.start(LOG_LEVEL="DEBUG")
    await here.start("device_code")
    user_code = await code(here)
    kit.sim("approve", user_code=user_code, account=ADMIN)
    await here.until_attempt("claimed")
    access = await here.state()
    assert access.proposed is not None
    cache = here.keys.credential_store.open_token_cache("c1", access.proposed.id, access.proposed.cache).reveal()
    found = str(await here.store.collection.get("c1")) + replicas.logs()
    codes = list(kit.running.sim.grants.devices.items)
    secrets = [user_code, demo.SIGNIN_SECRET, *codes, *kit.running.sim.grants.refresh.items]
    assert all(secret not in found for secret in secrets)
    assert "eyJ" not in replicas.logs() and '"secret": "' in cache
