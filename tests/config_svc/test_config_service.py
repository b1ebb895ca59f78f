"""config-svc as it is run: a process with real servers, an issuer, outages, SIGTERM; and its settings."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from config_svc.settings import ConfigSettings
from shared.service.settings import Misconfigured, load
from tests.config_svc.config_kit import ADMIN, APP, SECRET
from tests.dev.simulator.simulator_kit import Kit, kit_fixture
from tests.servers import OwnKafka, OwnMongo
from tokenswitch_dev.runner.keys import make_keys, write_secret
from tokenswitch_dev.runner.token import bearer_token
from tokenswitch_dev.simulator.demo import PROVIDER_TENANT
from tokenswitch_dev.stack.process import free_port

BODY = {"name": "Contoso", "tenant": "contoso.example", "app_registration": {"client_id": APP, "client_secret": SECRET}}


@pytest.fixture(scope="module")
def entra(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kit]:
    yield from kit_fixture(tmp_path_factory)


@dataclass(kw_only=True)
class Process:
    popen: subprocess.Popen[bytes]
    url: str
    log: Path
    token: str
    began: float = field(default_factory=time.monotonic)
    ready_after: float = 0.0
    """Seconds from its start."""

    def until_ready(self) -> None:
        until(lambda: self.ask("GET", "/readyz").status_code == 200)
        self.ready_after = self.ready_after or time.monotonic() - self.began

    def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.token}", "Idempotency-Key": uuid.uuid4().hex}
        return httpx.request(method, self.url + path, headers=headers | more.pop("headers", {}), timeout=20, **more)

    def api(self, method: str, path: str, **more: Any) -> httpx.Response:
        return self.ask(method, f"/api/v1{path}", **more)


@contextmanager
def running(folder: Path, entra: Kit, kafka: str, mongo: str, **more: str) -> Iterator[Process]:
    port, keys, log = free_port(), make_keys(folder / "keys"), folder / f"{uuid.uuid4().hex}.log"
    env = {
        "KAFKA_BOOTSTRAP": kafka,
        "MONGO_URL": mongo,
        "PORT": str(port),
        "PORTAL_URL": f"http://localhost:{port}",
        "INVITE_URL": "http://localhost:8001",
        "LOG_FORMAT": "json",
        "TOPIC_PARTITIONS": "3",
        "OPERATOR_ISSUER": f"{entra.authority}/{PROVIDER_TENANT}/v2.0",
        "OPERATOR_CA_FILE": str(entra.running.ca_file),
        "PORTAL_CLIENT_ID": "portal",
        "API_AUDIENCE": "api://tokenswitch",
        "PORTAL_CLIENT_SECRET_FILE": str(write_secret(folder / "portal", "x")),
        "LINK_KEYS_FILE": str(keys.link),
        "SEAL_PUBLIC_KEYS_FILE": str(keys.seal_public),
    }
    token = bearer_token("operator", entra.authority, entra.running.ca_file)
    with log.open("ab") as out:
        command = [sys.executable, "-m", "config_svc"]
        popen = subprocess.Popen(command, env=os.environ | env | more, stdout=out, stderr=out)
    try:
        yield Process(popen=popen, url=f"http://localhost:{port}", log=log, token=token)
    finally:
        popen.kill()
        popen.wait()


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


def events(process: Process, count: int, **headers: str) -> list[dict[str, Any]]:
    """The first events of the stream, each with the id that stood before it."""
    found: list[dict[str, Any]] = []
    sent = {"Authorization": f"Bearer {process.token}"} | headers
    with httpx.stream("GET", f"{process.url}/api/v1/events", headers=sent, timeout=30) as answer:
        last = ""
        for line in answer.iter_lines():
            last = line.removeprefix("id: ") if line.startswith("id: ") else last
            if line.startswith("data: "):
                found.append(json.loads(line.removeprefix("data: ")) | {"last": last})
            if len(found) == count:
                return found
    return found


def test_it_serves_streams_and_ends_in_order(
    tmp_path: Path, entra: Kit, kafka_bootstrap: str, mongo_url: str, mongo_database: str, topic: str
) -> None:
    with running(tmp_path, entra, kafka_bootstrap, mongo_url, MONGO_DATABASE=mongo_database, TOPIC=topic) as process:
        process.until_ready()
        assert process.api("PUT", "/customers/contoso", json=BODY).status_code == 201
        until(lambda: process.api("GET", "/customers/contoso/timeline").json().get("items"))
        first = events(process, 1, **{"Last-Event-ID": "0:0,1:0,2:0"})[0]
        assert first["type"] == "CustomerRegistered" and "registration" not in first["data"]
        process.api("PUT", "/customers/contoso", json=BODY | {"name": "Contoso Ltd"})
        second = events(process, 1, **{"Last-Event-ID": first["last"]})[0]
        assert (second["type"], second["data"]["name"]) == ("CustomerChanged", "Contoso Ltd")
        assert psutil.Process(process.popen.pid).memory_info().rss < 100 * 2**20
        _ends_in_order(process)
        assert SECRET not in process.log.read_text()


def _ends_in_order(process: Process) -> None:
    headers = {"Authorization": f"Bearer {process.token}"}
    with httpx.stream("GET", f"{process.url}/api/v1/events", headers=headers, timeout=30) as answer:
        lines = answer.iter_lines()
        assert next(lines).startswith("retry:")
        began = time.monotonic()
        process.popen.send_signal(signal.SIGTERM)
        rest = list(lines)
    assert "event: end" in rest and any("stopping" in line for line in rest)
    assert process.popen.wait(120) == 0
    assert time.monotonic() - began < max(10, process.ready_after), "a busy machine takes longer for the start as well"


def test_without_kafka_requests_are_taken_and_shown_as_delayed_without_mongodb_refused(
    tmp_path: Path, entra: Kit, own_kafka: OwnKafka, own_mongo: OwnMongo
) -> None:
    kafka, mongo = own_kafka(), own_mongo()
    with running(tmp_path, entra, kafka.bootstrap, mongo.url) as process:
        until(lambda: process.ask("GET", "/readyz").status_code == 200)
        kafka.kill()
        assert process.api("PUT", "/customers/contoso", json=BODY).status_code == 201
        assert process.api("GET", "/customers/contoso").json()["delayed"]["since"]
        until(lambda: "away" in process.ask("GET", "/readyz").json()["parts"]["Kafka"])
        kafka.start()
        until(lambda: process.api("GET", "/customers/contoso").json()["delayed"] is None)
        until(lambda: process.api("GET", "/customers/contoso/timeline").json().get("items"))
        mongo.kill()
        began = time.monotonic()
        for method, path in (("GET", "/customers"), ("PUT", "/customers/contoso"), ("POST", "/customers/x/validation")):
            answer = process.api(method, path, json=BODY if method == "PUT" else None)
            assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
            assert int(answer.headers["retry-after"]) > 0
        page = httpx.get(f"{process.url}/customers", headers={"Accept": "text/html"}, timeout=20)
        assert page.status_code == 503 and "not available right now" in page.text and page.headers["retry-after"]
        assert time.monotonic() - began < 20
        mongo.start()
        until(lambda: process.api("GET", "/customers/contoso").status_code == 200)
        body = {"to": "token", "admin_email": ADMIN}
        assert process.api("POST", "/customers/contoso/switch", json=body).json()["code"] == "tenant_unresolved"


# --- settings --------------------------------------------------------------------------------------------------------


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    keys = make_keys(tmp_path)
    for name, value in {
        "KAFKA_BOOTSTRAP": "127.0.0.1:9092",
        "MONGO_URL": "mongodb://127.0.0.1",
        "PORT": "8000",
        "PORTAL_URL": "http://localhost:8000",
        "INVITE_URL": "http://localhost:8001",
        "API_AUDIENCE": "api://x",
        "OPERATOR_ISSUER": "https://login.example/v2.0",
        "PORTAL_CLIENT_ID": "portal",
        "PORTAL_CLIENT_SECRET_FILE": str(write_secret(tmp_path / "s", "x")),
        "LINK_KEYS_FILE": str(keys.link),
        "SEAL_PUBLIC_KEYS_FILE": str(keys.seal_public),
    }.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def test_what_a_switch_takes_by_default(environment: pytest.MonkeyPatch) -> None:
    found = load(ConfigSettings)
    assert (found.invitation_life, found.remind_after) == (timedelta(days=7), timedelta(days=3))
    assert len(found.roles) == 2


@pytest.mark.parametrize(
    ("text", "life"),
    [
        ("14", timedelta(days=14)),
        ("36h", timedelta(hours=36)),
        ("90 s", timedelta(seconds=90)),
        ("15m", timedelta(minutes=15)),
    ],
)
def test_durations_are_written_as_people_say_them(environment: pytest.MonkeyPatch, text: str, life: timedelta) -> None:
    environment.setenv("INVITATION_LIFE", text)
    assert load(ConfigSettings).invitation_life == life


@pytest.mark.parametrize("text", ["none", "None", "0"])
def test_no_reminder(environment: pytest.MonkeyPatch, text: str) -> None:
    environment.setenv("REMIND_AFTER", text)
    assert load(ConfigSettings).remind_after is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("INVITATION_LIFE", "soon"),
        ("INVITATION_LIFE", "0"),
        ("INVITATION_LIFE", "91d"),
        ("INVITATION_LIFE", "-1d"),
        ("REMIND_AFTER", "later"),
        ("ACCEPTED_ROLES", "Global Administrator"),
        ("ACCEPTED_ROLES", ","),
        ("EVENT_STREAMS", "0"),
        ("REQUESTS_PER_HOUR", "x"),
        ("LINK_KEYS_FILE", "/nowhere"),
        ("OPERATOR_ISSUER", "x"),
        ("OPERATOR_ISSUER", "http://login.example/v2.0"),
        ("PORTAL_CLIENT_SECRET_FILE", "/nowhere"),
        ("SEAL_PUBLIC_KEYS_FILE", "/nowhere"),
    ],
)
def test_a_wrong_setting_is_named_in_one_sentence(environment: pytest.MonkeyPatch, name: str, value: str) -> None:
    environment.setenv(name, value)
    with pytest.raises(Misconfigured) as caught:
        load(ConfigSettings)
    assert str(caught.value).startswith(name) and str(caught.value).endswith(".")
