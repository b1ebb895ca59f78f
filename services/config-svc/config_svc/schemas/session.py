"""What the API says of signing in, and of who calls."""

from __future__ import annotations

from config_svc.schemas.views import View


class SignIn(View):
    """How a person signs in for the command line: an authority, a public client's id, and the scopes to ask for."""

    authority: str
    client_id: str
    scopes: tuple[str, ...]


class Caller(View):
    """Who calls. `roles`: those that count here, each with those that it includes."""

    id: str
    name: str
    email: str | None
    roles: tuple[str, ...]
