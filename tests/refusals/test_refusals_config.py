"""config-svc while MongoDB refuses: API, pages and consumer wait with each code of the table, then work as ever."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from fastapi.routing import APIRoute

from config_svc.commands.bulk_operations import JOB
from config_svc.domain.bulk_operations import BulkOperation
from shared.jobs.worker import Worker
from tests.config_svc.config_kit import ADMIN, API, APP, SECRET, TENANT, Browser, C, Config, Gateway
from tests.refusals.refusals_kit import Refusals, RefusedHandlers, RefusedTransport
from tests.shared.kit.issuer import claims, sign
from tests.shared.kit.mongo_proxy import Document, MongoProxy

HERE = f"/customers/{C}"
pytestmark = pytest.mark.timeout(600)  # some thousand calls: on a busy machine two minutes are short
STREAMS = ("/events", "/live/events", "/api/v1/events")
"""They last as long as somebody reads, from Kafka."""
WITHOUT_DATABASE = ("/docs/events", "/asyncapi.json", "/schemas/", "/api/v1/sign-in", "/api/v1/me", *STREAMS)


@pytest.fixture
async def config(tmp_path: Path, proxy: MongoProxy, mongo_database: str) -> AsyncIterator[Config]:
    made = Config(tmp_path, proxy.url, mongo_database, requests_per_hour=10_000)
    await made.prepare()
    yield made
    await made.close()


def counts(command: Document) -> bool:
    """Customers are counted beside the requests, which show what was counted last; Live shows ids without names."""
    counted = {"index.lot", "written"} & command.get("filter", {}).keys()
    named = "state.name" in command.get("projection", {})
    return bool(counted) or named or next(iter(command)) in ("count", "aggregate")


def refused(http: httpx.AsyncClient, config: Config, refusals: Refusals) -> None:
    http._transport = RefusedTransport(config.app, refusals)


async def test_it_waits_with_every_call_of_programs_and_every_event(config: Config, refusals: Refusals) -> None:
    refusals.beside = counts
    config.handlers = RefusedHandlers(config.handlers, refusals)  # type: ignore[assignment]
    api = config.gateway("admin")
    refused(api.http, config, refusals)
    await by_programs(config, api)
    all_met(config, refusals, api=True)


async def test_it_waits_with_every_page_and_every_form(config: Config, refusals: Refusals) -> None:
    refusals.beside = counts
    browser = await config.browser("admin")
    refused(browser.http, config, refusals)
    await signs_in(config, refusals)
    await by_people(config, browser)
    all_met(config, refusals, api=False)


def all_met(config: Config, refusals: Refusals, *, api: bool) -> None:
    """Every route was called, and all but a few came to the database."""
    expected = [route for route in routes(config) if (f" {API}" in route) == api]
    assert [route for route in expected if not any(re.fullmatch(route, name) for name in refusals.table)] == []
    untouched = [name for name, points in refusals.table.items() if not points]
    assert all(name.split()[-1].startswith((*WITHOUT_DATABASE, "/auth/")) for name in untouched), untouched


def routes(config: Config) -> list[str]:
    every = [route for router in config.service._routers for route in router.routes if isinstance(route, APIRoute)]
    return [
        f"{method} " + re.sub(r"\{\w+\}", "[^/]+", route.path)
        for route in every
        for method in route.methods or ()
        if not route.path.startswith(WITHOUT_DATABASE)
    ]


async def signs_in(config: Config, refusals: Refusals) -> None:
    browser = Browser(config.app)
    refused(browser.http, config, refusals)
    question = await browser.open("/auth/sign-in")
    asked = {name: values[0] for name, values in parse_qs(urlsplit(question.headers["location"]).query).items()}
    config.issuer.codes["code"] = sign(claims(aud="portal-client", nonce=asked["nonce"], roles=["admin"]))
    back = await browser.open("/auth/callback", params={"code": "code", "state": asked["state"]})
    assert back.status_code == 303, browser.text
    await browser.open("/customers")
    await browser.send("/auth/sign-out")


async def by_programs(config: Config, api: Gateway) -> None:
    body = {"name": "Contoso GmbH", "tenant": "contoso.example"}
    registration = {"client_id": APP, "client_secret": SECRET, "secret_expires_on": "2126-03-20"}
    ask = {"to": "token", "admin_email": ADMIN}
    other = {"name": "Fabrikam", "tenant": "fabrikam.example"}
    await done(api.put("/customers/c1", body | {"app_registration": registration}))
    await config.relays()
    await config.pinned("c1")
    await done(api.post("/customers/c1/switch", ask))
    await config.relays()
    await done(api.post("/customers/c1/switch/resend", {"switch": 1}))
    await done(api.post("/customers/c1/switch/reference", {"switch": 1, "reference": "T-1"}))
    await done(api.post("/customers/c1/switch/link", {"switch": 1}))
    await config.relays()
    await config.claims("c1")
    await done(api.post("/customers/c1/validation"))
    await done(api.post("/customers/c1/switch", ask | {"renew": True}))
    await done(api.delete("/customers/c1/switch", params={"switch": 2}))
    await config.relays()
    for path in ("/customers", "/customers/c1", "/customers/c1/timeline", "/invitations", "/audit", "/settings", "/me"):
        await done(api.get(path))
    await done(api.put("/settings", {"invitation_life_days": 7, "remind_after_days": 0}, **{"If-Match": '"0"'}))
    await done(api.put("/customers/c2", other))
    await config.pinned("c2", f"{TENANT[:-1]}9")
    rows = [{"customer": "c2", "admin_email": ADMIN, "locale": "en"}]
    await done(api.post("/bulk-switches/check", {"rows": rows}))
    begun = await done(api.post("/bulk-switches", {"name": "Autumn", "rows": rows, "skip_problems": True}))
    here = f"/bulk-switches/{begun.json()['bulk']}"
    await done(api.post(f"{here}/pause"))
    await done(api.post(f"{here}/resume"))
    await works(config)
    await done(api.post(f"{here}/remind"))
    for path in (here, f"{here}/rows", "/bulk-switches"):
        await done(api.get(path))
    await done(api.post(f"{here}/stop"))
    await config.relays()
    await done(api.delete("/customers/c1"))
    await config.relays()


async def done(call: Any) -> httpx.Response:
    answer: httpx.Response = await call
    assert answer.status_code < 400, answer.text
    return answer


async def works(config: Config) -> None:
    commands = config.bulk_operations
    worker: Worker[BulkOperation] = Worker(store=commands.store, job=JOB, execute=commands.work, lease_seconds=5)
    while not await worker.once():
        config.later(seconds=10)
    await worker.settled()
    await config.relays()


async def by_people(config: Config, browser: Browser) -> None:
    for path in (
        "/",
        "/customers",
        "/m365",
        "/status",
        "/invitations",
        "/live",
        "/audit",
        "/audit.csv",
        "/search?q=co",
    ):
        await browser.open(path)
    await registers(config, browser)
    await switches(config, browser)
    await invitations(config, browser)
    await settings(browser)
    await bulk_switch(config, browser)
    await browser.open(f"{HERE}/remove")
    await browser.send("/remove")


async def registers(config: Config, browser: Browser) -> None:
    entered: dict[str, Any] = {"name": "Contoso GmbH", "tenant": "contoso.example", "client_id": APP}
    await browser.open("/add-customer")
    await browser.send("/add-customer", id=C, client_secret=SECRET, secret_expires_on="2127-01-31", **entered)
    await config.relays()
    await config.pinned()
    await browser.open(f"{HERE}/edit")
    await browser.send("/edit", secret_expires_on="2127-01-31", **(entered | {"name": "Contoso Ltd"}))
    await browser.open(HERE)
    await browser.send("/validate")
    await browser.open("/status")
    await browser.send("/status/validate", only=C)
    for path in (f"{HERE}/state", f"{HERE}/timeline", "/status/rows", "/status.csv"):
        await browser.open(path)


async def switches(config: Config, browser: Browser) -> None:
    await browser.open(f"{HERE}/switch?to=token")
    await browser.send("/switch", admin_email=ADMIN, methods="sign_in")
    await browser.http.post(f"{HERE}/switch/change", data=browser.form("/switch/confirm")[1])
    await browser.send("/switch/confirm")
    await config.relays()
    await browser.send("/resend")
    await browser.open(f"{HERE}/resend")
    await browser.open(f"{HERE}/reference")
    await browser.send("/reference", reference="T-9")
    await browser.open(HERE)
    await browser.send("/link")


async def invitations(config: Config, browser: Browser) -> None:
    for path in ("/invitations/rows", "/invitations.csv"):
        await browser.open(path)
    number = (await config.customer()).switches
    row = f"{C}/{number}/2"
    await browser.open("/invitations?state=pending")
    listed = browser.page
    await browser.send("/invitations/link", row=row)
    browser.page = listed
    await browser.send("/invitations/resend", row=row)
    await browser.open("/invitations/selected", params={"do": "resend", "back": "/invitations", "row": row})
    await browser.send("/invitations/batches", follow=False, row=f"{C}/{number}")
    selection = browser.page.headers["location"].partition("?")[0]
    await browser.open(selection)
    await browser.open(f"{selection}/state")
    await browser.open(f"{HERE}/cancel")
    await browser.send("/cancel")
    await config.relays()


async def settings(browser: Browser) -> None:
    await browser.open("/settings")
    await browser.send("/settings?text=en", life_days="8")
    await browser.open("/settings?text=ja")
    await browser.send("/settings/texts/ja", subject="{customer}", body="{invitee}")
    where, hidden = browser.form("/settings/texts/ja")
    await browser.http.post(f"{where}/preview", data=hidden | {"subject": "{customer}", "body": "{invitee}"})
    await browser.open("/settings/mail/ja")
    await browser.http.post(f"{where}/standard", data=hidden)
    for path in ("/live", "/live/numbers", "/live/lines"):
        await browser.open(path)


async def bulk_switch(config: Config, browser: Browser) -> None:
    await browser.open("/bulk-switches/new")
    await browser.send("/bulk-switches", name="Autumn", text=f"customer,admin_email\n{C},{ADMIN}\n")
    here = str(browser.page.url.path)
    await browser.send(f"{here}/begin", first="1", per_minute="600", after="wait")
    for verb in ("pause", "resume"):
        await browser.send(f"{here}/{verb}")
    await works(config)
    for path in (here, f"{here}/state", f"{here}/result.csv", "/bulk-switches"):
        await browser.open(path)
    await browser.open(here)
    for verb in ("remind", "stop"):
        await browser.http.post(f"{here}/{verb}", data=browser.form("/remind")[1])
