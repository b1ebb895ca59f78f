"""What the API answers is what its document says: every answer has a schema, and is of it."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest

from config_svc.commands.bulk_operations import JOB
from config_svc.domain.bulk_operations import BulkOperation
from shared.jobs.worker import Worker
from tests.config_svc.config_kit import ADMIN, TENANT, C, Config

ENDLESS = {("get", "/api/v1/events", "200", "text/event-stream")}
"""The tests of streams read it."""


class Contract:
    """The OpenAPI document, and what of it was answered."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document
        self.seen: set[tuple[str, str, str, str]] = set()

    def answers(self) -> Iterator[tuple[str, str, str, str, dict[str, Any]]]:
        """Verb, path, status, media type (none where nothing is said) and what is documented of it."""
        for path, verbs in self.document["paths"].items():
            for verb, operation in verbs.items():
                for status, answer in operation["responses"].items():
                    for kind, content in answer.get("content", {"": {}}).items():
                        yield verb, path, status, kind, content

    async def check(self, response: httpx.Response) -> None:
        """As httpx calls it for each answer."""
        await response.aread()
        verb, sent = response.request.method.lower(), response.request.url.path
        kind = response.headers.get("content-type", "").partition(";")[0]
        found = [
            (path, content)
            for method, path, status, media, content in self.answers()
            if (method, status, media) == (verb, str(response.status_code), kind)
            and re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", path), sent)
        ]
        assert found, f"{verb} {sent}: {response.status_code} {kind} is not documented"
        path, content = min(found, key=lambda one: one[0].count("{"))
        if kind.endswith("json"):
            schema = content["schema"] | {"components": self.document["components"]}
            jsonschema.validate(response.json(), schema, format_checker=jsonschema.FormatChecker())
        self.seen.add((verb, path, str(response.status_code), kind))


@pytest.fixture
async def config(config_keys: Path, mongo_url: str, config_database: str) -> AsyncIterator[Config]:
    made = Config(config_keys, mongo_url, config_database, cli_client_id="99999999-aaaa-4bbb-8ccc-dddddddddddd")
    yield made
    await made.leave()


@pytest.fixture
def contract(config: Config) -> Contract:
    return Contract(config.app.openapi())


async def test_no_answer_lacks_a_schema(contract: Contract) -> None:
    untyped: tuple[dict[str, Any], ...] = ({}, {"type": "object"}, {"type": "object", "additionalProperties": True})
    lacking = [
        (verb, path, status, kind)
        for verb, path, status, kind, content in contract.answers()
        if status != "204" and {k: v for k, v in content.get("schema", {}).items() if k != "title"} in untyped
    ]
    assert lacking == []
    assert {kind for _, _, status, kind, _ in contract.answers() if status >= "400"} == {"application/problem+json"}


async def test_every_answer_is_of_its_schema(config: Config, contract: Contract) -> None:
    api = config.gateway("admin")
    api.http.event_hooks["response"].append(contract.check)
    await _customers(config, api)
    await _overviews(api)
    await _settings(api)
    await _bulk_switches(config, api)
    succeeding = {answer[:4] for answer in contract.answers() if answer[2] < "400"}
    assert succeeding - contract.seen == ENDLESS


async def _customers(config: Config, api: Any) -> None:
    body = {"name": "Contoso GmbH", "tenant": "contoso.example"}
    registration = {"client_id": "6f1d1c1e-1d8c-4f59-9d8b-6b1f9a3b6c11", "client_secret": "x"}
    await api.put(f"/customers/{C}", body)
    await api.get(f"/customers/{C}")  # delayed
    await api.put(f"/customers/{C}", body | {"app_registration": registration | {"secret_expires_on": "2126-03-20"}})
    await config.relays()
    await api.post(f"/customers/{C}/switch", {"to": "token", "admin_email": ADMIN})  # unresolved
    await config.pinned()
    await api.post(f"/customers/{C}/switch", {"to": "token", "admin_email": ADMIN, "admin_name": "Avery"})
    await config.relays()
    await api.get(f"/customers/{C}")
    await api.post(f"/customers/{C}/switch/resend", {"switch": 1})
    await api.post(f"/customers/{C}/switch/reference", {"switch": 1, "reference": "T-1"})
    await api.post(f"/customers/{C}/switch/link", {"switch": 1})
    await config.relays()
    await config.claims()
    await api.get(f"/customers/{C}")
    await api.post(f"/customers/{C}/validation")
    await api.post(f"/customers/{C}/switch", {"to": "token", "admin_email": ADMIN, "renew": True})
    await api.delete(f"/customers/{C}/switch", params={"switch": 2})
    await config.relays()
    await api.get(f"/customers/{C}")
    await api.put("/customers/gone", body)
    await api.delete("/customers/gone")
    await api.get("/customers/gone")
    await api.get("/customers/nobody")
    await api.put("/customers/x", {"name": "", "more": 1})


async def _overviews(api: Any) -> None:
    csv = {"headers": {"Accept": "text/csv"}}
    for path in ("/customers", "/invitations", "/audit", f"/customers/{C}/timeline", "/me", "/sign-in"):
        await api.get(path)
    await api.get("/customers", params={"limit": 0})
    await api.get("/invitations", **csv)
    await api.get("/audit", **csv)


async def _settings(api: Any) -> None:
    read = await api.get("/settings")
    texts = {"de": {"subject": "Für {customer}", "body": "Hallo {invitee}"}}
    body = {"invitation_life_days": 7, "remind_after_days": 0, "texts": texts}
    for _ in range(2):  # the second time it has changed
        await api.put("/settings", body, **{"If-Match": read.headers["etag"]})
    await api.put("/settings", body)


async def _bulk_switches(config: Config, api: Any) -> None:
    await api.put("/customers/fabrikam", {"name": "Fabrikam", "tenant": "fabrikam.example"})
    await config.pinned("fabrikam", f"{TENANT[:-1]}9")
    rows = [{"customer": "fabrikam", "admin_email": ADMIN, "locale": "en"}, {"customer": "nobody", "admin_email": "x"}]
    await api.post("/bulk-switches/check", {"rows": rows})
    await api.post("/bulk-switches", {"name": "Autumn", "rows": rows})  # with problems
    begun = await api.post("/bulk-switches", {"name": "Autumn", "rows": rows, "skip_problems": True})
    here = f"/bulk-switches/{begun.json()['bulk']}"
    await api.post(f"{here}/pause")
    await api.post(f"{here}/resume")
    commands = config.bulk_operations
    worker: Worker[BulkOperation] = Worker(store=commands.store, job=JOB, execute=commands.work, lease_seconds=5)
    while not await worker.once():
        config.later(seconds=10)
    await worker.settled()
    await api.post(f"{here}/remind")
    await api.get(here)
    await api.get(f"{here}/rows")
    await api.get(f"{here}/rows", headers={"Accept": "text/csv"})
    await api.get("/bulk-switches")
    await api.post(f"{here}/stop")
