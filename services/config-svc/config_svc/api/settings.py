"""The settings: read, replaced as a whole, and a look at the invitation before it is sent."""

# No postponed annotations here: FastAPI reads them, and the dependencies in them are local names.

from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header
from pydantic_core import to_jsonable_python
from starlette.responses import JSONResponse, Response

from config_svc.api import examples
from config_svc.api.common import problems
from config_svc.application import Application
from config_svc.commands.settings import SettingsCommands, expected, values_of
from config_svc.domain import settings as rules
from config_svc.domain.settings import Settings
from config_svc.schemas.settings import MEANINGS, SettingsBody
from shared.contracts.events import Actor
from shared.contracts.roles import role_name
from shared.http.idempotency import etag
from shared.identity.bearer import ADMIN, VIEWER, require

IfMatch = Annotated[str | None, Header(description='The ETag of the settings as you read them, like "3". Required.')]


STANDARD_TEXTS = {
    "en": {
        "subject": "{provider} asks for your approval: Microsoft 365 access for {customer}",
        "body": "Hello {invitee},\n\n...",
    }
}


def router(application: Application) -> APIRouter:
    routes = APIRouter(tags=["Settings"])
    viewer, admin = (Depends(require(role)) for role in (VIEWER, ADMIN))
    commands = application.settings
    answered = examples.answered(_shown(commands, Settings()) | {"standard_texts": STANDARD_TEXTS})

    @routes.get("/settings", summary="Read the settings", response_model=None, responses={200: answered, **problems()})
    async def get_settings(by: Annotated[Actor, viewer]) -> Response:
        """Role: viewer. `in_force` is what a new switch takes; `standard_texts` is what stands where `texts` has
        nothing; `placeholders` are all that a text may hold ({link} not in a subject)."""
        return _answer(commands, await commands.read())

    @routes.put(
        "/settings",
        summary="Replace the settings",
        response_model=None,
        responses={200: answered, **problems(412, 415, 422, 428)},
    )
    async def put_settings(body: SettingsBody, by: Annotated[Actor, admin], if_match: IfMatch = None) -> Response:
        """Role: admin. Replaces all of them; what is left out is as the environment says, a language that is left out
        has the standard text. Running switches keep what they began with. Codes: `settings_changed`, `remind_late`,
        `if_match_missing`, `invalid` (its `field` is like `texts.de.body`, its `detail` says where in the text)."""
        return _answer(commands, await commands.put(values_of(commands, body), expected(if_match), by))

    return routes


def _answer(commands: SettingsCommands, settings: Settings) -> Response:
    return JSONResponse(to_jsonable_python(shown(commands, settings)), headers={"ETag": etag(settings.edition)})


def shown(commands: SettingsCommands, settings: Settings) -> dict[str, Any]:
    return _shown(commands, settings) | {"standard_texts": {name: _text(commands, name) for name in commands.languages}}


def _shown(commands: SettingsCommands, settings: Settings) -> dict[str, Any]:
    """Without the standard texts: they are rendered, each language's templates when they are first wanted."""
    values, terms = settings.values, rules.in_force(settings, commands.usual)
    by = settings.changed_by
    return {
        "edition": settings.edition,
        "changed_at": settings.changed_at,
        "changed_by": by.name or by.email or by.id if by else None,
        "invitation_life_days": values.life_days,
        "remind_after_days": values.remind_after_days,
        "accepted_roles": values.accepted_roles or None,
        "sender_name": values.sender_name,
        "sender_address": values.sender,
        "texts": {name: {"subject": text.subject, "body": text.body} for name, text in values.texts.items()},
        "in_force": {
            "invitation_life_seconds": _seconds(terms.life),
            "remind_after_seconds": _seconds(terms.remind_after),
            "accepted_roles": [{"id": role, "name": role_name(role)} for role in terms.accepted_roles],
            "texts_version": terms.texts_version,
        },
        "placeholders": dict(MEANINGS),
    }


def _text(commands: SettingsCommands, language: str) -> dict[str, str]:
    standard = commands.standard(language)
    return {"subject": standard.subject, "body": standard.body}


def _seconds(span: timedelta | None) -> int | None:
    return int(span.total_seconds()) if span else None
