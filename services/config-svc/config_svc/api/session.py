"""Who calls, and how a person signs in for the command line."""

# No postponed annotations here: FastAPI reads them, and the dependencies in them are local names.

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request

from config_svc.api import examples
from config_svc.api.common import problems
from config_svc.application import Application
from shared.contracts.events import Actor
from shared.identity.bearer import ORDER, VIEWER, require

SIGN_IN = {
    "authority": "https://login.microsoftonline.com/11111111-2222-4333-8444-555555555555",
    "client_id": "99999999-aaaa-4bbb-8ccc-dddddddddddd",
    "scopes": ["api://tokenswitch/.default"],
}
ME = {"id": "operator-1", "name": "Otto Operator", "email": "otto@provider.example", "roles": ["viewer", "operator"]}


def router(application: Application) -> APIRouter:
    routes = APIRouter(tags=["Sign-in"])
    viewer = Depends(require(VIEWER))

    @routes.get(
        "/sign-in",
        summary="How the command line signs in",
        responses={200: examples.answered(SIGN_IN), **problems(404)},
    )
    async def get_sign_in() -> dict[str, Any]:
        """Public: an authority, a public client's id, and the scopes to ask for. Code: `no_sign_in`."""
        return application.command_line.told

    @routes.get("/me", summary="Who calls", responses={200: examples.answered(ME), **problems()})
    async def get_me(request: Request, by: Annotated[Actor, viewer]) -> dict[str, Any]:
        """Role: viewer. `roles` are those that count here, each with those it includes."""
        identity = request.state.identity
        return {
            "id": by.id,
            "name": by.name,
            "email": by.email,
            "roles": [role for role in ORDER if identity.has(role)],
        }

    return routes
