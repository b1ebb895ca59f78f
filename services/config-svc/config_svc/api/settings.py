"""The settings: read, and replaced as a whole."""

from __future__ import annotations

from fastapi import APIRouter, Response

from config_svc.api import examples
from config_svc.api.dependencies import Admin, IfMatch, Viewer
from config_svc.api.problems import problems
from config_svc.application import App
from config_svc.commands.settings import SettingsCommands, expected, values_of
from config_svc.domain.settings import Settings, in_force
from config_svc.schemas.settings import SettingsBody, SettingsView
from shared.http.idempotency import etag

router = APIRouter(tags=["Settings"])


@router.get("/settings", summary="Read the settings", responses=examples.answer(examples.settings()) | problems())
async def get_settings(by: Viewer, app: App, response: Response) -> SettingsView:
    """Role: viewer. `in_force` is what a new switch takes; `standard_texts` is what stands where `texts` has nothing;
    `placeholders` are all that a text may hold ({link} not in a subject)."""
    return _shown(app.settings, await app.settings.read(), response)


@router.put(
    "/settings",
    summary="Replace the settings",
    responses=examples.answer(examples.settings()) | problems(412, 415, 422, 428),
)
async def put_settings(
    body: SettingsBody, by: Admin, app: App, response: Response, if_match: IfMatch = None
) -> SettingsView:
    """Role: admin. If-Match is required. Replaces all of them; what is left out is as the environment says, a language
    that is left out has the standard text. Running switches keep what they began with. Codes: `settings_changed`,
    `remind_late`, `if_match_missing`, `invalid` (its `field` is like `texts.de.body`, its `detail` says where in the
    text)."""
    saved = await app.settings.put(values_of(app.settings, body), expected(if_match), by)
    return _shown(app.settings, saved, response)


def _shown(commands: SettingsCommands, settings: Settings, response: Response) -> SettingsView:
    response.headers["ETag"] = etag(settings.edition)
    standard_texts = {language: commands.standard(language) for language in commands.languages}
    return SettingsView.of(settings, in_force(settings, commands.usual), standard_texts)
