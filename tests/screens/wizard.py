"""The wizard's screens: the way of one invitee past every one of them, and where a link leads no further."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from playwright.async_api import BrowserContext

from shared.contracts.events import SwitchRequested
from tests.invite_svc.invite_kit import APP_ID, Wizard, requested
from tests.invite_svc.invite_shots import ends
from tests.invite_svc.invite_shots import walk as way
from tests.screens.walking import Visit, language_of, own_database, served
from tokenswitch_dev.runner import plan

NAMES: dict[str, Any] = {
    "entra_app_name": "Tokenswitch",
    "entra_device_app_name": "Tokenswitch (sign-in by code)",
    "entra_client_id": APP_ID,
    "provider_logo_file": plan.LOGO,
}
LIVE = {
    "preparing-stuck": "#screen-preparing #pace .alert-warning",
    "code": "#screen-code",
    "ready": "#screen-ready",
    "failed": "#screen-choose",
    "done": "#screen-done",
}
"""Screens that come to the open page by themselves, since it asks every second, and what is on them only."""


async def walk(
    context: BrowserContext,
    mongo_url: str,
    visit: Visit,
    kind: type[Wizard] = Wizard,
    invitation: SwitchRequested | None = None,
    **settings: Any,
) -> None:
    with tempfile.TemporaryDirectory() as keys:
        wizard = kind(Path(keys), mongo_url, own_database(), **(NAMES | settings))
        try:
            await wizard.hears(invitation or requested())
            await past(wizard, context, visit)
        finally:
            await wizard.close()


async def past(wizard: Wizard, context: BrowserContext, visit: Visit) -> None:
    async with served(wizard.app, "127.0.0.1") as base:
        page = await context.new_page()
        chosen = await language_of(page)  # by the reader, since the invitation's goes before the browser's
        await context.add_cookies([{"name": "ts-invite-lang", "value": chosen, "url": base}])

        async def shoot(name: str) -> None:
            if name in LIVE:
                await page.wait_for_selector(LIVE[name])
            await visit(page, name)

        await way(wizard, page, base, shoot)
        await ends(wizard, page, base, shoot, chosen)
        await page.close()
