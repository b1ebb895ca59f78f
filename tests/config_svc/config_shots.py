"""Pictures of every page of the portal: python -m tests.config_svc.config_shots FOLDER [de-DE] [NAME ...]."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Literal

import uvicorn
from playwright.async_api import BrowserContext, Page, async_playwright

from config_svc.commands.bulk_operations import JOB
from config_svc.domain.bulk_operations import BulkOperation, Pace
from config_svc.domain.model import Failure, Mail
from config_svc.schemas.bulk_file import read_csv
from shared.contracts.events import (
    Actor,
    AppRegistrationProven,
    AuthenticationFailed,
    AuthenticationStarted,
    AuthenticationValidated,
    DeviceCodeIssued,
    EmailFailed,
    EmailSent,
    InvitationCreated,
    InvitationExpired,
    InvitationOpened,
)
from shared.jobs.worker import Worker
from shared.store.write_plan import Command
from tests.config_svc.config_kit import APP, GLOBAL_ADMIN, TENANT, Config
from tokenswitch_dev.stack.mongo import EmbeddedMongo
from tokenswitch_dev.stack.process import free_port
from tokenswitch_dev.walkthrough.browser import launch

LOOKS: tuple[tuple[Literal["light", "dark"], int], ...] = (
    ("light", 1280),
    ("light", 390),
    ("dark", 1280),
    ("dark", 390),
)
CORRELATION = "0af76519-16cd-43dd-8448-eb211c80319c"
LONG = "Proseware Holding & Partner International Verwaltungsgesellschaft mbH & Co. KG"
DRAFT, PAUSED, ENDED = ("d" * 40, "e" * 40, "f" * 40)
PAGES = {
    "customers": "/customers",
    "customers-nothing": "/customers?q=zzz",
    "choose": "/m365",
    "add": "/add-customer",
    "edit": "/customers/proseware/edit",
    "remove": "/customers/proseware/remove",
    "m365-none": "/customers/wingtip",
    "m365-resolving": "/customers/northwind",
    "m365-unknown": "/customers/nowhere",
    "m365-requested": "/customers/adatum",
    "m365-code": "/customers/contoso",
    "m365-attempt-failed": "/customers/relecloud",
    "m365-mail-failed": "/customers/tailspin",
    "m365-completed": "/customers/fabrikam",
    "m365-failed": "/customers/litware",
    "m365-expired": "/customers/woodgrove",
    "m365-expiring": "/customers/proseware",
    "m365-lost": "/customers/lamna",
    "m365-back": "/customers/trey",
    "m365-checking": "/customers/vanarsdel",
    "switch": "/customers/litware/switch?to=token",
    "renew": "/customers/fabrikam/switch?to=token&renew=1",
    "back-stored": "/customers/fabrikam/switch?to=app_registration",
    "back-missing": "/customers/lamna/switch?to=app_registration",
    "resend": "/customers/adatum/resend",
    "cancel": "/customers/adatum/cancel",
    "refused": "/customers/adatum/switch?to=token",
    "invitations": "/invitations",
    "invitations-nothing": "/invitations?q=zzz",
    "invitations-selected": "/invitations/selected?do=resend&row=adatum/1/1&row=contoso/1/1&row=fabrikam/1/1",
    "invitations-unselected": "/invitations/selected?do=cancel",
    "reference": "/customers/adatum/reference",
    "timeline": "/customers/fabrikam/timeline",
    "search": "/customers?q=on",
    "status": "/status",
    "status-failed": "/status?status=failed",
    "status-said": "/status?begun=3&left=1&why=too_many_requests",
    "status-nothing": "/status?q=zzz",
    "live": "/live?window=7d",
    "live-day": "/live",
    "audit": "/audit",
    "audit-filtered": "/audit?action=SwitchRequested&customer=trey",
    "audit-nothing": "/audit?actor=nobody",
    "bulks": "/bulk-switches",
    "bulk-new": "/bulk-switches/new",
    "bulk-draft": f"/bulk-switches/{DRAFT}",
    "bulk-paused": f"/bulk-switches/{PAUSED}",
    "bulk-ended": f"/bulk-switches/{ENDED}?state=unanswered",
    "gone": "/customers/gone",
    "unknown": "/customers/nobody",
    "nothing-here": "/nothing",
    "settings": "/settings",
    "settings-own": "/settings?text=de",
}
SETTINGS = {
    "sender_name": "Northstar Communications",
    "invitation_life_days": 14,
    "texts": {
        "de": {
            "subject": "{provider} bittet um Ihre Zustimmung für {customer}",
            "body": (
                "Guten Tag {invitee},\n\nwir stellen den Zugriff auf {customer} um und brauchen dafür bis {until} Ihre "
                "Zustimmung.\nIhre Ansprechperson ist {inviter}.\n\nBei Fragen rufen Sie uns gern an."
            ),
        }
    },
}
WALL = "/live?wall=1&window=30d"
WALLS: tuple[tuple[Literal["light", "dark"], int], ...] = (("light", 1920), ("dark", 1920))
Shoot = Callable[[Page, str], Awaitable[None]]


@contextlib.asynccontextmanager
async def served(config: Config, sock: socket.socket) -> AsyncIterator[None]:
    """The application alone: without Kafka, since the script plays the other services."""
    server = uvicorn.Server(uvicorn.Config(config.app, log_level="warning", proxy_headers=False, lifespan="off"))
    serving = asyncio.create_task(server.serve([sock]))
    yield
    server.should_exit = True
    await serving


# --- customers in every state ----------------------------------------------------------------------------------------


async def customer(config: Config, n: int, id: str, name: str, secret: bool = True) -> None:
    expires = (config.now + timedelta(days=336)).date().isoformat()
    registration = {"client_id": APP, "client_secret": "x", "secret_expires_on": expires}
    body = {"name": name, "tenant": f"{id}.onmicrosoft.com", "reference": f"CRM-{4711 + n}"}
    await config.gateway().put(f"/customers/{id}", body | ({"app_registration": registration} if secret else {}))
    await config.relays()
    await config.pinned(id, f"{TENANT[:-2]}{n:02}")


async def asked(config: Config, id: str, to: str = "token") -> None:
    config.later(minutes=7)
    who = {"admin_email": f"avery.admin@{id}.onmicrosoft.com", "admin_name": "Avery Admin", "reference": "TICKET-17"}
    await config.gateway("operator").post(f"/customers/{id}/switch", {"to": to} | (who if to == "token" else {}))
    await config.relays()


async def invited(config: Config, id: str) -> None:
    await asked(config, id)
    await config.hears(
        InvitationCreated(
            customer=id, switch=1, generation=1, created_at=config.now, expires_at=config.now + timedelta(days=7)
        ),
        "invite/invitations",
    )
    await config.hears(
        EmailSent(customer=id, switch=1, kind="invitation", generation=1, tries=1, count=1), "notify/outgoing_mails"
    )


async def opened(config: Config, id: str, method: Literal["device_code", "sign_in"] = "device_code") -> None:
    await invited(config, id)
    config.later(minutes=3)
    await config.hears(
        InvitationOpened(customer=id, switch=1, generation=1, opened_at=config.now), "invite/invitations"
    )
    await config.hears(
        AuthenticationStarted(
            customer=id, switch=1, attempt=1, method=method, accepted_roles=(GLOBAL_ADMIN,), tenant_id=TENANT
        ),
        "invite/invitations",
    )


async def running(config: Config) -> None:
    await asked(config, "adatum")
    await opened(config, "contoso")
    code = DeviceCodeIssued(
        customer="contoso",
        switch=1,
        attempt=1,
        code="sealed",
        verification_uri="https://microsoft.com/devicelogin",
        expires_at=config.now,
    )
    await config.hears(code)
    await opened(config, "relecloud")
    await config.hears(
        AuthenticationFailed(
            customer="relecloud",
            switch=1,
            attempt=1,
            method="device_code",
            reason="code_blocked",
            aadsts=530035,
            correlation_id=CORRELATION,
        )
    )
    await invited(config, "tailspin")
    await config.hears(
        EmailFailed(
            customer="tailspin",
            switch=1,
            kind="invitation",
            generation=1,
            tries=3,
            why="550 mailbox unknown",
            final=True,
        ),
        "notify/outgoing_mails",
    )


async def ended(config: Config) -> None:
    for id in ("fabrikam", "trey", "lamna"):
        await opened(config, id, "sign_in")
        await config.claims(id)
    await invited(config, "woodgrove")
    config.later(days=8)
    await config.hears(InvitationExpired("woodgrove", 1, 1))
    await config.relays()
    await asked(config, "trey", "app_registration")
    await config.hears(AppRegistrationProven(customer="trey", switch=2, attempt=1, client_id=APP, source="stored"))
    await config.relays()
    failed = Failure(reason="revoked", at=config.now, aadsts=50173, correlation_id=CORRELATION)
    await config.set("lamna", lambda found: replace(found, status="failed", failure=failed, checked_at=config.now))
    await config.set("lamna", lambda found: replace(found, grant=replace(found.grant, lost=True)))


async def validated(config: Config) -> None:
    for id in ("litware", "vanarsdel"):
        answer = await config.gateway().post(f"/customers/{id}/validation")
        await config.relays()
        if id == "litware":
            request = answer.json()["request"]
            await config.hears(
                AuthenticationValidated(
                    customer=id,
                    request=request,
                    method="app_registration",
                    outcome="failed",
                    checked_at=config.now,
                    revision=1,
                    grant=None,
                    reason="secret_wrong",
                    aadsts=7000215,
                    correlation_id=CORRELATION,
                )
            )
    soon = (config.now + timedelta(days=5)).date().isoformat()
    await config.set(
        "proseware",
        lambda found: replace(
            found,
            secret_expires_on=soon,
            status="successful",
            checked_at=config.now,
            secret_warned=7,
        ),
    )


async def everyone(config: Config) -> None:
    names = (
        "Adatum",
        "Contoso GmbH",
        "Relecloud",
        "Tailspin Toys",
        "Fabrikam",
        "Trey Research",
        "Woodgrove Bank",
        "Litware",
        "Vanarsdel",
        LONG,
    )
    for n, name in enumerate(names):
        await customer(config, n, name.split()[0].lower(), name)
    await customer(config, 20, "lamna", "Lamna Healthcare", secret=False)
    await customer(config, 21, "wingtip", "Wingtip", secret=False)
    await config.gateway().put("/customers/northwind", {"name": "Northwind", "tenant": "northwind.example"})
    await config.gateway().put("/customers/nowhere", {"name": "Nowhere", "tenant": "nowhere.example"})
    await config.relays()
    await config.set("nowhere", lambda found: replace(found, tenant_state="unknown", tenant_reason="tenant_unknown"))
    await customer(config, 22, "gone", "Gone Ltd")
    await config.gateway("admin").delete("/customers/gone")
    await config.relays()
    await ended(config)
    await running(config)
    await validated(config)
    await bulks(config)
    await config.gateway("admin").put("/settings", SETTINGS, **{"If-Match": '"0"'})
    await config.relays()
    mail = Mail(state="sent", count=2, at=config.now)
    await config.set("adatum", lambda found: replace(found, switch=replace(found.switch, mail=mail)))


async def bulks(config: Config) -> None:
    """A file just checked, one that waits after its first wave, and one of which all were asked."""
    ids = [f"zava-{n}" for n in range(1, 7)]
    for n, id in enumerate(ids):
        await customer(config, 30 + n, id, f"Zava {n + 1}")
    await bulk(config, DRAFT, "Winter", ["adatum", "zava-5", "zava-6", "nobody", "zava-5"])
    await bulk(config, PAUSED, "Autumn", ids[:4], Pace(60, 2))
    await bulk(config, ENDED, "Pilot", [*ids[4:], "adatum"], Pace(60, 0))
    await config.relays()
    await config.claims("zava-5")


async def bulk(config: Config, id: str, name: str, customers: Sequence[str], pace: Pace | None = None) -> None:
    by, bulks = Actor(id="u-operator", name="Operator Person"), config.bulk_operations
    text = "customer,email,name,reference\n" + "".join(f"{one},it@{one}.example,Ivy Tan,T-{one}\n" for one in customers)
    await bulks.draft(id, name, await bulks.check(read_csv(text.encode()), by), by)
    if pace:
        await bulks.begin(id, pace, by, Command(f"begin-{id}", id))
        due: Worker[BulkOperation] = Worker(store=bulks.store, job=JOB, execute=bulks.work, lease_seconds=5)
        while await due.once():
            await due.settled()


# --- pictures -------------------------------------------------------------------------------------------------------


async def forms(page: Page, base: str, shoot: Shoot) -> None:
    """What comes after a form."""
    await page.goto(f"{base}/add-customer")
    await page.fill("#f-id", "no good")
    await page.fill("#f-tenant", "contoso")
    await page.fill("#f-client_id", "x")
    await page.evaluate("document.querySelectorAll('[required]').forEach(field => field.required = false)")
    await page.click("main form button[type=submit]")
    await shoot(page, "add-wrong")
    await page.goto(f"{base}/customers/litware/switch?to=token")
    await page.fill("#f-admin_email", "avery.admin@litware.example")
    await page.fill("#f-admin_name", "Avery Admin")
    await page.click("main form button[type=submit]")
    await shoot(page, "confirm")
    await page.goto(f"{base}/customers/fabrikam/switch?to=app_registration")
    await page.click("main form button[type=submit]")
    await shoot(page, "confirm-back")
    await page.goto(f"{base}/settings?text=fr")
    await page.fill("#f-body", "Bonjour {invité},\n\nmerci de répondre avant le {until}.")
    await page.fill("#f-subject", "Accès pour {customer}")
    await page.wait_for_selector("#mail-preview .alert")
    await shoot(page, "settings-typing")
    await page.click("#text-form button:not([formaction])")
    await shoot(page, "settings-wrong")
    await page.goto(f"{base}/customers/adatum")
    await page.evaluate("document.querySelector('form[data-link]').submit()")
    await page.wait_for_selector("#f-link")
    await shoot(page, "link")


async def lists(page: Page, base: str, shoot: Shoot) -> None:
    """What the lists show while they are worked with."""
    await page.goto(f"{base}/status")
    await page.locator("#f-search").press_sequentially("on")
    await page.wait_for_selector("#found li")
    await page.keyboard.press("ArrowDown")
    await shoot(page, "search-open")
    await page.goto(f"{base}/invitations")
    await page.get_by_role("checkbox").nth(1).check()
    await page.get_by_role("checkbox").nth(2).check()
    await page.locator(".reference a").first.click()
    await page.wait_for_selector("form.in-place")
    await shoot(page, "invitations-edited")
    await page.goto(f"{base}/invitations/selected?do=cancel&row=contoso/1/1&row=relecloud/1/1&row=fabrikam/1/1")
    await page.locator("main form button").click()
    await page.wait_for_selector("progress")
    await shoot(page, "batch")


async def shoot_all(context: BrowserContext, base: str, folder: Path, look: str, names: Sequence[str]) -> None:
    page = await context.new_page()
    page.on("console", lambda message: print(look, message.type, message.text))
    page.on("pageerror", lambda error: print(look, error))

    async def shoot(page: Page, name: str) -> None:
        if name.startswith("settings"):  # a frame is painted only where it is in the window
            height = await page.evaluate("document.documentElement.scrollHeight")
            await page.set_viewport_size({"width": (page.viewport_size or {"width": 1280})["width"], "height": height})
            await page.wait_for_timeout(500)
        await page.wait_for_timeout(150)
        over = await page.evaluate("document.documentElement.scrollWidth - innerWidth")
        if over > 0:
            print(f"{look} {name}: {over} px too wide")
        await page.screenshot(path=folder / f"{name}-{look}.png", full_page=True)

    for name, path in ({"live-wall": WALL} if "1920" in look else PAGES).items():
        if not names or name in names:
            await page.goto(base + path)
            await shoot(page, name)
    for name, part in (("lists", lists), ("forms", forms)):
        if "1920" not in look and (not names or name in names):
            await part(page, base, shoot)


async def main(folder: Path, language: str, names: Sequence[str], mongo_url: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    sock = socket.create_server(("127.0.0.1", 0))
    base = f"http://localhost:{sock.getsockname()[1]}"
    with tempfile.TemporaryDirectory() as keys:
        config = Config(Path(keys), mongo_url, "shots")
        await config.prepare()
        await everyone(config)
        signed_in = {who: (await config.browser(who)).http.cookies["ts-config"] for who in ("admin", "viewer")}
        async with served(config, sock), async_playwright() as playwright:
            browser = await launch(playwright)
            for scheme, width in (*LOOKS, *WALLS):
                context = await browser.new_context(
                    viewport={"width": width, "height": 844 if width < 1900 else 1080},
                    color_scheme=scheme,
                    locale=language,
                )
                await context.add_cookies([{"name": "ts-config", "value": signed_in["admin"], "url": base}])
                await shoot_all(context, base, folder, f"{width}-{scheme}", names)
                await context.close()
            await browser.close()
        await config.close()


if __name__ == "__main__":
    given = sys.argv[2:]
    locale = next((word for word in given if word[2:3] == "-"), "en-GB")
    with tempfile.TemporaryDirectory() as data, EmbeddedMongo(Path(data), free_port()) as server:
        asyncio.run(main(Path(sys.argv[1]), locale, [word for word in given if word != locale], server.url))
