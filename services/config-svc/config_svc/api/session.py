"""Who calls, and how a person signs in for the command line."""

from __future__ import annotations

from fastapi import APIRouter, Request

from config_svc.api import examples
from config_svc.api.dependencies import Viewer
from config_svc.api.problems import problems
from config_svc.application import App
from config_svc.schemas.session import Caller, SignIn
from shared.identity.bearer import ORDER

router = APIRouter(tags=["Sign-in"])


@router.get(
    "/sign-in",
    summary="How the command line signs in",
    responses=examples.answer(examples.SIGN_IN) | problems(404),
)
async def get_sign_in(app: App) -> SignIn:
    """Public. Code: `no_sign_in`."""
    return app.command_line.sign_in


@router.get("/me", summary="Who calls", responses=examples.answer(examples.CALLER) | problems())
async def get_me(request: Request, by: Viewer) -> Caller:
    """Role: viewer."""
    roles = tuple(role for role in ORDER if request.state.identity.has(role))
    return Caller(id=by.id, name=by.name, email=by.email, roles=roles)
