"""A service as a process: it starts whatever is away, says so, goes on by itself, and ends in order on SIGTERM."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from fastapi import APIRouter
from pydantic import SecretStr

from shared.domain.rules import Refused
from shared.service.service import Service
from shared.service.settings import CommonSettings
from shared.store.mongo import Mongo
from shared.web.pages import Pages
from tests.servers import OwnKafka, OwnMongo
from tokenswitch_dev.stack.process import free_port


@dataclass
class Process:
    """A running service of tests/shared/frame_service.py."""

    popen: subprocess.Popen[bytes]
    port: int
    log: Path
    began: float = field(default_factory=time.monotonic)
    ready_after: float = 0.0
    """Seconds from its start."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def get(self, path: str) -> httpx.Response:
        return httpx.get(f"{self.url}{path}", timeout=8)

    def ask(self, id: str = "contoso") -> httpx.Response:
        return httpx.post(f"{self.url}/api/v1/things/{id}", timeout=8)

    def until_ready(self) -> None:
        until(lambda: self.get("/readyz").status_code == 200)
        self.ready_after = self.ready_after or time.monotonic() - self.began

    def parts(self) -> dict[str, str]:
        found: dict[str, str] = self.get("/readyz").json()["parts"]
        return found

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]


def until(true: Callable[[], object], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while True:
        try:
            if true():
                return
        except httpx.TransportError:
            pass
        assert time.monotonic() < end, "it did not come to that in time"
        time.sleep(0.1)


Start = Callable[..., Process]


@contextmanager
def running(log: Path, kafka: str, mongo: str, **more: str) -> Iterator[Process]:
    port = int(more.pop("PORT", "0")) or free_port()
    known = {
        "KAFKA_BOOTSTRAP": kafka,
        "MONGO_URL": mongo,
        "PORT": str(port),
        "PORTAL_URL": f"http://localhost:{port}",
        "INVITE_URL": "http://localhost:8001",
        "LOG_FORMAT": "json",
        "TOPIC_PARTITIONS": "2",
    }
    with log.open("ab") as out:
        popen = subprocess.Popen(
            [sys.executable, "-m", "tests.shared.kit.service"], env=os.environ | known | more, stdout=out, stderr=out
        )
    try:
        yield Process(popen, port, log)
    finally:
        popen.kill()
        popen.wait()


@pytest.fixture
def start(tmp_path: Path, mongo_database: str, topic: str) -> Iterator[Start]:
    stack: list[Any] = []

    def begin(kafka: str, mongo: str, **more: str) -> Process:
        named = {"MONGO_DATABASE": mongo_database, "TOPIC": topic} | more
        manager = running(tmp_path / f"service-{len(stack)}.log", kafka, mongo, **named)
        stack.append(manager)
        return manager.__enter__()

    yield begin
    for manager in reversed(stack):
        manager.__exit__(None, None, None)


def stop_in_time(process: Process) -> None:
    """SIGTERM: it ends by itself, with 0, within ten seconds, or where even its start took longer within those."""
    began = time.monotonic()
    process.popen.send_signal(signal.SIGTERM)
    assert process.popen.wait(timeout=120) == 0
    assert time.monotonic() - began < max(10, process.ready_after)


def refused_after(process: Process) -> float:
    """The seconds until it says that it cannot be asked now."""
    began = time.monotonic()
    refused = process.ask()
    assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")
    assert "retry-after" in refused.headers
    return time.monotonic() - began


def test_it_starts_with_everything_away_and_goes_on_by_itself(
    start: Start, own_kafka: OwnKafka, own_mongo: OwnMongo
) -> None:
    kafka, mongo = own_kafka(), own_mongo()
    kafka.kill()
    mongo.kill()

    process = start(kafka.bootstrap, mongo.url)
    until(lambda: process.get("/healthz").status_code == 200)
    until(lambda: "away" in process.parts()["Kafka"] and "away" in process.parts()["MongoDB"])
    assert process.get("/readyz").status_code == 503
    assert min(refused_after(process) for _ in range(5)) < 1  # known to be away: at once

    mongo.start()
    until(lambda: process.parts()["MongoDB"] == "ok")
    assert process.ask().status_code == 202  # without Kafka it is taken
    assert "away" in process.parts()["Kafka"]
    until(lambda: process.get("/api/v1/things/contoso").json()["done"] == 1)  # due work needs no Kafka
    assert process.get("/api/v1/things/contoso").json()["heard"] == 0

    kafka.start()
    until(lambda: process.get("/api/v1/things/contoso").json()["heard"] == 1)
    until(lambda: process.get("/readyz").status_code == 200)

    mongo.kill()
    for _ in range(3):
        assert refused_after(process) < 6  # never a hang
    until(lambda: process.get("/readyz").status_code == 503)
    mongo.start()
    until(lambda: process.get("/readyz").status_code == 200)
    assert process.ask().json() == {"asked": 2}
    until(lambda: process.get("/api/v1/things/contoso").json()["heard"] == 2)

    said = [line for line in process.lines() if line["level"] != "info"]
    assert not [line for line in said if "Traceback" in line.get("error", "")]  # what is away is a line, no traceback
    assert len(said) < 30


def test_on_sigterm_work_at_hand_is_finished_and_its_events_go_out(
    start: Start, kafka_bootstrap: str, mongo_url: str, mongo_database: str
) -> None:
    process = start(kafka_bootstrap, mongo_url, WORK_SECONDS="1.5")
    process.until_ready()
    with httpx.stream("GET", f"{process.url}/api/v1/stream", timeout=10) as stream:  # someone listens all the time
        next(stream.iter_raw())
        assert process.ask().status_code == 202
        until(lambda: "work" in _kept(mongo_url, mongo_database).get("lease", {}))
        stop_in_time(process)
    document = _kept(mongo_url, mongo_database)
    assert document["state"]["done"] == 1
    assert document["outbox"] == []
    assert "unsent" not in document

    again = start(kafka_bootstrap, mongo_url)
    until(lambda: again.get("/api/v1/things/contoso").json() == {"heard": 1, "done": 1})


def test_on_sigterm_work_that_takes_too_long_is_given_back(
    start: Start, kafka_bootstrap: str, mongo_url: str, mongo_database: str
) -> None:
    process = start(kafka_bootstrap, mongo_url, WORK_SECONDS="60", GRACE="1")
    process.until_ready()
    assert process.ask().status_code == 202
    until(lambda: "work" in _kept(mongo_url, mongo_database).get("lease", {}))
    stop_in_time(process)
    assert _kept(mongo_url, mongo_database)["state"]["done"] == 0
    other = start(kafka_bootstrap, mongo_url)
    other.until_ready()
    until(lambda: other.get("/api/v1/things/contoso").json()["done"] == 1, 10)  # well before the lease of 30 s


def resident(process: Process) -> float:
    """Megabytes."""
    return psutil.Process(process.popen.pid).memory_info().rss / 1e6


def _kept(mongo_url: str, database: str) -> dict[str, Any]:
    import asyncio

    async def read() -> dict[str, Any]:
        mongo = Mongo(mongo_url, f"{database}_config")
        try:
            return await mongo.collection("things").get("contoso") or {}
        finally:
            mongo.close()

    return asyncio.run(read())


def test_a_wrong_setting_is_told_in_one_sentence(start: Start, kafka_bootstrap: str) -> None:
    process = start(kafka_bootstrap, "mysql://u:hunter2@db")
    assert process.popen.wait(timeout=120) == 1
    said = process.log.read_text().strip()
    assert said == "MONGO_URL is not an address; give one like mongodb://host:port."


def test_what_every_service_serves_and_that_its_port_is_its_own(
    start: Start, kafka_bootstrap: str, mongo_url: str
) -> None:
    process = start(kafka_bootstrap, mongo_url)
    until(lambda: process.get("/readyz").status_code == 200)
    assert process.parts().keys() >= {"Kafka", "MongoDB", "relay", "consumer", "topics", "indexes", "things/work"}

    docs = process.get("/docs")
    assert "/api/v1/things/{id}" in docs.text and "Asks for it once more." in docs.text
    assert not re.search(r"<script|<style|style=|https?://", docs.text)
    assert process.get("/docs.css").headers["content-type"].startswith("text/css")
    assert "/readyz" not in process.get("/openapi.json").json()["paths"]

    assert process.ask().status_code == 202
    until(lambda: "tokenswitch_events_relayed_total" in process.get("/metrics").text)
    measured = process.get("/metrics").text
    labels = 'method="POST",route="/api/v1/things/{id}",status="202"'
    assert f"tokenswitch_http_request_duration_seconds_count{{{labels}}}" in measured
    assert "things/a" not in measured
    for path in ("/docs", "/healthz", "/nothing", "/api/v1/things/a"):
        headers = process.get(path).headers
        assert "script-src 'self'" in headers["content-security-policy"]
        assert headers["cache-control"] == "no-store"
        assert "server" not in headers

    response = httpx.get(f"{process.url}/api/v1/things/a", headers={"host": "evil.example"})
    assert (response.status_code, response.json()["code"]) == (400, "unknown_host")
    logged = process.log.read_text()
    assert "/api/v1/things" not in logged  # no access log

    second = start(kafka_bootstrap, mongo_url, PORT=str(process.port))
    assert second.popen.wait(timeout=120) == 1
    said = second.log.read_text().strip()
    assert said.startswith(f"PORT {process.port} on HOST 127.0.0.1 cannot be used (")
    assert "\n" not in said
    assert resident(process) < 100


async def test_errors_are_pages_in_the_readers_language(mongo_url: str) -> None:
    service = Service("config", settings(mongo_url), public_url="http://localhost:8000")
    router = APIRouter()

    @router.get("/refuses")
    async def refuses() -> None:
        raise Refused("sign_in_failed", "The sign-in service did not accept the sign-in.", status=400)

    @router.get("/fails")
    async def fails() -> None:
        raise ValueError("s3cret-value")

    service.include_router(router)
    service.pages(Pages("shared", "config", "http://localhost:8000"))
    headers = {"accept": "text/html", "accept-language": "de"}
    transport = httpx.ASGITransport(service.app())
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost:8000", headers=headers) as client:
        refused, failed = await client.get("/refuses"), await client.get("/fails")
        service.health.say("MongoDB", "away: no server")
        away = await client.get("/refuses")
    assert (refused.status_code, failed.status_code, away.status_code) == (400, 500, 503)
    assert "Der Anmeldedienst hat die Anmeldung nicht angenommen." in refused.text
    assert "s3cret" not in failed.text and re.search(r"<code>[0-9a-f]{32}</code>", failed.text)
    assert 'lang="de"' in away.text and away.headers["retry-after"] == "5"
    service.mongo.close()


def settings(mongo_url: str) -> CommonSettings:
    return CommonSettings(
        kafka_bootstrap="127.0.0.1:9",
        mongo_url=SecretStr(mongo_url),
        port=0,
        portal_url="http://localhost:8000",
        invite_url="http://localhost:8001",
    )
